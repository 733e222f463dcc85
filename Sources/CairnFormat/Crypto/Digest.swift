import CSodium
import Crypto

/// SHA-256 of stored bytes, which names objects: anyone can check it with `sha256sum`, without a key.
package enum SHA256Digest {
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> ObjectHash {
    var state = SHA256()
    state.update(bufferPointer: bytes)
    return state.finalize().withUnsafeBytes { ObjectHash(bytes: $0) }
  }

  package static func hash(_ bytes: [UInt8]) -> ObjectHash { bytes.withUnsafeBytes { hash($0) } }

  /// For objects that are written in pieces.
  package struct Incremental: Sendable {
    private var state = SHA256()

    package init() {}
    package mutating func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }
    /// The digest of all bytes so far; more may follow.
    package func finish() -> ObjectHash { state.finalize().withUnsafeBytes { ObjectHash(bytes: $0) } }
  }
}

/// Keyed BLAKE2b (libsodium), where the format derives one secret from another.
enum KeyedHash {
  /// Fills `output` (16 … 64 bytes) with BLAKE2b of `label` and the (public) `parts` one after another under `key` (16 … 64 bytes).
  static func derive(
    key: UnsafeRawBufferPointer, label: StaticString, parts: [UnsafeRawBufferPointer], into output: UnsafeMutableRawBufferPointer
  ) {
    _ = Sodium.ready
    var input = ByteWriter()
    input.append(label)
    for part in parts { input.append(part) }
    let status = input.bytes.withUnsafeBytes {
      crypto_generichash_blake2b(output.octets, output.count, $0.octets, UInt64($0.count), key.octets, key.count)
    }
    precondition(status == 0, "key and output lengths are constants of the program")
  }
}
