import CCairn
import Glibc

/// What `OpenFile.advise` announces.
package enum Advice: Sendable {
  case sequential, willNeed, dontNeed, random
}

extension OpenFile {
  /// Reads on from the file position until the buffer is full or the file ends.
  ///
  /// - Returns: the bytes read; 0 at the end.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
    var done = 0
    while done < buffer.count {
      let n = transferring(.read, buffer.count - done) { count in
        outcome(Glibc.read(descriptor, buffer.baseAddress?.advanced(by: done), count))
      }
      try checked(n, "read", path)
      if n == 0 { break }
      done += n
    }
    return done
  }

  /// Reads at an offset, without the file position, until the buffer is full or the file ends.
  ///
  /// - Returns: the bytes read; 0 at or beyond the end, also for offsets no file can have.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int {
    var done = 0
    while done < buffer.count {
      guard let position = Self.position(offset, done) else { break }
      // A range beyond the largest offset there is would be EINVAL: it is beyond the end of every file.
      let most = Int(min(off_t(buffer.count - done), .max - position))
      let n = transferring(.read, most) { count in
        outcome(pread(descriptor, buffer.baseAddress?.advanced(by: done), count, position))
      }
      try checked(n, "read", path)
      if n == 0 { break }
      done += n
    }
    return done
  }

  /// Writes all bytes at the file position.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let n = transferring(.write, bytes.count - done) { count in
        outcome(Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), count))
      }
      try checked(n == 0 ? -Int(EIO) : n, "write to", path)
      done += n
    }
  }

  /// Writes all bytes at an offset, without the file position.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    var done = 0
    while done < bytes.count {
      guard let position = Self.position(offset, done) else { throw failure(-Int(EFBIG), "write to", path) }
      let n = transferring(.write, bytes.count - done) { count in
        outcome(pwrite(descriptor, bytes.baseAddress?.advanced(by: done), count, position))
      }
      try checked(n == 0 ? -Int(EIO) : n, "write to", path)
      done += n
    }
  }

  /// `ftruncate(2)`: shortens, or lengthens by a hole.
  package func truncate(to size: UInt64) throws(FileError) {
    guard let length = Self.position(size, 0) else { throw failure(-Int(EFBIG), "resize", path) }
    try checked(retrying(.truncate) { outcome(ftruncate(descriptor, length)) }, "resize", path)
  }

  /// `fsync(2)`; for a directory, its entries.
  ///
  /// An error is final: the kernel may have dropped the pages, and a second call would then succeed over lost data. Discard the file.
  package func synchronize() throws(FileError) {
    try checked(retrying(.fsync) { outcome(fsync(descriptor)) }, "synchronize", path)
  }

  /// `fdatasync(2)`: the content and the size, not the other metadata. Errors are final, as for `synchronize`.
  package func synchronizeData() throws(FileError) {
    try checked(retrying(.fsync) { outcome(fdatasync(descriptor)) }, "synchronize", path)
  }

  /// Starts writing a range back without waiting (`sync_file_range(2)`), so that a later `synchronize` finds little left to do.
  package func startWriteback(at offset: UInt64, length: UInt64) {
    cairn_start_writeback(descriptor, offset, length)
  }

  /// Copies a range of another file into this one: `copy_file_range(2)` (which shares blocks where it can), else by reading and writing.
  ///
  /// - Returns: the bytes copied; fewer than `length` only when the source ends.
  package func copyRange(from source: OpenFile, at offset: UInt64, to target: UInt64, length: UInt64) throws(FileError) -> UInt64 {
    var done: UInt64 = 0
    while done < length {
      let step = Int(min(length - done, 1 << 30))
      let n = retrying(.copy) { cairn_copy_range(source.descriptor, offset &+ done, descriptor, target &+ done, step) }
      switch CInt(truncatingIfNeeded: -n) {
      case EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EBADF, ETXTBSY, EPERM:
        return done + (try copyByHand(from: source, at: offset &+ done, to: target &+ done, length: length - done))
      default: try checked(n, "copy into", path)
      }
      // Some file systems answer 0 for files that do have content (/proc, old FUSE): reading decides.
      if n == 0 { return done + (try copyByHand(from: source, at: offset &+ done, to: target &+ done, length: length - done)) }
      done += UInt64(n)
    }
    return done
  }

  private func copyByHand(from source: OpenFile, at offset: UInt64, to target: UInt64, length: UInt64) throws(FileError) -> UInt64 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
    defer { buffer.deallocate() }
    var done: UInt64 = 0
    while done < length {
      let wanted = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: Int(min(UInt64(buffer.count), length - done)))
      let n = try source.read(into: wanted, at: offset &+ done)
      if n == 0 { break }
      try write(UnsafeRawBufferPointer(start: buffer.baseAddress, count: n), at: target &+ done)
      done += UInt64(n)
    }
    return done
  }

  /// `posix_fadvise(3)`; length 0 means to the end. Best effort: a wrong or unsupported hint changes nothing.
  package func advise(_ advice: Advice, offset: UInt64 = 0, length: UInt64 = 0) {
    let code: CInt =
      switch advice {
      case .sequential: POSIX_FADV_SEQUENTIAL
      case .willNeed: POSIX_FADV_WILLNEED
      case .dontNeed: POSIX_FADV_DONTNEED
      case .random: POSIX_FADV_RANDOM
      }
    _ = posix_fadvise(descriptor, off_t(truncatingIfNeeded: offset), off_t(truncatingIfNeeded: length), code)
  }

  /// `offset + done` as a file position, nil when it is larger than any file can be.
  @inline(__always)
  private static func position(_ offset: UInt64, _ done: Int) -> off_t? {
    let (sum, overflow) = offset.addingReportingOverflow(UInt64(done))
    return overflow ? nil : off_t(exactly: sum)
  }
}
