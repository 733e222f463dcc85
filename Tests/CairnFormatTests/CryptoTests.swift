import CairnFormat
import CairnTestSupport
import Crypto
import Testing

@Suite struct CryptoTests {
  @Test(arguments: [0, 1, 55, 56, 63, 64, 65, 1000, 100_000])
  func blobIDIsTheHMACOfTypeAndPlaintext(count: Int) {
    var random = SeededRandom(seed: UInt64(count))
    let plaintext = random.bytes(count)
    let key = Fixtures.keys.withKey(.identity) { SymmetricKey(data: $0) }
    for type in BlobType.allCases {
      let expected = HMAC<SHA256>.authenticationCode(for: [type.rawValue] + plaintext, using: key)
      #expect(Fixtures.keys.blobID(type, plaintext).bytes == Array(expected))
    }
  }

  @Test func theSameBytesOfTwoTypesOrRepositoriesKeysHaveOtherIDs() {
    let other = Fixtures.keySet([UInt8](repeating: 9, count: 32), Fixtures.repository)
    let ids = BlobType.allCases.map { Fixtures.keys.blobID($0, [1, 2, 3]) } + [other.blobID(.data, [1, 2, 3])]
    #expect(Set(ids).count == ids.count)
  }

  @Test func hashingInPiecesEqualsHashingAtOnce() {
    var random = SeededRandom(seed: 3)
    let bytes = random.bytes(10_000)
    var state = SHA256Digest.Incremental()
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + 1 + random.below(700))
      bytes[start..<end].withUnsafeBytes { state.update($0) }
      start = end
    }
    #expect(state.finish() == SHA256Digest.hash(bytes))
  }

  private func seal(_ content: [UInt8], rawLength: UInt32 = 77, packClass: PackClass = .data, codec: UInt8 = 1) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: content.count + 40)
    let written = frame.withUnsafeMutableBytes { output in
      content.withUnsafeBytes { content in
        Fixtures.nonce.withUnsafeBytes { nonce in
          Fixtures.keys.sealFrame(packClass: packClass, codec: codec, rawLength: rawLength, content, nonce: nonce, into: output)
        }
      }
    }
    #expect(written == frame.count)
    return frame
  }

  private func open(
    _ frame: [UInt8], rawLength: UInt32 = 77, packClass: PackClass = .data, codec: UInt8 = 1, keyReference: UInt8 = 0, room: Int? = nil,
    keys: KeySet = Fixtures.keys
  ) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: room ?? max(0, frame.count - 40))
    let count = try output.withUnsafeMutableBytes { output in
      try frame.withUnsafeBytes {
        try keys.openFrame(packClass: packClass, codec: codec, rawLength: rawLength, keyReference: keyReference, $0, into: output)
      }
    }
    return Array(output[..<count])
  }

  @Test(arguments: [0, 1, 1000], [Codec.zstd, Codec.zstd | Codec.aesGCM])
  func aFrameOpensOnlyAsWhatItWasSealedAs(count: Int, codec: UInt8) throws {
    var random = SeededRandom(seed: 4)
    let content = random.bytes(count)
    let frame = seal(content, codec: codec)
    #expect(try open(frame, codec: codec) == content)
    #expect(Array(frame[..<24]) == Fixtures.nonce)
    #expect(formatError { try open(frame, rawLength: 78, codec: codec) } == .authenticationFailed)
    #expect(formatError { try open(frame, packClass: .tree, codec: codec) } == .authenticationFailed)
    #expect(formatError { try open(frame, codec: codec ^ Codec.zstd) } == .authenticationFailed)
    #expect(formatError { try open(frame, codec: codec ^ Codec.aesGCM) } == .authenticationFailed)
    #expect(formatError { try open(frame, codec: codec, keyReference: 1) } == .unsupportedFeature)
    #expect(formatError { try open(Array(frame[..<39]), codec: codec) } == .truncated)
    let elsewhere = Fixtures.keySet(Fixtures.master, .zero)
    #expect(formatError { try open(frame, codec: codec, keys: elsewhere) } == .authenticationFailed)
    if count > 0 { #expect(formatError { try open(frame, codec: codec, room: count - 1) } == .limitExceeded("plaintext length")) }
    for offset in [0, 23, 24, frame.count - 16, frame.count - 1] {
      var changed = frame
      changed[offset] ^= 0x10
      #expect(formatError { try open(changed, codec: codec) } == .authenticationFailed, "offset \(offset)")
    }
  }

  @Test func aSignatureHoldsForItsMessageAndKeyOnly() throws {
    let key = Fixtures.keys.signingKey
    let message: [UInt8] = [1, 2, 3]
    let signature = message.withUnsafeBytes { key.sign($0) }
    func verify(_ signature: [UInt8], _ message: [UInt8], _ publicKey: [UInt8]) throws {
      try signature.withUnsafeBytes { signature in
        try message.withUnsafeBytes { try SigningKey.verify(signature, of: $0, publicKey: publicKey) }
      }
    }
    try verify(signature, message, key.publicKey)
    #expect(formatError { try verify(signature, [1, 2, 4], key.publicKey) } == .authenticationFailed)
    #expect(formatError { try verify(signature, message, [UInt8](repeating: 1, count: 32)) } == .authenticationFailed)
    #expect(formatError { try verify(Array(signature.dropLast()), message, key.publicKey) } == .authenticationFailed)
    #expect(formatError { try verify([], message, []) } == .authenticationFailed)
  }

  @Test func hedgedNoncesDifferByContextEvenForEqualRandomBytes() {
    let random = [UInt8](repeating: 0, count: 24)
    let nonces = (UInt8(0)..<10).map { context in
      random.withUnsafeBytes { random in [context].withUnsafeBytes { Fixtures.keys.hedgedNonce(random: random, context: $0) } }
    }
    #expect(Set(nonces).count == 10)
    #expect(nonces.allSatisfy { $0.count == 24 })
  }

  @Test func noTwoSubkeysAreEqual() {
    let keys = Subkey.allCases.map { Fixtures.keys.withKey($0) { [UInt8]($0.prefix(16)) } }
    #expect(Set(keys).count == Subkey.allCases.count)
    #expect(Set(Subkey.allCases.map(\.number)).count == Subkey.allCases.count)
  }

  @Test func secretMemoryHoldsWhatItWasGiven() {
    let secret = [UInt8](1...200).withUnsafeBytes { SecretBytes(copying: $0) }
    #expect(secret.withBytes { [UInt8]($0) } == Array(1...200))
    #expect(SecretBytes(count: 0).withBytes { $0.count } == 0)
    #expect(SecretBytes(count: 5).withBytes { [UInt8]($0) } == [0, 0, 0, 0, 0])
  }
}
