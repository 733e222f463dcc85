import Crypto

/// HMAC-SHA-256 (RFC 2104) as two prepared SHA-256 states that are copied for each message.
///
/// swift-crypto's own `HMAC` takes only `DataProtocol` through unspecialised generics, which costs more than hashing a small file;
/// a test holds the two against each other.
struct HMACState: Sendable {
  private var inner = SHA256()
  private var outer = SHA256()

  /// - Precondition: `key` is at most one block (64 bytes).
  init(key: UnsafeRawBufferPointer) {
    precondition(key.count <= 64)
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { block in
      fill(block, with: key, xor: 0x36)
      inner.update(bufferPointer: UnsafeRawBufferPointer(block))
      fill(block, with: key, xor: 0x5C)
      outer.update(bufferPointer: UnsafeRawBufferPointer(block))
      SecretBytes.wipe(block)
    }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) { inner.update(bufferPointer: bytes) }

  func finish() -> BlobID {
    var last = outer
    inner.finalize().withUnsafeBytes { last.update(bufferPointer: $0) }
    return last.finalize().withUnsafeBytes { BlobID(bytes: $0) }
  }

  private func fill(_ block: UnsafeMutableRawBufferPointer, with key: UnsafeRawBufferPointer, xor mask: UInt8) {
    for index in 0..<block.count { block[index] = (index < key.count ? key[index] : 0) ^ mask }
  }
}
