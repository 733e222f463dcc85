import CairnFormat
import CairnSystem
import SystemPackage

/// Making room for entries, and hard links.
extension RestoreRun {
  /// Runs a step that puts something in the place of whatever has the name; when that fails because of what is there, makes room and
  /// tries once more.
  ///
  /// A directory goes if it is empty, or with all in it when deleting was asked for. Immutable and append-only files lose that flag.
  func replacing(_ name: [UInt8], in directory: OpenFile, _ step: () throws(FileError) -> Void) throws {
    do throws(FileError) { return try step() } catch {
      switch error.errno {
      case .isDirectory, .fileExists, .directoryNotEmpty:
        guard let status = try status(of: name, in: directory), status.type == .directory else { throw error }
        try removeDirectory(name, status, in: directory)
      case .notPermitted, .permissionDenied:
        guard clearProtection(of: name, in: directory) else { throw error }
      default: throw error
      }
    }
    try step()
  }

  /// Removes an entry that is not what the snapshot has there.
  func removeInTheWay(_ name: [UInt8], _ status: FileStatus, in directory: OpenFile) throws {
    if status.type == .directory { return try removeDirectory(name, status, in: directory) }
    do throws(FileError) { try FileSystem.unlink(at: directory, name: name) } catch {
      guard error.errno == .notPermitted, clearProtection(of: name, in: directory) else { throw error }
      try FileSystem.unlink(at: directory, name: name)
    }
  }

  private func removeDirectory(_ name: [UInt8], _ status: FileStatus, in directory: OpenFile) throws {
    guard !protected.contains(status) else {
      throw CairnError(.failed, "A directory is in the way that holds the repository; it is not removed.")
    }
    if options.delete { return try FileSystem.removeTree(at: directory, name: name) }
    do throws(FileError) { try FileSystem.removeDirectory(at: directory, name: name) } catch {
      guard error.errno == .directoryNotEmpty || error.errno == .fileExists else { throw error }
      throw CairnError(.failed, "A directory that is not empty is in the way; it would be removed with --delete.")
    }
  }

  /// The status of an entry; nil when there is none.
  func status(of name: [UInt8], in directory: OpenFile) throws(FileError) -> FileStatus? {
    do throws(FileError) { return try FileSystem.status(at: directory, name: name) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  /// Takes the immutable and append-only flags off a regular file or directory.
  ///
  /// - Returns: whether there were any and they are gone.
  func clearProtection(of name: [UInt8], in directory: OpenFile) -> Bool {
    // `try?`: the caller reports the error that it met in the first place.
    guard let status = try? FileSystem.status(at: directory, name: name), status.type == .regular || status.type == .directory,
      let file = try? OpenFile.open(name, at: directory, .source), let flags = try? file.inodeFlags(),
      flags & MetadataWriter.protectionMask != 0
    else { return false }
    return (try? file.setInodeFlags(flags & ~MetadataWriter.protectionMask)) != nil
  }

  // MARK: - Hard links

  /// Makes a link to a file that is restored, and gives up the count of the link's directory.
  ///
  /// - Throws: only what ends the restore.
  func makeLink(_ source: LinkSource, _ link: LinkName, failed: Bool) throws {
    defer { release(link.directory) }
    let path = { link.directory.path(link.name) }
    let size = source.node.type == .file ? source.node.size : 0
    if failed {
      context.counters.filesDone.add()
      losses.problem(path(), during: "restoring", "it is a hard link to a file that could not be restored")
      return
    }
    do {
      if try options.dryRun ? !isLinked(source, link) : placeLink(source, link) {
        tally.filesRestored.add()
        item(link.directory, link.name, .restored, bytes: size)
      } else {
        tally.filesUnchanged.add()
        item(link.directory, link.name, .unchanged, bytes: size)
      }
    } catch { try note(error, path(), during: RestoreLosses.Kind.links.during) }
  }

  /// - Returns: false when the name is a link to that very file already.
  private func placeLink(_ source: LinkSource, _ link: LinkName) throws -> Bool {
    let from = try directories.open(source.first.directory)
    let to = try directories.open(link.directory)
    do throws(FileError) {
      try FileSystem.link(from: from, fromName: source.first.name, to: to, toName: link.name)
      return true
    } catch {
      switch error.errno {
      case .fileExists: break
      case .tooManyLinks, .notPermitted, .notSupported, .improperLink:
        try copyInstead(source, from, link, to, error)
        return true
      default: throw error
      }
    }
    if try isLinked(source, link) { return false }
    try replacing(link.name, in: to) { () throws(FileError) in
      let temporary = TemporaryName.random()
      try FileSystem.link(from: from, fromName: source.first.name, to: to, toName: temporary)
      do throws(FileError) {
        try FileSystem.rename(from: to, fromName: temporary, to: to, toName: link.name, replace: true)
      } catch {
        // `try?`: the first error counts.
        try? FileSystem.unlink(at: to, name: temporary)
        throw error
      }
    }
    return true
  }

  /// Whether the name is a link to that very file.
  private func isLinked(_ source: LinkSource, _ link: LinkName) throws -> Bool {
    guard source.first.directory.exists, link.directory.exists else { return false }
    let first = try status(of: source.first.name, in: try directories.open(source.first.directory))
    let other = try status(of: link.name, in: try directories.open(link.directory))
    guard let first, let other else { return false }
    return first.inode == other.inode && first.device == other.device
  }

  /// Where the file system takes no (more) links, the file is restored a second time, and that is reported.
  private func copyInstead(_ source: LinkSource, _ from: OpenFile, _ link: LinkName, _ to: OpenFile, _ reason: FileError) throws {
    guard source.node.type == .file else { throw reason }
    let content = try OpenFile.open(source.first.name, at: from, .source)
    let copy = try TemporaryFile.make(in: to, unnamedWorks: unnamedWorks)
    _ = try copy.file.copyRange(from: content, at: 0, to: 0, length: try content.status().size)
    let path = { link.directory.path(link.name) }
    metadata.apply(source.node, to: .file(copy.file), existing: nil, inheritance: link.directory.inheritance, path: path)
    try replacing(link.name, in: to) { () throws(FileError) in try copy.replace(link.name) }
    metadata.applyFlags(source.node, to: copy.file, isNew: true, path: path)
    losses.lost(.links, path, "\(reason.reason); it is a file of its own now")
  }
}
