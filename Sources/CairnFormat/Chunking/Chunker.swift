import CCairn
import CSodium

/// Cuts a file's bytes into chunks by their content. Any thread may use it; nothing in it changes after `init`.
///
/// gear64: the hash after a byte is h = (h << 1) + G[byte] modulo 2^64, so that it depends on the last 64 bytes alone. A chunk ends
/// after the first byte where its length is at least `minimum` and h < T; T is 2^64 / (4 average) below `average` bytes and
/// 2^64 / (average / 4) from there on (normalised chunking, level 2); at `maximum` it ends anyway. The table G comes from the repository's
/// key. That hides nothing from somebody who sees chunk lengths, for the hash is linear: lengths are hidden by encrypted directories and
/// padded packs. 4.5 GB/s on one core of a Zen 4 server, the skipped minimum included.
package final class Chunker: @unchecked Sendable {
  package let parameters: ChunkerParameters
  /// 256 words, written by `init` only.
  private let table: UnsafeMutablePointer<UInt64>
  private let hardThreshold: UInt64
  private let easyThreshold: UInt64

  /// Bytes that the hash depends on.
  package static let window = 64

  /// - Parameter seed: The repository's chunker key, 32 bytes. Unused by `fixedSize`.
  /// - Throws: As `ChunkerParameters.validate`.
  package init(parameters: ChunkerParameters, seed: SecretBytes) throws(FormatError) {
    try parameters.validate()
    self.parameters = parameters
    hardThreshold = Self.threshold(UInt64(parameters.average) * 4)
    easyThreshold = Self.threshold(max(2, UInt64(parameters.average) / 4))
    table = .allocate(capacity: 256)
    table.initialize(repeating: 0, count: 256)
    Self.fill(UnsafeMutableBufferPointer(start: table, count: 256), from: seed)
  }

  deinit {
    SecretBytes.wipe(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: table, count: 256)))
    table.deallocate()
  }

  /// The table G: for the tests that hold this class against the definition. Secret as the key it comes from.
  package var tableForTests: [UInt64] { [UInt64](UnsafeBufferPointer(start: table, count: 256)) }

  /// The length of the chunk that begins at the first of `bytes`.
  ///
  /// - Parameters:
  ///   - bytes: The file's bytes from the chunk's start on. With `maximum` bytes or more the answer is never nil.
  ///   - atEnd: Whether the file ends where `bytes` does.
  /// - Returns: 1 … `maximum`; nil when more bytes are needed to tell (or when there are none at all).
  package func nextCut(_ bytes: UnsafeRawBufferPointer, atEnd: Bool) -> Int? {
    let whole = atEnd && !bytes.isEmpty ? bytes.count : nil
    let maximum = Int(parameters.maximum)
    let limit = min(bytes.count, maximum)
    if parameters.algorithm == ChunkerParameters.gear64, let cut = scan(bytes, limit) { return cut }
    return limit == maximum ? maximum : whole
  }

  /// The first cut at a length of `minimum` … `limit`, if there is one.
  private func scan(_ bytes: UnsafeRawBufferPointer, _ limit: Int) -> Int? {
    let minimum = Int(parameters.minimum)
    guard limit >= minimum, let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return nil }
    var hash: UInt64 = 0
    let first = minimum - 1
    _ = cairn_gear_scan(base + (minimum - Self.window), Self.window - 1, table, &hash, 0)
    let normal = max(first, min(limit, Int(parameters.average) - 1))
    let hard = first + cairn_gear_scan(base + first, normal - first, table, &hash, hardThreshold)
    if hard < normal { return hard + 1 }
    let easy = normal + cairn_gear_scan(base + normal, limit - normal, table, &hash, easyThreshold)
    return easy < limit ? easy + 1 : nil
  }

  /// floor(2^64 / n) for n ≥ 2.
  private static func threshold(_ n: UInt64) -> UInt64 {
    n.dividingFullWidth((1, 0)).quotient
  }

  /// G: 2048 bytes of `randombytes_buf_deterministic` (ChaCha20), seeded with BLAKE2b-256(seed, "gear64"), as little-endian words.
  private static func fill(_ table: UnsafeMutableBufferPointer<UInt64>, from seed: SecretBytes) {
    let derived = SecretBytes(count: 32) { output in
      seed.withBytes { KeyedHash.derive(key: $0, label: "gear64", parts: [], into: output) }
    }
    derived.withBytes { key in
      let raw = UnsafeMutableRawBufferPointer(table)
      randombytes_buf_deterministic(raw.octets, raw.count, key.octets)
    }
    for index in 0..<256 { table[index] = UInt64(littleEndian: table[index]) }
  }
}
