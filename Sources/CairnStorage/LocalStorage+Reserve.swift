import CairnSystem

import struct SystemPackage.Errno

extension LocalStorage {
  static let reserveName = "reserve"
  /// Log records, their folders and a little beside; the rest is what packs are first written anew in.
  private static let reserveBytes = 1 << 20
  /// A disk with less than this is left alone.
  private static let roomWanted: UInt64 = 16 << 20

  package func releaseReserve(keeping bytes: Int) throws(StorageError) -> Bool {
    do throws(FileError) {
      let held = try heldBytes()
      let isLarger = held > bytes
      if isLarger {
        try FileSystem.unlink(at: directories.root, name: Array(Self.reserveName.utf8))
        // File systems with a journal give the blocks back with the next transaction.
        try directories.root.synchronize()
      }
      if bytes > 0, held == 0 || isLarger { setAside(bytes) }
      return isLarger
    } catch { throw StorageError(error, "give up the reserve", at: location) }
  }

  package func makeReserve() {
    // `try?`: without a reserve everything works but maintenance on a disk that is full to the last byte.
    guard let held = try? heldBytes(), held < Self.reserveBytes,
      let free = try? FileSystem.freeBytes(at: directories.root), free >= Self.roomWanted
    else { return }
    setAside(Self.reserveBytes)
  }

  private func heldBytes() throws(FileError) -> Int {
    do throws(FileError) {
      return Int(clamping: try FileSystem.status(at: directories.root, name: Array(Self.reserveName.utf8)).size)
    } catch {
      if error.errno == .noSuchFileOrDirectory { return 0 }
      throw error
    }
  }

  /// Puts so many bytes in the place of what is set aside, where there is room.
  private func setAside(_ count: Int) {
    do throws(FileError) {
      let pending = try PendingObject(in: "", directories, mayBeUnnamed: temporaries.mayBeUnnamed)
      // Random, so that no file system makes it small.
      let bytes = SystemRandom.bytes(count)
      let appended = bytes.withUnsafeBytes { bytes in Result { () throws(FileError) in try pending.append(bytes) } }
      try appended.get()
      try pending.seal()
      try pending.replace(Array(Self.reserveName.utf8), in: directories.root)
    } catch { return }
  }
}
