import CairnFormat
import CairnSystem
import Glibc

import struct SystemPackage.Errno

/// What happens to one entry.
extension Walker {
  func visit(_ frame: WalkFrame, _ index: Int) throws {
    try countWalked()
    switch frame.entries {
    case .listing(let listing): try visit(frame, listing, index)
    case .places(let places): try visit(frame, places[index])
    }
  }

  private func visit(_ frame: WalkFrame, _ listing: DirectoryListing, _ index: Int) throws {
    guard let file = frame.file else { return }
    let site = frame.site
    let base = try matchBase(frame) { name in listing.withName(index) { Self.order(name, $0) } }
    let name = base?.name ?? listing.name(index)
    let hint = listing.typeHint(index)
    if let tag = frame.tag, tag != name { return try leaveOut(frame, site, name, base) }
    if !filter.patterns.isEmpty, isExcluded(name) { return try leaveOut(frame, site, name, base) }
    if hint == .directory { return try enter(frame, site, file, name, base) }
    do {
      let status = try FileSystem.status(at: file, listing, index)
      if status.type == .directory { return try enter(frame, site, file, name, base) }
      try take(frame, site, file, name, status, base)
    } catch let error as FileError {
      try fail(frame, site, name, base, error)
    }
  }

  static func order(_ name: [UInt8], _ other: UnsafeRawBufferPointer) -> Int {
    name.withUnsafeBytes { name in
      let common = min(name.count, other.count)
      if common > 0, let left = name.baseAddress, let right = other.baseAddress {
        let order = memcmp(left, right, common)
        if order != 0 { return Int(order) }
      }
      return name.count - other.count
    }
  }

  private func isExcluded(_ name: [UInt8]) -> Bool {
    components.append(name)
    defer { components.removeLast() }
    return filter.patterns.excludesEntry(components)
  }

  private func isIgnored(_ site: WalkSite, _ name: [UInt8], isDirectory: Bool) -> Bool {
    guard let chain = site.ignores else { return false }
    components.append(name)
    defer { components.removeLast() }
    return chain.ignores(components, isDirectory: isDirectory)
  }

  func leaveOut(_ frame: WalkFrame, _ site: WalkSite, _ name: [UInt8], _ base: Node?) throws {
    run.report(site.path.bytes(name), .excluded, 0)
    if let base { try noteRemoved(frame, base) }
  }

  /// An entry that cannot be examined. One that is gone is as if the backup had begun a little later.
  private func fail(_ frame: WalkFrame, _ site: WalkSite, _ name: [UInt8], _ base: Node?, _ error: FileError) throws {
    if let base { try noteRemoved(frame, base) }
    guard error.errno != .noSuchFileOrDirectory else { return }
    problem(site.path.bytes(name), error.operation, error.reason)
    try markPartial(frame)
  }

  // MARK: - The base

  /// The base's next entry without taking it. A base that cannot be read is no base from there on.
  private func peekBase(_ frame: WalkFrame) throws -> Node? {
    do { return try frame.cursor?.peek() } catch let error as CairnError where error.code == .damaged {
      run.context.sink.report(
        .message("The base snapshot cannot be read in \(Escaping.terminal(frame.path.bytes())); its files are read again. \(error.message)")
      )
      frame.cursor = nil
      try materialise()
      return nil
    }
  }

  /// Takes the base's next entry.
  func nextBase(_ frame: WalkFrame) throws -> Node? {
    guard let node = try peekBase(frame) else { return nil }
    _ = try frame.cursor?.next()
    return node
  }

  /// Takes the base's entry of a name, noting those before it as removed.
  ///
  /// - Parameter order: how a name of the base stands to the name that is looked for.
  func matchBase(_ frame: WalkFrame, _ order: ([UInt8]) -> Int) throws -> Node? {
    while let node = try peekBase(frame) {
      let order = order(node.name)
      if order > 0 { return nil }
      _ = try frame.cursor?.next()
      if order == 0 { return node }
      try noteRemoved(frame, node)
    }
    return nil
  }

  // MARK: - Files and the like

  /// Takes an entry that is no directory into the snapshot.
  func take(_ frame: WalkFrame, _ site: WalkSite, _ file: OpenFile, _ name: [UInt8], _ status: FileStatus, _ base: Node?) throws {
    let isRegular = status.type == .regular
    if isIgnored(site, name, isDirectory: false) || (isRegular && filter.largerThan.map { status.size > $0 } == true)
      || (filter.oneFileSystem && status.device != site.device)
    {
      return try leaveOut(frame, site, name, base)
    }
    if isRegular, countsTotals {
      run.context.counters.filesTotal.add()
      run.context.counters.bytesTotal.add(status.size)
    }
    let verdict = base.flatMap { detector?.verdict(status, $0) } ?? .content
    if verdict == .unchanged, let base, inheritance.isIntact(base, reader), nodes.hasSameNames(base) {
      return try reuse(frame, site, name, base, isRegular: isRegular)
    }
    try materialise()
    let slot = try openSlot(frame, base: base)
    let inherits = verdict != .content && isRegular && base.map { inheritance.isIntact($0, reader) } == true
    var job = EntryJob(
      directory: file, path: site.path, name: name, status: status, base: base, inheritsContent: inherits, slot: slot, linkKey: nil)
    guard isRegular, status.linkCount > 1, !inherits else { return try enqueue(job) }
    let key = LinkKey(device: status.device, inode: status.inode)
    job.linkKey = key
    switch run.links.claim(key, job) {
    case .read: try enqueue(job)
    case .readUnshared:
      job.linkKey = nil
      try enqueue(job)
    case .waits: break
    case .known(let node): try settle(job, node.named(name))
    }
  }

  private func reuse(_ frame: WalkFrame, _ site: WalkSite, _ name: [UInt8], _ base: Node, isRegular: Bool) throws {
    try addSame(frame, base)
    if isRegular {
      tally.filesUnchanged += 1
      tally.bytesProcessed = tally.bytesProcessed.addingSaturated(base.size)
      run.context.counters.filesDone.add()
      run.context.counters.bytesDone.add(base.size)
    } else {
      tally.others += 1
    }
    run.report(site.path.bytes(name), .unchanged, base.size)
  }

  private func settle(_ job: EntryJob, _ node: Node) throws {
    let action = tally.count(node, base: job.base)
    run.context.counters.filesDone.add()
    run.context.counters.bytesDone.add(node.size)
    run.report(job.absolutePath, action, node.size)
    if let directory = job.slot.resolve(node) { try hand(.feed(directory)) }
  }

  // MARK: - Directories

  /// Goes into a directory.
  func enter(_ frame: WalkFrame, _ site: WalkSite, _ parent: OpenFile, _ name: [UInt8], _ base: Node?) throws {
    if isIgnored(site, name, isDirectory: true) { return try leaveOut(frame, site, name, base) }
    guard frames.count < Limits.pathDepth else {
      if let base { try noteRemoved(frame, base) }
      problem(site.path.bytes(name), "reading", "it lies more than \(Limits.pathDepth) directories deep; it is left out")
      return try markPartial(frame)
    }
    do {
      let file: OpenFile
      do { file = try OpenFile.open(name, at: parent, [.source, .directory]) } catch {
        // Not a directory any more, or a link: look again.
        if [.notDirectory, .tooManySymbolicLinkLevels].contains(error.errno) { return try reconsider(frame, site, parent, name, base) }
        if error.errno == .noSuchFileOrDirectory { throw error }
        return try addUnreadable(frame, site, parent, name, base, error)
      }
      let status = try file.status()
      let identity = LinkKey(device: status.device, inode: status.inode)
      if identity == filter.ownDirectory {
        run.context.sink.report(.message("\(Escaping.terminal(site.path.bytes(name))) is the repository itself; it is left out."))
        return try leaveOut(frame, site, name, base)
      }
      if filter.oneFileSystem, status.device != site.device {
        return try addClosed(frame, site, try own(name, PathNode(site.path, name), file, status, base, flags: .partialDirectory), base)
      }
      let listing: DirectoryListing
      do { listing = try file.list() } catch { return try addUnreadable(frame, site, parent, name, base, error) }
      let path = PathNode(site.path, name)
      try push(
        try self.frame(
          path: path, file: file, status: status, listing: listing, own: try own(name, path, file, status, base), base: base,
          device: site.device, ignores: site.ignores, depth: components.count + 1),
        .entry(name))
    } catch let error as FileError {
      try fail(frame, site, name, base, error)
    }
  }

  /// A frame for a directory that was listed.
  ///
  /// - Parameter depth: components of its absolute path.
  func frame(
    path: PathNode, file: OpenFile, status: FileStatus, listing: DirectoryListing, own: Node, base: Node?, device: UInt64,
    ignores: IgnoreChain?, depth: Int
  ) throws -> WalkFrame {
    let rules = filter.ignoreNames.isEmpty ? nil : filter.ignoreFile(in: file, listing)
    let site = WalkSite(path: path, device: device, ignores: rules.map { IgnoreChain($0, depth: depth, above: ignores) } ?? ignores)
    return WalkFrame(
      site: site, file: file, identity: LinkKey(device: status.device, inode: status.inode), entries: .listing(listing), own: own,
      tag: filter.tags.isEmpty ? nil : filter.tag(in: file, listing), base: base, cursor: try cursor(base, path))
  }

  /// A directory of the base, to be read beside the source.
  func cursor(_ base: Node?, _ path: PathNode) throws -> DirectoryCursor? {
    guard let tree = base?.subtree else { return nil }
    do { return try reader.cursor(tree) } catch let error as CairnError where error.code == .damaged {
      run.context.sink.report(
        .message("The base snapshot cannot be read in \(Escaping.terminal(path.bytes())); its files are read again. \(error.message)"))
      return nil
    }
  }

  /// A directory's own metadata, taken from the base where nothing changed.
  func own(
    _ name: [UInt8], _ path: PathNode, _ file: OpenFile, _ status: FileStatus, _ base: Node?, flags: NodeFlags = []
  ) throws -> Node {
    if let base, base.type == .directory, detector?.verdict(status, base) == .unchanged, nodes.hasSameNames(base) {
      var node = base.withoutSubtree
      node.flags = flags
      return node
    }
    var node = nodes.node(name, status)
    node.flags = flags
    do {
      node.inodeFlags = try file.inodeFlags()
      let attributes = NodeReader.attributes(try file.extendedAttributes())
      if attributes == nil {
        problem(path.bytes(), "reading the extended attributes", "together they exceed 1 MiB; they are left out")
      }
      node.extendedAttributes = attributes ?? []
    } catch {
      problem(path.bytes(), error.operation, error.reason)
    }
    return node
  }

  /// What was a directory a moment ago.
  private func reconsider(_ frame: WalkFrame, _ site: WalkSite, _ parent: OpenFile, _ name: [UInt8], _ base: Node?) throws {
    let status = try FileSystem.status(at: parent, name: name)
    guard status.type != .directory else {
      problem(site.path.bytes(name), "reading", "it keeps being replaced")
      if let base { try noteRemoved(frame, base) }
      return try markPartial(frame)
    }
    try take(frame, site, parent, name, status, base)
  }

  /// A directory whose contents cannot be read: it is there, and a restore must not take it for empty.
  private func addUnreadable(_ frame: WalkFrame, _ site: WalkSite, _ parent: OpenFile, _ name: [UInt8], _ base: Node?, _ error: FileError)
    throws
  {
    let status = try FileSystem.status(at: parent, name: name)
    problem(site.path.bytes(name), error.operation, error.reason)
    guard status.type == .directory else { return try fail(frame, site, name, base, error) }
    var node = nodes.node(name, status)
    node.flags = .partialDirectory
    // `try?`: what cannot be opened often cannot tell its attributes either; the directory is reported as unreadable anyway.
    node.extendedAttributes = (try? FileSystem.extendedAttributes(at: parent, name: name)).flatMap(NodeReader.attributes) ?? []
    try addClosed(frame, site, node, base)
  }

  /// Adds a directory whose contents are not stored.
  private func addClosed(_ frame: WalkFrame, _ site: WalkSite, _ node: Node, _ base: Node?) throws {
    let action = tally.count(node, base: base)
    run.report(site.path.bytes(node.name), action, 0, isDirectory: true)
    if node == base { return try addSame(frame, node) }
    try materialise()
    try add(frame, SlotGroup.Slot(node: node, base: base))
  }
}
