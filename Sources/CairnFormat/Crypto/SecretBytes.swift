import CSodium

/// libsodium, set up once for the process before its first use.
enum Sodium {
  /// - Precondition: `sodium_init` succeeds; it fails only where the system has no source of randomness at all.
  static let ready: Void = precondition(sodium_init() >= 0, "libsodium cannot be initialised")
}

/// Secret memory: outside of the heap, between guard pages, locked against swapping where the limit allows, read-only once filled, and
/// overwritten when the last reference goes.
///
/// Secrets never lie in `Array`, `String` or `Data`, which copy freely and are not wiped.
public final class SecretBytes: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  package let count: Int

  /// Allocates `count` zero bytes, lets `body` fill them, then write-protects them.
  ///
  /// Traps when the system has no memory left, as any Swift allocation does.
  package init<Failure>(
    count: Int, fill body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    _ = Sodium.ready
    guard let base = sodium_malloc(max(count, 1)) else { preconditionFailure("out of memory for secrets") }
    self.base = base
    self.count = count
    base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    try body(UnsafeMutableRawBufferPointer(start: base, count: count))
    sodium_mprotect_readonly(base)
  }

  /// `count` zero bytes.
  package convenience init(count: Int) { self.init(count: count) { _ in } }

  /// A copy of `bytes`; wiping the source stays the caller's task.
  public convenience init(copying bytes: UnsafeRawBufferPointer) {
    self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
  }

  deinit { sodium_free(base) }

  /// The bytes; valid during the call only.
  package func withBytes<Result, Failure>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Compares in constant time for equal counts.
  package static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let a = left.baseAddress, let b = right.baseAddress else { return true }
    return sodium_memcmp(a, b, left.count) == 0
  }

  /// Overwrites memory that held a secret, in a way the compiler keeps.
  package static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let base = bytes.baseAddress { sodium_memzero(base, bytes.count) }
  }
}
