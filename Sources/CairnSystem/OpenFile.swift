import CCairn
import Glibc

/// How `OpenFile.open` opens; O_CLOEXEC and O_NOCTTY are always set.
package struct OpenFlags: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let read = OpenFlags(rawValue: UInt32(CAIRN_OPEN_READ))
  package static let write = OpenFlags(rawValue: UInt32(CAIRN_OPEN_WRITE))
  package static let create = OpenFlags(rawValue: UInt32(CAIRN_OPEN_CREATE))
  package static let exclusive = OpenFlags(rawValue: UInt32(CAIRN_OPEN_EXCLUSIVE))
  package static let truncate = OpenFlags(rawValue: UInt32(CAIRN_OPEN_TRUNCATE))
  package static let append = OpenFlags(rawValue: UInt32(CAIRN_OPEN_APPEND))
  /// The last component must not be a symbolic link (ELOOP); with `path`, the link itself is opened.
  package static let noFollow = OpenFlags(rawValue: UInt32(CAIRN_OPEN_NOFOLLOW))
  /// A fifo or device does not block the call.
  package static let nonBlock = OpenFlags(rawValue: UInt32(CAIRN_OPEN_NONBLOCK))
  package static let directory = OpenFlags(rawValue: UInt32(CAIRN_OPEN_DIRECTORY))
  /// O_NOATIME; dropped without a word where the kernel refuses it (only the owner and root may).
  package static let noAccessTime = OpenFlags(rawValue: UInt32(CAIRN_OPEN_NOATIME))
  /// O_PATH: a handle on the entry that can neither read nor write it.
  package static let path = OpenFlags(rawValue: UInt32(CAIRN_OPEN_PATH))
  /// How entries of a tree being backed up are opened: never through a link, never waiting, leaving the access time alone.
  package static let source: OpenFlags = [.read, .noFollow, .nonBlock, .noAccessTime]
}

/// An owned descriptor; closed when the last reference goes.
///
/// All calls block and may come from any thread; calls without an offset share one file position.
package final class OpenFile: Sendable {
  package let descriptor: CInt
  /// What was opened, as it was named then; for messages.
  package let path: [UInt8]

  /// Takes over a descriptor that nobody else closes.
  package init(adopting descriptor: CInt, path: [UInt8] = []) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { _ = Glibc.close(descriptor) }

  /// Opens a path, relative to `directory` when given (`openat(2)`), else to the working directory.
  ///
  /// - Parameter mode: the permission bits of a file that is created, before the umask.
  package static func open(
    _ path: [UInt8], at directory: OpenFile? = nil, _ flags: OpenFlags, mode: UInt32 = 0o600
  ) throws(FileError) -> OpenFile {
    let parent = directory?.descriptor ?? -1
    var result = withCPath(path) { name in retrying(.open) { Int(cairn_open(parent, name, flags.rawValue, mode)) } }
    if result == -Int(EPERM), flags.contains(.noAccessTime) {
      let plain = flags.subtracting(.noAccessTime)
      result = withCPath(path) { name in retrying(.open) { Int(cairn_open(parent, name, plain.rawValue, mode)) } }
    }
    try checked(result, "open", path)
    return OpenFile(adopting: CInt(result), path: path)
  }

  /// Creates a file without a name in `directory` (O_TMPFILE): it vanishes with its descriptor unless `linkInto` names it.
  ///
  /// - Returns: nil when the file system cannot do that.
  package static func unnamed(in directory: OpenFile, mode: UInt32 = 0o600) throws(FileError) -> OpenFile? {
    let result = retrying(.open) { Int(cairn_open_unnamed(directory.descriptor, mode)) }
    // EISDIR: kernels before 3.11; EINVAL: some FUSE file systems; ENOSYS: seccomp sandboxes.
    if [EOPNOTSUPP, EISDIR, EINVAL, ENOSYS].contains(CInt(truncatingIfNeeded: -result)) { return nil }
    try checked(result, "create a file in", directory.path)
    return OpenFile(adopting: CInt(result), path: directory.path)
  }

  /// Gives an unnamed file a name; durable only once the directory is synchronized too.
  ///
  /// - Throws: EEXIST when the name is taken, by whatever.
  package func linkInto(_ directory: OpenFile, name: [UInt8]) throws(FileError) {
    let result = withCName(name) { name in
      retrying(.link) { Int(cairn_link_descriptor(descriptor, directory.descriptor, name)) }
    }
    try checked(result, "create", name)
  }

  /// `fstat`, for any descriptor, O_PATH ones included.
  package func status() throws(FileError) -> FileStatus {
    try FileStatus.read(descriptor, "", path)
  }

  /// `flock(2)` LOCK_EX | LOCK_NB.
  ///
  /// - Returns: false when another open file description holds a lock, and when the file system has no locks.
  package func tryLockExclusive() -> Bool {
    retrying(.lock) { outcome(flock(descriptor, LOCK_EX | LOCK_NB)) } >= 0
  }
}
