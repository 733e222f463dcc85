import CCairn
import Glibc
import SystemPackage

/// The kinds of calls that fault scripts can name.
package enum SystemCall: String, Sendable, CaseIterable {
  case open, read, write, fsync, link, rename, unlink, mkdir, stat, list, truncate, copy, metadata, lock
}

/// Runs a system call that returns a value >= 0 or a negated errno, again for as long as it is interrupted.
///
/// This is the only EINTR policy of the project. `fsync` is included: EINTR there means that waiting was interrupted, not that
/// writing failed; every other error of it is final.
@inline(__always)
func retrying(_ kind: SystemCall, _ body: () -> Int) -> Int {
  while true {
    #if FAULT_INJECTION
      let result = FaultScript.failure(of: kind) ?? body()
    #else
      let result = body()
    #endif
    if result != -Int(EINTR) { return result }
  }
}

/// Like `retrying`, for calls that move up to `count` bytes: a fault script may shorten them.
@inline(__always)
func transferring(_ kind: SystemCall, _ count: Int, _ body: (Int) -> Int) -> Int {
  while true {
    #if FAULT_INJECTION
      var limit = count
      let result = FaultScript.failure(of: kind, limit: &limit) ?? body(limit)
    #else
      let result = body(count)
    #endif
    if result != -Int(EINTR) { return result }
  }
}

/// The outcome of a glibc call that answers -1 and sets `errno`.
@inline(__always)
func outcome(_ value: Int) -> Int { value < 0 ? -Int(Glibc.errno) : value }

@inline(__always)
func outcome(_ value: CInt) -> Int { value < 0 ? -Int(Glibc.errno) : Int(value) }

/// Calls `body` with the bytes as a C string; answers -EINVAL for a NUL inside and -ENOENT for no bytes at all, as the kernel would.
///
/// Names up to 255 bytes cost no allocation.
@inline(__always)
func withCPath(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Int) -> Int {
  let count = path.count
  guard count > 0 else { return -Int(ENOENT) }
  return path.withUnsafeBytes { bytes -> Int in
    guard let start = bytes.baseAddress, memchr(start, 0, count) == nil else { return -Int(EINVAL) }
    if count < 256 {
      return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { copy in
        guard let target = copy.baseAddress else { return -Int(ENOMEM) }
        memcpy(target, start, count)
        target[count] = 0
        return body(UnsafePointer(target))
      }
    }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { copy in
      guard let target = copy.baseAddress else { return -Int(ENOMEM) }
      memcpy(target, start, count)
      target[count] = 0
      return body(UnsafePointer(target))
    }
  }
}

/// `withCPath` for one component: a slash inside is -EINVAL, so that no name can lead out of its directory by depth.
@inline(__always)
func withCName(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Int) -> Int {
  guard !name.contains(0x2f) else { return -Int(EINVAL) }
  return withCPath(name, body)
}

/// Turns a negated errno into a thrown `FileError`; hands any other value on.
@inline(__always)
@discardableResult
func checked(_ result: Int, _ operation: StaticString, _ path: @autoclosure () -> [UInt8]) throws(FileError) -> Int {
  guard result < 0 else { return result }
  throw failure(result, operation, path())
}

@inline(never)
func failure(_ result: Int, _ operation: StaticString, _ path: [UInt8]) -> FileError {
  FileError(errno: Errno(rawValue: CInt(truncatingIfNeeded: -result)), operation: operation.description, path: path)
}
