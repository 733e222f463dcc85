import CSodium

/// SHA-256 of stored bytes, which names objects: anyone can check it with `sha256sum`, without a key.
package enum SHA256Digest {
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> ObjectHash {
    var digest = Incremental()
    digest.update(bytes)
    return digest.finish()
  }

  package static func hash(_ bytes: [UInt8]) -> ObjectHash { bytes.withUnsafeBytes { hash($0) } }

  /// For objects that are written in pieces.
  package struct Incremental: Sendable {
    fileprivate var state = SHA256State()

    package init() {}
    package mutating func update(_ bytes: UnsafeRawBufferPointer) { state.update(bytes) }

    /// As `a.update(bytesOfA)` and `b.update(bytesOfB)`, in half the time where the processor can.
    package static func update(
      _ a: inout Self, _ bytesOfA: UnsafeRawBufferPointer, _ b: inout Self, _ bytesOfB: UnsafeRawBufferPointer
    ) {
      SHA256State.update(&a.state, bytesOfA, &b.state, bytesOfB)
    }

    /// The digest of all bytes so far; more may follow.
    package func finish() -> ObjectHash { state.withDigest { ObjectHash(bytes: $0) } }
  }

  /// A message that lies in memory and is hashed bit by bit beside others, where those leave the processor idle (`KeySet.blobIDs`).
  package struct Companion {
    /// What was not hashed yet.
    package private(set) var rest: UnsafeRawBufferPointer
    private var state = SHA256State()

    /// - Parameter bytes: have to stay as they are until `finishRest` or `finish`.
    package init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    /// Hashes `bytes` into `other`, and as many of its own while they last.
    mutating func accompany(_ other: inout HMACState, _ bytes: UnsafeRawBufferPointer) {
      let count = min(rest.count, bytes.count)
      other.update(bytes, with: &state, UnsafeRawBufferPointer(rebasing: rest[..<count]))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }

    /// Hashes all that was not hashed yet; the memory is not needed any more then.
    package mutating func finishRest() {
      state.update(rest)
      rest = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Goes on with more of the message, after `finishRest`.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
      finishRest()
      rest = bytes
    }

    /// The digest of the whole message.
    package mutating func finish() -> ObjectHash {
      finishRest()
      return state.withDigest { ObjectHash(bytes: $0) }
    }
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
