import CairnTestSupport
import Crypto
import Testing

@testable import CairnFormat

/// SHA-256 of our own kernels against swift-crypto's, in every position of the tails that two messages can have to each other.
@Suite struct SHA256StateTests {
  private func expected(_ bytes: some Sequence<UInt8>) -> [UInt8] { Array(SHA256.hash(data: Array(bytes))) }

  private func digest(_ state: SHA256State) -> [UInt8] { state.withDigest { [UInt8]($0) } }

  /// FIPS 180-4, examples.
  @Test(arguments: [true, false]) func standardVectors(_ usingExtensions: Bool) {
    let vectors = [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ]
    for (text, hex) in vectors {
      var state = SHA256State(usingExtensions: usingExtensions)
      Array(text.utf8).withUnsafeBytes { state.update($0) }
      #expect(state.withDigest { Hexadecimal.encode($0) } == hex)
    }
  }

  @Test(arguments: [true, false]) func everyLengthAndEverySplit(_ usingExtensions: Bool) {
    let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
    for count in 0...bytes.count {
      var state = SHA256State(usingExtensions: usingExtensions)
      let cut = count * 5 / 8
      bytes[..<cut].withUnsafeBytes { state.update($0) }
      bytes[cut..<count].withUnsafeBytes { state.update($0) }
      #expect(digest(state) == expected(bytes[..<count]), "\(count) bytes")
    }
  }

  @Test(arguments: [true, false]) func twoAtOnceAreTwoInTurn(_ usingExtensions: Bool) {
    var random = SeededRandom(seed: 7)
    for _ in 0..<2000 {
      let messages = (0..<2).map { _ in
        (0..<Int.random(in: 1...4, using: &random)).map { _ in
          (0..<Int.random(in: 0...400, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
      }
      var a = SHA256State(usingExtensions: usingExtensions)
      var b = SHA256State(usingExtensions: usingExtensions)
      for step in 0..<4 {
        let pieces = messages.map { step < $0.count ? $0[step] : [] }
        pieces[0].withUnsafeBytes { first in pieces[1].withUnsafeBytes { SHA256State.update(&a, first, &b, $0) } }
      }
      #expect(digest(a) == expected(messages[0].joined()))
      #expect(digest(b) == expected(messages[1].joined()))
    }
  }

  /// What the one computes the other may go on beside, as on a machine where only tests ask for that.
  @Test func mixedKindsDoNotMeet() {
    var a = SHA256State(usingExtensions: true)
    var b = SHA256State(usingExtensions: false)
    [UInt8](repeating: 3, count: 1000).withUnsafeBytes { SHA256State.update(&a, $0, &b, $0) }
    #expect(digest(a) == digest(b))
  }
}

@Suite struct BlobIDsTests {
  private let keys = Fixtures.keys

  /// Any number of blobs of any lengths have the ids they have one by one, and the companion its own digest.
  @Test func idsTogetherAreIdsOneByOne() {
    var random = SeededRandom(seed: 11)
    for round in 0..<400 {
      let limit = round % 10 == 0 ? 200_000 : 500
      let blobs = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: Int.random(in: 0...limit, using: &random))
      }
      let types = blobs.map { _ in BlobType.allCases.randomElement(using: &random) ?? .data }
      let other = [UInt8](repeating: 77, count: Int.random(in: 0...limit, using: &random))
      let buffers = blobs.map { bytes in
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(copy)
      }
      defer { for buffer in buffers { buffer.deallocate() } }
      other.withUnsafeBytes { other in
        var companion = SHA256Digest.Companion(other)
        let together = keys.blobIDs(Array(zip(types, buffers)).map { (type: $0.0, bytes: $0.1) }, beside: &companion)
        #expect(together == zip(types, blobs).map { keys.blobID($0, $1) })
        #expect(companion.finish() == SHA256Digest.hash(other))
      }
    }
  }
}
