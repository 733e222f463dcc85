import CairnFormat
import CairnSystem
import SystemPackage

/// Opening the directories of the target.
extension TreeMaker {
  /// Takes the target itself as the outermost level.
  func open(_ root: inout TargetLevel, _ target: RestoreTarget) throws {
    guard let file = target.file else {
      root.directory = RestoredDirectory(name: run.prefixOfTarget(root.node), parent: nil, status: nil, inheritance: .unknown)
      return
    }
    let status = try file.status()
    do {
      root.directory = try attach(file, status, isNew: target.isNew, name: run.prefixOfTarget(root.node), parent: nil, &root)
    } catch let error as FileError {
      throw CairnError(.failed, "Cannot restore to '\(Escaping.terminal(run.options.target))': \(error.reason).")
    }
    if target.isNew { root.hasContent = true }
    if root.node.type == .directory, run.filter.takesAll { root.hasContent = true }
  }

  mutating func placeDry(_ index: Int, _ parent: RestoredDirectory, _ existing: FileStatus?) throws {
    let name = levels[index].node.name
    guard existing != nil else {
      levels[index].directory = RestoredDirectory(name: name, parent: parent, status: nil, inheritance: .unknown)
      return
    }
    let file = try OpenFile.open(name, at: try run.directories.open(parent), [.read, .directory, .noFollow])
    let status = try file.status()
    levels[index].directory = try attach(file, status, isNew: false, name: name, parent: parent, &levels[index])
  }

  mutating func placeReally(_ index: Int, _ parent: RestoredDirectory, _ existing: FileStatus?) throws {
    let name = levels[index].node.name
    let above = try run.directories.open(parent)
    var isNew = false
    if existing == nil {
      do throws(FileError) {
        try FileSystem.makeDirectory(at: above, name: name, mode: 0o700)
        isNew = true
      } catch {
        // Made by somebody since the listing: whatever it is, it is opened as something that was there.
        guard error.errno == .fileExists else { throw error }
      }
    }
    let file = try openDirectory(name, in: above)
    let status = try file.status()
    // On a file system that gives new entries to somebody else, "new" cannot be told from "swapped for another".
    if status.uid != run.metadata.userID { isNew = false }
    if isNew, parent.inheritance.hasDefaultACL { try Self.dropACLs(file) }
    levels[index].directory = try attach(file, status, isNew: isNew, name: name, parent: parent, &levels[index])
  }

  private func openDirectory(_ name: [UInt8], in above: OpenFile) throws -> OpenFile {
    do throws(FileError) { return try OpenFile.open(name, at: above, [.read, .directory, .noFollow]) } catch {
      guard error.errno == .permissionDenied, let status = try run.status(of: name, in: above), status.type == .directory,
        status.uid == run.metadata.userID
      else { throw error }
      // An own directory without read permission; its mode is put right when it is finished.
      try FileSystem.setMode(at: above, name: name, status.mode | 0o700)
      return try OpenFile.open(name, at: above, [.read, .directory, .noFollow])
    }
  }

  private static func dropACLs(_ file: OpenFile) throws {
    let inherited = [MetadataWriter.defaultACL, MetadataWriter.accessACL]
    for attribute in try file.extendedAttributes() where inherited.contains(attribute.name) {
      try file.removeExtendedAttribute(name: attribute.name)
    }
  }

  /// Looks at a directory that was opened, and makes it workable: an own one becomes writable for its owner, and loses flags like
  /// immutable, until it is finished.
  private func attach(
    _ file: OpenFile, _ status: FileStatus, isNew: Bool, name: [UInt8], parent: RestoredDirectory?, _ level: inout TargetLevel
  ) throws -> RestoredDirectory {
    let isCallers = status.uid == run.metadata.userID && status.gid == run.metadata.groupID && status.mode & 0o2000 == 0
    var inheritance = Inheritance(ownerIsCaller: isNew && isCallers, hasDefaultACL: false)
    if !isNew {
      level.existing = status
      level.listing = try file.list()
      inheritance.hasDefaultACL = try file.extendedAttributes().contains { $0.name == MetadataWriter.defaultACL }
      if let listing = level.listing {
        for index in 0..<listing.count where listing.withName(index, TemporaryName.matches) { level.stale.append(listing.name(index)) }
      }
      if !run.options.dryRun, run.options.overwrite != .never { try makeWorkable(file, status, &level) }
    }
    let directory = RestoredDirectory(name: name, parent: parent, status: status, inheritance: inheritance)
    if parent == nil { directory.keepOpen(file) } else { run.directories.adopt(directory, file) }
    return directory
  }

  private func makeWorkable(_ file: OpenFile, _ status: FileStatus, _ level: inout TargetLevel) throws {
    let flags = try file.inodeFlags()
    if flags & MetadataWriter.flagMask != 0 {
      try file.setInodeFlags(flags & ~MetadataWriter.flagMask)
      level.clearedFlags = flags
    }
    if status.mode & 0o700 != 0o700, status.uid == run.metadata.userID { try file.setMode(status.mode | 0o700) }
  }
}
