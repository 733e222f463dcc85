import CairnFormat
import CairnSystem
import Synchronization
import SystemPackage

/// Giving files their metadata and their names.
extension RestoreRun {
  /// Ends a file that has no pieces left: it gets its place, is left as it is because it is right, or is given up.
  ///
  /// - Throws: only what ends the restore.
  func finish(_ file: PendingFile) throws {
    // Whoever gave a destination finishes it.
    guard file.destination == nil else { return }
    defer { release(file.directory) }
    if !file.isFailed {
      do {
        if options.dryRun {
          try preview(file)
        } else if try !adopt(file) {
          try write(file)
        }
      } catch {
        try fail(file, error)
      }
    }
    file.state.withLock { $0 = PendingFile.State() }
    guard let link = file.link else { return }
    for waiting in link.settle(file.isFailed ? .failed : .done) { try makeLink(link, waiting, failed: file.isFailed) }
  }

  /// Gives a file up; the first reason is reported.
  func fail(_ file: PendingFile, _ error: any Error) throws {
    guard file.fail() else { return }
    context.counters.filesDone.add()
    try note(error, file.path, during: "restoring")
  }

  /// What would be done.
  private func preview(_ file: PendingFile) throws {
    let isEqual = file.comparison == .trusted || (file.comparison == .content && file.existing?.size == file.size)
    guard isEqual, !file.state.withLock({ $0.differs }), let present = try openExisting(file), let status = try? present.status() else {
      return count(file, .restored)
    }
    count(file, metadata.matches(file.node, .file(present), status) ? .unchanged : status.linkCount == 1 ? .updated : .restored)
  }

  private func count(_ file: PendingFile, _ action: ItemAction) {
    switch action {
    case .restored:
      tally.filesRestored.add()
      tally.bytesRestored.add(file.size)
    case .updated:
      tally.filesUpdated.add()
      tally.bytesSkipped.add(file.size)
    default:
      tally.filesUnchanged.add()
      tally.bytesSkipped.add(file.size)
    }
    item(file.directory, file.node.name, action, bytes: file.size)
  }

  // MARK: - Existing files

  /// Keeps the existing file when its content is right, and puts its metadata right.
  ///
  /// - Returns: false when it must be replaced, also when it has names that the restore knows nothing of: changing it would change those.
  private func adopt(_ file: PendingFile) throws -> Bool {
    guard file.comparison != .none, let existing = file.existing, !file.state.withLock({ $0.differs }) else { return false }
    guard file.comparison == .trusted || existing.size == file.size else { return false }
    guard let present = try openExisting(file), let status = try? present.status() else { return false }
    let flags = try present.inodeFlags()
    let isRight =
      flags & MetadataWriter.flagMask == file.node.inodeFlags & MetadataWriter.flagMask
      && metadata.matches(file.node, .file(present), status)
    if isRight, status.linkCount == 1 || (status.linkCount == UInt64(file.node.links) && keeps(status)) {
      count(file, .unchanged)
      return true
    }
    guard status.linkCount == 1 else { return false }
    if flags & MetadataWriter.protectionMask != 0 { try present.setInodeFlags(flags & ~MetadataWriter.protectionMask) }
    metadata.apply(file.node, to: .file(present), existing: status, inheritance: file.directory.inheritance) { file.path }
    applyFlags(file, present, isNew: false)
    count(file, .updated)
    return true
  }

  /// Claims an existing file of several names; false when it was kept as another file of the snapshot, which it would be linked with.
  private func keeps(_ status: FileStatus) -> Bool {
    keptLinks.withLock { $0.insert(LinkKey(device: status.device, inode: status.inode)).inserted }
  }

  /// Opens what lies under the file's name, if it still is the regular file that was seen there.
  ///
  /// One that had other names too may have lost some of them to the restore, which changes its ctime and nothing else.
  /// - Returns: nil when it is not, or may not be read.
  func openExisting(_ file: PendingFile) throws -> OpenFile? {
    if let destination = file.destination { return destination }
    let directory = try directories.open(file.directory)
    do throws(FileError) {
      let present = try OpenFile.open(file.node.name, at: directory, .source)
      let status = try present.status()
      guard let existing = file.existing, status.type == .regular, status.inode == existing.inode, status.device == existing.device,
        status.size == existing.size, status.ctime == existing.ctime || (existing.linkCount > 1 && status.mtime == existing.mtime)
      else { return nil }
      return present
    } catch {
      switch error.errno {
      case .permissionDenied, .notPermitted, .noSuchFileOrDirectory, .tooManySymbolicLinkLevels: return nil
      default: throw error
      }
    }
  }

  // MARK: - New files

  /// Completes the temporary file and gives it its place.
  private func write(_ file: PendingFile) throws {
    let temporary = try self.temporary(of: file)
    try copyEqualRanges(file, into: temporary.file)
    if file.endsInHole || options.sparse { try temporary.file.truncate(to: file.size) }
    metadata.apply(file.node, to: .file(temporary.file), existing: nil, inheritance: file.directory.inheritance) { file.path }
    try place(temporary, file)
    applyFlags(file, temporary.file, isNew: true)
    count(file, .restored)
  }

  /// The file that the content goes into; made when first asked for. Any thread.
  func temporary(of file: PendingFile) throws -> TemporaryFile {
    let directory = try directories.open(file.directory)
    return try file.state.withLock { state in
      if let temporary = state.temporary { return temporary }
      let temporary = try TemporaryFile.make(in: directory, unnamedWorks: unnamedWorks)
      state.temporary = temporary
      return temporary
    }
  }

  private func copyEqualRanges(_ file: PendingFile, into target: OpenFile) throws {
    let ranges = file.state.withLock { $0.equal }
    guard !ranges.isEmpty else { return }
    guard let present = try openExisting(file) else {
      throw CairnError(.failed, "The existing file changed while it was being restored; run the restore again.")
    }
    for range in ranges {
      try context.cancellation.check()
      let length = range.upperBound - range.lowerBound
      guard try target.copyRange(from: present, at: range.lowerBound, to: range.lowerBound, length: length) == length else {
        throw CairnError(.failed, "The existing file was cut off while it was being restored; run the restore again.")
      }
    }
  }

  private func place(_ temporary: TemporaryFile, _ file: PendingFile) throws {
    if file.existing == nil {
      do throws(FileError) { return try temporary.place(as: file.node.name) } catch {
        if error.errno != .fileExists { throw error }
      }
    }
    let directory = try directories.open(file.directory)
    try replacing(file.node.name, in: directory) { () throws(FileError) in try temporary.replace(file.node.name) }
  }

  /// Flags that forbid further names wait until all links are made.
  private func applyFlags(_ file: PendingFile, _ target: OpenFile, isNew: Bool) {
    if file.link != nil, file.node.inodeFlags & MetadataWriter.protectionMask != 0 {
      lateFlags.withLock { $0.append(LateFlags(place: LinkName(directory: file.directory, name: file.node.name), node: file.node)) }
    } else {
      metadata.applyFlags(file.node, to: target, isNew: isNew) { file.path }
    }
  }

  /// Sets the flags that had to wait.
  func applyLateFlags() throws {
    for late in lateFlags.withLock({ $0 }) {
      let path = { late.place.directory.path(late.place.name) }
      do {
        let directory = try directories.open(late.place.directory)
        let file = try OpenFile.open(late.place.name, at: directory, .source)
        metadata.applyFlags(late.node, to: file, isNew: false, path: path)
      } catch { try note(error, path(), during: "setting the inode flags") }
    }
  }
}

/// Inode flags to be set when the restore is over.
struct LateFlags: Sendable {
  let place: LinkName
  let node: Node
}
