import CairnSystem

import struct SystemPackage.Errno

/// A file that is being written and has no final name yet. For one thread; released, it leaves nothing behind.
///
/// Without a name where the file system can do that; else under a random name in `tmp/`, with a lock held on it by which others tell
/// that it is in use: the kernel lets go of the lock however the process ends.
final class PendingObject {
  private let directories: RepositoryDirectories
  private(set) var file: OpenFile
  private(set) var size: UInt64 = 0
  private var unsent: UInt64 = 0
  /// The name in `tmp/` that is to be removed.
  private var temporaryName: [UInt8]?

  /// - Parameter folder: the directory of the repository it will be named in or below.
  init(in folder: String, _ directories: RepositoryDirectories, mayBeUnnamed: Bool) throws(FileError) {
    self.directories = directories
    if mayBeUnnamed, let file = try OpenFile.unnamed(in: try directories.forWriting(folder)) {
      self.file = file
    } else {
      (file, temporaryName) = try Self.createTemporary(directories)
    }
  }

  deinit { removeTemporary() }

  /// Whether the file system gave it no name, as was hoped.
  var isUnnamed: Bool { temporaryName == nil }

  func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    try file.write(bytes)
    size += UInt64(bytes.count)
    unsent += UInt64(bytes.count)
    // The disk works while the next bytes are made, so that the final fsync is short.
    if unsent >= 4 << 20 {
      file.startWriteback(at: size - unsent, length: unsent)
      unsent = 0
    }
  }

  /// Makes the content durable and unwritable. An error is final: the object must be dropped.
  func seal() throws(FileError) {
    // `try?`: the file is private already (0600); file systems without permissions refuse.
    try? file.setMode(0o400)
    try file.synchronize()
  }

  /// Gives it its name unless that is taken.
  ///
  /// - Returns: whether it has the name now.
  func publish(as name: [UInt8], in directory: OpenFile) throws(FileError) -> Bool {
    if isUnnamed {
      do throws(FileError) {
        try file.linkInto(directory, name: name)
        return true
      } catch {
        if error.errno == .fileExists { return false }
        guard Self.refusesLinks(error) || error.errno == .noSuchFileOrDirectory else { throw error }
        try moveToTemporary()
      }
    }
    return try publishNamed(as: name, in: directory)
  }

  /// Gives it its name, replacing what has it.
  func replace(_ name: [UInt8], in directory: OpenFile) throws(FileError) {
    if isUnnamed { try linkTemporary() }
    guard let temporaryName else { return }
    let folder = try directories.forWriting(RepositoryDirectories.temporary)
    try FileSystem.rename(from: folder, fromName: temporaryName, to: directory, toName: name, replace: true)
    self.temporaryName = nil
  }

  private func publishNamed(as name: [UInt8], in directory: OpenFile) throws(FileError) -> Bool {
    guard let temporaryName else { return false }
    let folder = try directories.forWriting(RepositoryDirectories.temporary)
    do throws(FileError) {
      try FileSystem.link(from: folder, fromName: temporaryName, to: directory, toName: name)
      removeTemporary()
      return true
    } catch {
      if error.errno == .fileExists {
        // NFS repeats a request whose answer was lost, and then reports what the first one did.
        return try file.status().linkCount > 1
      }
      guard Self.refusesLinks(error) else { throw error }
    }
    do throws(FileError) {
      try FileSystem.rename(from: folder, fromName: temporaryName, to: directory, toName: name, replace: false)
    } catch {
      if error.errno == .fileExists { return false }
      throw error
    }
    self.temporaryName = nil
    return true
  }

  /// Names the file in `tmp/` for the moment until it is renamed.
  private func linkTemporary() throws(FileError) {
    let folder = try directories.forWriting(RepositoryDirectories.temporary)
    let name = Self.randomName()
    _ = file.tryLockExclusive()  // nobody else can have it open
    do throws(FileError) {
      try file.linkInto(folder, name: name)
      temporaryName = name
    } catch {
      guard Self.refusesLinks(error) || error.errno == .noSuchFileOrDirectory else { throw error }
      try moveToTemporary()
    }
  }

  /// The file system makes unnamed files but will not name them: copies the content into one with a temporary name.
  private func moveToTemporary() throws(FileError) {
    let (copy, name) = try Self.createTemporary(directories)
    let old = file
    file = copy
    temporaryName = name
    _ = try copy.copyRange(from: old, at: 0, to: 0, length: size)
    try seal()
  }

  private func removeTemporary() {
    guard let name = temporaryName else { return }
    temporaryName = nil
    // `try?`: what stays behind is swept by a later write, once the lock is gone.
    if let folder = try? directories.forWriting(RepositoryDirectories.temporary) { try? FileSystem.unlink(at: folder, name: name) }
  }

  private static func refusesLinks(_ error: FileError) -> Bool {
    switch error.errno {
    case .notPermitted, .notSupported, .noFunction, .tooManyLinks, .improperLink: true
    default: false
    }
  }

  private static func createTemporary(_ directories: RepositoryDirectories) throws(FileError) -> (OpenFile, [UInt8]) {
    let folder = try directories.forWriting(RepositoryDirectories.temporary)
    var attempt = 0
    while true {
      let name = randomName()
      let file = try OpenFile.open(name, at: folder, [.read, .write, .create, .exclusive, .noFollow], mode: 0o600)
      attempt += 1
      do throws(FileError) {
        // A sweep may have taken the lock in between and is about to remove the file: take another one. A file system without locks
        // never gives one, to nobody, so nothing is ever swept there either.
        let isOurs = file.tryLockExclusive() ? try file.status().linkCount > 0 : attempt == 8
        if isOurs { return (file, name) }
      } catch {
        try? FileSystem.unlink(at: folder, name: name)  // the first error is the one to tell
        throw error
      }
      try? FileSystem.unlink(at: folder, name: name)  // or the sweep has done it
    }
  }

  private static func randomName() -> [UInt8] {
    SystemRandom.bytes(temporaryNameBytes / 2).flatMap { byte in [byte >> 4, byte & 15].map { $0 < 10 ? 0x30 + $0 : 0x57 + $0 } }
  }
  private static let temporaryNameBytes = 32

  /// Removes the temporary files whose owners are gone. Best effort: what cannot be removed now is tried again by a later run.
  static func sweep(_ directories: RepositoryDirectories) {
    // `try?` throughout: no folder, a full table of files or a lost race all mean that there is nothing to do now.
    let name = Array(RepositoryDirectories.temporary.utf8)
    guard let folder = try? OpenFile.open(name, at: directories.root, [.read, .directory, .noFollow]),
      let listing = try? folder.list()
    else { return }
    for index in 0..<listing.count {
      let name = listing.name(index)
      guard name.count == temporaryNameBytes, name.allSatisfy(ObjectKey.isHexadecimal),
        let file = try? OpenFile.open(name, at: folder, [.read, .noFollow, .nonBlock]), file.tryLockExclusive()
      else { continue }
      try? FileSystem.unlink(at: folder, name: name)
    }
  }
}
