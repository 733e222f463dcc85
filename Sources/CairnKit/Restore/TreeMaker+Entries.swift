import CairnFormat
import CairnSystem
import SystemPackage

/// Everything that is not a directory.
extension TreeMaker {
  mutating func make(_ node: Node) throws {
    try forgetStrangers(before: node.name)
    let last = levels.count - 1
    if levels[last].isLost { return }
    if levels[last].directory == nil || !levels[last].hasContent { try materialize(last, forContent: true) }
    guard let directory = levels[last].directory, !levels[last].isLost else { return }
    do {
      let there = try existing(node.name, in: last)
      if let there, !replaces(node, there) { return skip(node, directory) }
      if let source = links.source(of: node) { return try link(source, node, directory) }
      let source = LinkTable.isShared(node) ? LinkSource(node, in: directory) : nil
      if let source { links.add(source, for: node) }
      if node.type == .file {
        try file(node, directory, there, source)
      } else {
        try special(node, directory, there, source)
      }
    } catch { try run.note(error, path(node.name), during: "restoring") }
  }

  private func skip(_ node: Node, _ directory: RestoredDirectory) {
    run.tally.filesSkipped.add()
    if node.type == .file { run.tally.bytesSkipped.add(node.size) }
    run.item(directory, node.name, .skipped, bytes: node.size)
  }

  private func link(_ source: LinkSource, _ node: Node, _ directory: RestoredDirectory) throws {
    directory.retainPending()
    let name = LinkName(directory: directory, name: node.name)
    switch source.wait(name) {
    case nil: break
    case .failed: try run.makeLink(source, name, failed: true)
    default: try run.makeLink(source, name, failed: false)
    }
  }

  private mutating func file(_ node: Node, _ directory: RestoredDirectory, _ there: FileStatus?, _ source: LinkSource?) throws {
    directory.retainPending()
    let pending = PendingFile(directory: directory, node: node, existing: there, comparison: comparison(node, there), link: source)
    try planner.plan(pending, node)
  }

  private func comparison(_ node: Node, _ there: FileStatus?) -> PendingFile.Comparison {
    guard let there, there.type == .regular else { return .none }
    let time = FileTime(seconds: node.mtime.seconds, nanoseconds: node.mtime.nanoseconds)
    if run.options.overwrite == .ifChanged, there.size == node.size, there.mtime == time, there.linkCount == 1 { return .trusted }
    return .content
  }

  // MARK: - Links, devices, fifos, sockets

  private func special(_ node: Node, _ directory: RestoredDirectory, _ there: FileStatus?, _ source: LinkSource?) throws {
    do {
      let action = try run.options.dryRun ? preview(node, directory, there) : placeSpecial(node, directory, there)
      switch action {
      case .restored: run.tally.filesRestored.add()
      case .updated: run.tally.filesUpdated.add()
      default: run.tally.filesUnchanged.add()
      }
      run.item(directory, node.name, action, bytes: 0)
    } catch {
      for waiting in source?.settle(.failed) ?? [] { try run.makeLink(LinkSource(node, in: directory), waiting, failed: true) }
      throw error
    }
    for waiting in source?.settle(.done) ?? [] { try run.makeLink(LinkSource(node, in: directory), waiting, failed: false) }
  }

  /// What would be done.
  private func preview(_ node: Node, _ directory: RestoredDirectory, _ there: FileStatus?) throws -> ItemAction {
    guard let there else { return .restored }
    let file = try run.directories.open(directory)
    guard try isSame(node, there, in: file) else { return .restored }
    return run.metadata.matches(node, .name(file, node.name), there) ? .unchanged : there.linkCount == 1 ? .updated : .restored
  }

  private func placeSpecial(_ node: Node, _ directory: RestoredDirectory, _ there: FileStatus?) throws -> ItemAction {
    let file = try run.directories.open(directory)
    if let there, try isSame(node, there, in: file) {
      let target = MetadataTarget.name(file, node.name)
      if run.metadata.matches(node, target, there) { return .unchanged }
      // With another name, which the restore knows nothing of, it is replaced: its metadata is also that name's.
      if there.linkCount == 1 {
        run.metadata.apply(node, to: target, existing: there, inheritance: directory.inheritance) { path(node.name) }
        return .updated
      }
    }
    if there == nil {
      do throws(FileError) {
        try create(node, file, node.name)
        run.metadata.apply(node, to: .name(file, node.name), existing: nil, inheritance: directory.inheritance) { path(node.name) }
        return .restored
      } catch {
        guard error.errno == .fileExists else { throw error }
      }
    }
    try run.replacing(node.name, in: file) { () throws(FileError) in try replace(node, directory, file) }
    return .restored
  }

  /// Makes the entry under a temporary name and moves it over what is there.
  private func replace(_ node: Node, _ directory: RestoredDirectory, _ file: OpenFile) throws(FileError) {
    let temporary = TemporaryName.random()
    try create(node, file, temporary)
    do throws(FileError) {
      run.metadata.apply(node, to: .name(file, temporary), existing: nil, inheritance: directory.inheritance) { path(node.name) }
      try FileSystem.rename(from: file, fromName: temporary, to: file, toName: node.name, replace: true)
    } catch {
      // `try?`: the first error counts.
      try? FileSystem.unlink(at: file, name: temporary)
      throw error
    }
  }

  private func create(_ node: Node, _ directory: OpenFile, _ name: [UInt8]) throws(FileError) {
    switch node.type {
    case .symbolicLink: try FileSystem.makeSymbolicLink(target: node.linkTarget, at: directory, name: name)
    case .fifo: try FileSystem.makeNode(at: directory, name: name, type: .fifo)
    case .socket: try FileSystem.makeNode(at: directory, name: name, type: .socket)
    case .characterDevice:
      try FileSystem.makeNode(at: directory, name: name, type: .characterDevice, major: node.rdevMajor, minor: node.rdevMinor)
    case .blockDevice:
      try FileSystem.makeNode(at: directory, name: name, type: .blockDevice, major: node.rdevMajor, minor: node.rdevMinor)
    case .file, .directory: throw FileError(errno: .invalidArgument, operation: "create", path: name)
    }
  }

  /// Whether what is there is the same but for its metadata.
  private func isSame(_ node: Node, _ there: FileStatus, in directory: OpenFile) throws(FileError) -> Bool {
    switch (node.type, there.type) {
    case (.symbolicLink, .symbolicLink): try FileSystem.readLink(at: directory, name: node.name) == node.linkTarget
    case (.fifo, .fifo), (.socket, .socket): true
    case (.characterDevice, .characterDevice), (.blockDevice, .blockDevice):
      there.rdevMajor == node.rdevMajor && there.rdevMinor == node.rdevMinor
    default: false
    }
  }
}
