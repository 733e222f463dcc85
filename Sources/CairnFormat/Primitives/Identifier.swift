/// 32 bytes that name something; `Tag` keeps the kinds apart.
///
/// Held as four words in big-endian order, so that comparing words compares bytes, without allocation or indirection.
package struct Identifier32<Tag>: Hashable, Comparable, Sendable, BitwiseCopyable {
  package let word0, word1, word2, word3: UInt64

  @inlinable package init(word0: UInt64, word1: UInt64, word2: UInt64, word3: UInt64) {
    self.word0 = word0
    self.word1 = word1
    self.word2 = word2
    self.word3 = word3
  }

  /// - Precondition: `bytes` holds exactly 32 bytes.
  @inlinable package init(bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == 32)
    self.init(
      word0: bytes.loadBigEndian(0), word1: bytes.loadBigEndian(8), word2: bytes.loadBigEndian(16), word3: bytes.loadBigEndian(24))
  }

  /// Nil unless `bytes` holds exactly 32 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self = bytes.withUnsafeBytes { Self(bytes: $0) }
  }

  /// Nil unless `hex` is 64 lower-case hexadecimal digits.
  package init?(hex: some StringProtocol) {
    guard let bytes = Hexadecimal.decode(hex) else { return nil }
    self.init(bytes: bytes)
  }

  /// All bytes zero.
  package static var zero: Self { Self(word0: 0, word1: 0, word2: 0, word3: 0) }

  /// The 32 bytes; valid during the call only.
  @inlinable package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withUnsafeBytes(of: (word0.bigEndian, word1.bigEndian, word2.bigEndian, word3.bigEndian), body)
  }

  package var bytes: [UInt8] { withBytes { [UInt8]($0) } }
  /// 64 lower-case digits.
  package var hexadecimal: String { withBytes { Hexadecimal.encode($0) } }
  package func append(to writer: inout ByteWriter) { withBytes { writer.append($0) } }

  @inlinable package static func == (left: Self, right: Self) -> Bool {
    left.word0 == right.word0 && left.word1 == right.word1 && left.word2 == right.word2 && left.word3 == right.word3
  }

  @inlinable package static func < (left: Self, right: Self) -> Bool {
    if left.word0 != right.word0 { return left.word0 < right.word0 }
    if left.word1 != right.word1 { return left.word1 < right.word1 }
    if left.word2 != right.word2 { return left.word2 < right.word2 }
    return left.word3 < right.word3
  }

  /// Feeds one word only: identifiers are digests or random, so that any word is already uniform.
  @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(word0) }
}

/// 16 bytes that name something; otherwise as `Identifier32`.
package struct Identifier16<Tag>: Hashable, Comparable, Sendable, BitwiseCopyable {
  package let word0, word1: UInt64

  @inlinable package init(word0: UInt64, word1: UInt64) {
    self.word0 = word0
    self.word1 = word1
  }

  /// - Precondition: `bytes` holds exactly 16 bytes.
  @inlinable package init(bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == 16)
    self.init(word0: bytes.loadBigEndian(0), word1: bytes.loadBigEndian(8))
  }

  /// Nil unless `bytes` holds exactly 16 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    self = bytes.withUnsafeBytes { Self(bytes: $0) }
  }

  /// Nil unless `hex` is 32 lower-case hexadecimal digits.
  package init?(hex: some StringProtocol) {
    guard let bytes = Hexadecimal.decode(hex) else { return nil }
    self.init(bytes: bytes)
  }

  /// All bytes zero.
  package static var zero: Self { Self(word0: 0, word1: 0) }

  /// The 16 bytes; valid during the call only.
  @inlinable package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withUnsafeBytes(of: (word0.bigEndian, word1.bigEndian), body)
  }

  package var bytes: [UInt8] { withBytes { [UInt8]($0) } }
  /// 32 lower-case digits.
  package var hexadecimal: String { withBytes { Hexadecimal.encode($0) } }
  package func append(to writer: inout ByteWriter) { withBytes { writer.append($0) } }

  @inlinable package static func == (left: Self, right: Self) -> Bool {
    left.word0 == right.word0 && left.word1 == right.word1
  }

  @inlinable package static func < (left: Self, right: Self) -> Bool {
    left.word0 != right.word0 ? left.word0 < right.word0 : left.word1 < right.word1
  }

  /// Feeds both words: some kinds carry a counter in the second.
  @inlinable package func hash(into hasher: inout Hasher) {
    hasher.combine(word0)
    hasher.combine(word1)
  }
}

extension Identifier32: CustomStringConvertible {
  package var description: String { hexadecimal }
}

extension Identifier16: CustomStringConvertible {
  package var description: String { hexadecimal }
}

extension UnsafeRawBufferPointer {
  @inlinable package func loadBigEndian(_ offset: Int) -> UInt64 {
    UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
