import CCairn
import Crypto

/// SHA-256 in progress: with the processor's SHA extensions where it has them, else swift-crypto's.
///
/// What swift-crypto does not offer is two messages at a time, which hashes twice as fast (see cairnhash.h).
struct SHA256State: Sendable {
  private enum Computation {
    case extensions(cairn_sha256)
    case library(SHA256)
  }

  private var computation: Computation

  private static let hasExtensions = cairn_has_sha256() != 0

  init() { self.init(usingExtensions: true) }

  /// - Parameter usingExtensions: false computes as on a processor without them; for tests.
  init(usingExtensions: Bool) {
    guard usingExtensions, Self.hasExtensions else {
      computation = .library(SHA256())
      return
    }
    var digest = cairn_sha256()
    cairn_sha256_begin(&digest)
    computation = .extensions(digest)
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch computation {
    case .extensions(var digest):
      cairn_sha256_update(&digest, bytes.baseAddress, bytes.count)
      computation = .extensions(digest)
    case .library(var digest):
      digest.update(bufferPointer: bytes)
      computation = .library(digest)
    }
  }

  /// As `a.update(bytesOfA)` and `b.update(bytesOfB)`, at once as far as both last.
  static func update(_ a: inout Self, _ bytesOfA: UnsafeRawBufferPointer, _ b: inout Self, _ bytesOfB: UnsafeRawBufferPointer) {
    guard case .extensions(var first) = a.computation, case .extensions(var second) = b.computation else {
      a.update(bytesOfA)
      b.update(bytesOfB)
      return
    }
    cairn_sha256_update_pair(&first, bytesOfA.baseAddress, bytesOfA.count, &second, bytesOfB.baseAddress, bytesOfB.count)
    a.computation = .extensions(first)
    b.computation = .extensions(second)
  }

  /// The digest of all bytes so far; more may follow.
  func withDigest<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    switch computation {
    case .extensions(var digest):
      withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { output in
        cairn_sha256_end(&digest, output.octets)
        return body(UnsafeRawBufferPointer(output))
      }
    case .library(let digest): digest.finalize().withUnsafeBytes { body($0) }
    }
  }
}
