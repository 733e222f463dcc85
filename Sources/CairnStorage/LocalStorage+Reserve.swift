import CairnSystem

import struct SystemPackage.Errno

extension LocalStorage {
  static let reserveName = "reserve"
  /// What two log records, their folders and a little beside need.
  private static let reserveBytes = 1 << 20
  /// A disk with less than this is left alone.
  private static let roomWanted: UInt64 = 16 << 20

  package func releaseReserve() throws(StorageError) -> Bool {
    do throws(FileError) {
      try FileSystem.unlink(at: directories.root, name: Array(Self.reserveName.utf8))
      // File systems with a journal give the blocks back with the next transaction.
      try directories.root.synchronize()
      return true
    } catch {
      if error.errno == .noSuchFileOrDirectory { return false }
      throw StorageError(error, "give up the reserve", at: location)
    }
  }

  package func makeReserve() {
    // `try?` throughout: without a reserve everything works but maintenance on a disk that is full to the last byte.
    let name = Array(Self.reserveName.utf8)
    guard (try? FileSystem.status(at: directories.root, name: name)) == nil,
      let free = try? FileSystem.freeBytes(at: directories.root), free >= Self.roomWanted,
      let pending = try? PendingObject(in: "", directories, mayBeUnnamed: temporaries.mayBeUnnamed)
    else { return }
    do throws(FileError) {
      // Random, so that no file system makes it small.
      let bytes = SystemRandom.bytes(Self.reserveBytes)
      let appended = bytes.withUnsafeBytes { bytes in Result { () throws(FileError) in try pending.append(bytes) } }
      try appended.get()
      try pending.seal()
      _ = try pending.publish(as: name, in: directories.root)
    } catch { return }
  }
}
