import CCairn
import Glibc
import SystemPackage

/// Operations on directory entries, all relative to a directory descriptor.
///
/// A name is one component: a slash or NUL inside is refused with EINVAL. A final symbolic link is never followed.
package enum FileSystem {
  package static func status(at directory: OpenFile, name: [UInt8]) throws(FileError) -> FileStatus {
    var raw = cairn_status()
    let result = withCName(name) { name in retrying(.stat) { Int(cairn_statx(directory.descriptor, name, &raw)) } }
    try checked(result, "read the status of", name)
    guard let status = FileStatus(raw) else { throw failure(-Int(EPROTO), "read the status of", name) }
    return status
  }

  /// The status of an entry of `listing`, which was read from `directory`; no allocation.
  @inline(__always)
  package static func status(at directory: OpenFile, _ listing: borrowing DirectoryListing, _ index: Int) throws(FileError) -> FileStatus {
    var raw = cairn_status()
    let result = listing.withCName(index) { name in retrying(.stat) { Int(cairn_statx(directory.descriptor, name, &raw)) } }
    guard result >= 0 else { throw failure(result, "read the status of", listing.name(index)) }
    guard let status = FileStatus(raw) else { throw failure(-Int(EPROTO), "read the status of", listing.name(index)) }
    return status
  }

  /// The target of a symbolic link: any bytes but NUL.
  package static func readLink(at directory: OpenFile, name: [UInt8]) throws(FileError) -> [UInt8] {
    // A target is shorter than PATH_MAX (4096) on every Linux file system.
    var target = [UInt8](repeating: 0, count: 4096)
    let count = withCName(name) { name in
      retrying(.metadata) {
        target.withUnsafeMutableBytes { buffer in
          Int(cairn_read_link(directory.descriptor, name, buffer.baseAddress, buffer.count))
        }
      }
    }
    try checked(count, "read the link", name)
    target.removeLast(target.count - count)
    return target
  }

  package static func makeDirectory(at directory: OpenFile, name: [UInt8], mode: UInt32 = 0o700) throws(FileError) {
    let result = withCName(name) { name in retrying(.mkdir) { outcome(mkdirat(directory.descriptor, name, mode)) } }
    try checked(result, "create the directory", name)
  }

  /// Opens a directory, making those of its path that are missing, for this user alone.
  package static func makeDirectories(_ path: [UInt8]) throws(FileError) -> OpenFile {
    var directory = try OpenFile.open(path.first == 0x2f ? [0x2f] : [0x2e], [.read, .directory])
    for name in path.split(separator: 0x2f) {
      do { try makeDirectory(at: directory, name: Array(name), mode: 0o700) } catch  where error.errno == .fileExists {}
      directory = try OpenFile.open(Array(name), at: directory, [.read, .directory])
    }
    return directory
  }

  package static func makeSymbolicLink(target: [UInt8], at directory: OpenFile, name: [UInt8]) throws(FileError) {
    let result = withCName(name) { name in
      withCPath(target) { target in retrying(.link) { outcome(symlinkat(target, directory.descriptor, name)) } }
    }
    try checked(result, "create the link", name)
  }

  /// Creates a fifo, a socket or a device (`mknod(2)`); any other type is EINVAL. The umask applies.
  package static func makeNode(
    at directory: OpenFile, name: [UInt8], type: FileType, mode: UInt32 = 0o600, major: UInt32 = 0, minor: UInt32 = 0
  ) throws(FileError) {
    guard type == .fifo || type == .socket || type == .characterDevice || type == .blockDevice else {
      throw failure(-Int(EINVAL), "create the special file", name)
    }
    let result = withCName(name) { name in
      retrying(.mkdir) { Int(cairn_make_node(directory.descriptor, name, type.rawMode, mode & 0o7777, major, minor)) }
    }
    try checked(result, "create the special file", name)
  }

  /// Creates a hard link; a symbolic link is linked itself.
  package static func link(from: OpenFile, fromName: [UInt8], to: OpenFile, toName: [UInt8]) throws(FileError) {
    let result = withCName(fromName) { old in
      withCName(toName) { new in retrying(.link) { outcome(linkat(from.descriptor, old, to.descriptor, new, 0)) } }
    }
    try checked(result, "create the hard link", toName)
  }

  /// - Parameter replace: whether an existing target is replaced atomically; else it is EEXIST (EINVAL where the file system cannot tell).
  package static func rename(
    from: OpenFile, fromName: [UInt8], to: OpenFile, toName: [UInt8], replace: Bool
  ) throws(FileError) {
    let result = withCName(fromName) { old in
      withCName(toName) { new in
        retrying(.rename) { Int(cairn_rename(from.descriptor, old, to.descriptor, new, replace ? 0 : 1)) }
      }
    }
    try checked(result, "rename to", toName)
  }

  /// Puts a file with these bytes in its place: after a crash it is there whole, or what was there before is.
  ///
  /// - Parameters:
  ///   - mode: of the new file, whatever the umask says; nil = it is for its owner alone.
  ///   - replace: whether a file of that name is replaced; else it is EEXIST.
  package static func place(
    _ bytes: [UInt8], at directory: OpenFile, name: [UInt8], mode: UInt32? = nil, replace: Bool = true
  ) throws(FileError) {
    // Nobody else's file is overwritten, and what a crash leaves behind does not stand in the way.
    let suffix = SystemRandom.bytes(8).map { byte in 0x61 + byte % 26 }
    let temporary = [0x2e] + name.prefix(200) + [0x2e] + suffix
    let file = try OpenFile.open(temporary, at: directory, [.write, .create, .exclusive, .noFollow], mode: 0o600)
    do throws(FileError) {
      if let mode { try file.setMode(mode) }
      let result = bytes.withUnsafeBytes { bytes in Result { () throws(FileError) in try file.write(bytes) } }
      try result.get()
      try file.synchronize()
      try rename(from: directory, fromName: temporary, to: directory, toName: name, replace: replace)
    } catch {
      // `try?`: the first error is told.
      try? unlink(at: directory, name: temporary)
      throw error
    }
    try directory.synchronize()
  }

  /// Removes anything but a directory.
  package static func unlink(at directory: OpenFile, name: [UInt8]) throws(FileError) {
    try checked(withCName(name) { name in retrying(.unlink) { outcome(unlinkat(directory.descriptor, name, 0)) } }, "remove", name)
  }

  /// Removes an empty directory.
  package static func removeDirectory(at directory: OpenFile, name: [UInt8]) throws(FileError) {
    let result = withCName(name) { name in retrying(.unlink) { outcome(unlinkat(directory.descriptor, name, AT_REMOVEDIR)) } }
    try checked(result, "remove the directory", name)
  }

  /// - Throws: EOPNOTSUPP for a symbolic link: those have no permissions on Linux.
  package static func setMode(at directory: OpenFile, name: [UInt8], _ mode: UInt32) throws(FileError) {
    let result = withCName(name) { name in retrying(.metadata) { Int(cairn_set_mode_at(directory.descriptor, name, mode)) } }
    try checked(result, "set the permissions of", name)
  }

  package static func setOwner(at directory: OpenFile, name: [UInt8], uid: UInt32, gid: UInt32) throws(FileError) {
    let result = withCName(name) { name in
      retrying(.metadata) { outcome(fchownat(directory.descriptor, name, uid, gid, AT_SYMLINK_NOFOLLOW)) }
    }
    try checked(result, "set the owner of", name)
  }

  /// The access time stays.
  package static func setModificationTime(at directory: OpenFile, name: [UInt8], _ time: FileTime) throws(FileError) {
    let result = withCName(name) { name in
      retrying(.metadata) { Int(cairn_set_mtime(directory.descriptor, name, time.seconds, time.nanoseconds)) }
    }
    try checked(result, "set the modification time of", name)
  }

  /// Whether the file system of the descriptor is mounted read-only.
  package static func isReadOnly(at file: OpenFile) throws(FileError) -> Bool {
    try statistics(file).f_flag & UInt(ST_RDONLY) != 0
  }

  /// What an ordinary user may still write to the file system of the descriptor, in bytes.
  package static func freeBytes(at file: OpenFile) throws(FileError) -> UInt64 {
    let statistics = try statistics(file)
    return UInt64(statistics.f_bavail).multipliedReportingOverflow(by: UInt64(statistics.f_frsize)).partialValue
  }

  private static func statistics(_ file: OpenFile) throws(FileError) -> statvfs {
    var result = statvfs()
    try checked(retrying(.stat) { outcome(fstatvfs(file.descriptor, &result)) }, "read the file system of", file.path)
    return result
  }
}
