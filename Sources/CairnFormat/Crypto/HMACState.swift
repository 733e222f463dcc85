/// HMAC-SHA-256 (RFC 2104) as two prepared SHA-256 states that are copied for each message; a test holds it against swift-crypto's.
struct HMACState: Sendable {
  private var inner: SHA256State
  private var outer: SHA256State

  /// - Parameter usingExtensions: as of `SHA256State`.
  /// - Precondition: `key` is at most one block (64 bytes).
  init(key: UnsafeRawBufferPointer, usingExtensions: Bool = true) {
    precondition(key.count <= 64)
    inner = SHA256State(usingExtensions: usingExtensions)
    outer = inner
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { block in
      fill(block, with: key, xor: 0x36)
      inner.update(UnsafeRawBufferPointer(block))
      fill(block, with: key, xor: 0x5C)
      outer.update(UnsafeRawBufferPointer(block))
      SecretBytes.wipe(block)
    }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) { inner.update(bytes) }

  /// As `update(bytes)` and `other.update(bytesOfOther)`, at once as far as both last.
  mutating func update(_ bytes: UnsafeRawBufferPointer, with other: inout SHA256State, _ bytesOfOther: UnsafeRawBufferPointer) {
    SHA256State.update(&inner, bytes, &other, bytesOfOther)
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer, with other: inout HMACState, _ bytesOfOther: UnsafeRawBufferPointer) {
    SHA256State.update(&inner, bytes, &other.inner, bytesOfOther)
  }

  func finish() -> BlobID {
    var last = outer
    inner.withDigest { last.update($0) }
    return last.withDigest { BlobID(bytes: $0) }
  }

  private func fill(_ block: UnsafeMutableRawBufferPointer, with key: UnsafeRawBufferPointer, xor mask: UInt8) {
    for index in 0..<block.count { block[index] = (index < key.count ? key[index] : 0) ^ mask }
  }
}
