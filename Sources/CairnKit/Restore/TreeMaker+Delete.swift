import CairnFormat
import CairnSystem

/// Removing what the snapshot does not have.
extension TreeMaker {
  /// Handles the names of the innermost directory that come before `name` (all that are left for nil) and are not `name` itself.
  mutating func forgetStrangers(before name: [UInt8]?) throws {
    let last = levels.count - 1
    guard let listing = levels[last].listing, run.options.delete else { return }
    while levels[last].nextStranger < listing.count {
      let stranger = listing.name(levels[last].nextStranger)
      if let name, !stranger.lexicographicallyPrecedes(name) {
        if stranger == name { levels[last].nextStranger += 1 }
        return
      }
      levels[last].nextStranger += 1
      try run.context.cancellation.check()
      if levels[last].mayDelete, let directory = levels[last].directory { try forget(stranger, directory) }
    }
  }

  private func forget(_ name: [UInt8], _ directory: RestoredDirectory) throws {
    do {
      let file = try run.directories.open(directory)
      guard let status = try run.status(of: name, in: file) else { return }
      let isDirectory = status.type == .directory
      let decision = run.filter.decide(walk.path + [name], isDirectory: isDirectory, parentSelected: levels[levels.count - 1].selected)
      guard decision.selected else { return }
      if isDirectory, run.protected.contains(status) {
        run.context.sink.report(.message("'\(Escaping.terminal(directory.path(name)))' is kept: it holds the repository."))
        return
      }
      if isDirectory, run.filter.hasExcludes {
        // Something in it may be excluded, which keeps it; only what is certainly selected goes.
        guard try removeSelected(name, in: file) else { return }
      } else if !run.options.dryRun {
        try remove(name, status, in: file)
      }
      run.tally.deleted.add()
      run.item(directory, name, .deleted, bytes: isDirectory ? 0 : status.size, isDirectory: isDirectory)
    } catch { try run.note(error, directory.path(name), during: "deleting") }
  }

  private func remove(_ name: [UInt8], _ status: FileStatus, in file: OpenFile) throws {
    if status.type == .directory {
      try FileSystem.removeTree(at: file, name: name)
    } else {
      try run.removeInTheWay(name, status, in: file)
    }
  }

  /// Removes from a strange directory what the patterns select, and the directory when that leaves it empty.
  ///
  /// - Returns: whether it is gone (on a dry run: would be).
  private func removeSelected(_ name: [UInt8], in file: OpenFile) throws -> Bool {
    var stack = [(name: name, parent: file, file: try Self.openStranger(name, file), next: 0, kept: 0)]
    var listings = [try stack[0].file.list()]
    while let top = stack.last {
      let index = stack.count - 1
      if top.next == listings[index].count {
        stack.removeLast()
        listings.removeLast()
        if top.kept == 0, !run.options.dryRun { try FileSystem.removeDirectory(at: top.parent, name: top.name) }
        if top.kept > 0, index > 0 { stack[index - 1].kept += 1 }
        if index == 0 { return top.kept == 0 }
        continue
      }
      stack[index].next += 1
      let child = listings[index].name(top.next)
      guard let status = try run.status(of: child, in: top.file) else { continue }
      let path = walk.path + stack.map(\.name) + [child]
      let isDirectory = status.type == .directory
      // A directory too deep for the descriptors, the root of a mount, or the repository's place stays as a whole.
      let isOffLimits = isDirectory && (status.isMountRoot || run.protected.contains(status) || stack.count >= 256)
      guard run.filter.decide(path, isDirectory: isDirectory, parentSelected: true).selected, !isOffLimits else {
        stack[index].kept += 1
        continue
      }
      if isDirectory {
        let opened = try Self.openStranger(child, top.file)
        listings.append(try opened.list())
        stack.append((child, top.file, opened, 0, 0))
      } else if !run.options.dryRun {
        try run.removeInTheWay(child, status, in: top.file)
      }
    }
    return false
  }

  private static func openStranger(_ name: [UInt8], _ directory: OpenFile) throws(FileError) -> OpenFile {
    try OpenFile.open(name, at: directory, [.read, .directory, .noFollow])
  }
}
