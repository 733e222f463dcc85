import CCairn
import Glibc

extension OpenFile {
  /// `fchmod(2)` with the twelve permission bits; the umask has no say.
  package func setMode(_ mode: UInt32) throws(FileError) {
    try checked(retrying(.metadata) { outcome(fchmod(descriptor, mode)) }, "set the permissions of", path)
  }

  /// `fchown(2)`. The kernel clears set-id bits and file capabilities: set those afterwards.
  package func setOwner(uid: UInt32, gid: UInt32) throws(FileError) {
    try checked(retrying(.metadata) { outcome(fchown(descriptor, uid, gid)) }, "set the owner of", path)
  }

  /// `futimens(3)`; the access time stays.
  package func setModificationTime(_ time: FileTime) throws(FileError) {
    let result = retrying(.metadata) { Int(cairn_set_mtime(descriptor, nil, time.seconds, time.nanoseconds)) }
    try checked(result, "set the modification time of", path)
  }

  /// The FS_*_FL bits (`chattr`); 0 where the file system has none.
  package func inodeFlags() throws(FileError) -> UInt32 {
    var flags: UInt32 = 0
    let result = retrying(.metadata) { Int(cairn_get_inode_flags(descriptor, &flags)) }
    if [ENOTTY, EOPNOTSUPP, EINVAL, ENOSYS].contains(CInt(truncatingIfNeeded: -result)) { return 0 }
    try checked(result, "read the inode flags of", path)
    return flags
  }

  /// Sets all FS_*_FL bits at once; read them first and change only what is meant.
  package func setInodeFlags(_ flags: UInt32) throws(FileError) {
    try checked(retrying(.metadata) { Int(cairn_set_inode_flags(descriptor, flags)) }, "set the inode flags of", path)
  }

  /// Where the file lies now, without links in the way; nil where /proc does not tell.
  package var currentPath: [UInt8]? {
    // Best effort, as said.
    guard let folder = try? OpenFile.open(Array("/proc/self/fd".utf8), [.read, .directory]),
      let path = try? FileSystem.readLink(at: folder, name: Array(String(descriptor).utf8)), path.first == 0x2f
    else { return nil }
    return path
  }
}
