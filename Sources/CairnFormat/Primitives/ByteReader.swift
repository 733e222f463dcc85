/// A bounds-checked little-endian cursor over bytes it does not own.
///
/// The buffer must outlive the reader; for an array use `[UInt8].withReader`. No call allocates except `array(_:)`, which is bounded by the input.
package struct ByteReader {
  @usableFromInline let buffer: UnsafeRawBufferPointer
  /// Bytes consumed so far.
  package private(set) var offset = 0

  package init(_ buffer: UnsafeRawBufferPointer) { self.buffer = buffer }

  /// Bytes not yet consumed.
  package var remaining: Int { buffer.count - offset }
  package var isAtEnd: Bool { offset == buffer.count }

  /// Takes the next `count` bytes without copying them; the result is valid as long as the buffer is.
  ///
  /// - Throws: `.truncated` when fewer are left or `count` is negative.
  package mutating func bytes(_ count: Int) throws(FormatError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else { throw .truncated }
    defer { offset += count }
    guard let base = buffer.baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: base + offset, count: count)
  }

  /// Takes the next `count` bytes as an array of its own.
  package mutating func array(_ count: Int) throws(FormatError) -> [UInt8] { [UInt8](try bytes(count)) }

  /// Takes all that is left.
  package mutating func rest() -> UnsafeRawBufferPointer {
    defer { offset = buffer.count }
    return UnsafeRawBufferPointer(rebasing: buffer[offset...])
  }

  package mutating func u8() throws(FormatError) -> UInt8 {
    guard offset < buffer.count else { throw .truncated }
    defer { offset += 1 }
    return buffer[offset]
  }

  package mutating func u16() throws(FormatError) -> UInt16 { UInt16(littleEndian: try load()) }
  package mutating func u32() throws(FormatError) -> UInt32 { UInt32(littleEndian: try load()) }
  package mutating func u64() throws(FormatError) -> UInt64 { UInt64(littleEndian: try load()) }
  package mutating func i64() throws(FormatError) -> Int64 { Int64(littleEndian: try load()) }

  private mutating func load<Value: FixedWidthInteger & BitwiseCopyable>() throws(FormatError) -> Value {
    let size = MemoryLayout<Value>.size
    guard size <= remaining else { throw .truncated }
    defer { offset += size }
    return buffer.loadUnaligned(fromByteOffset: offset, as: Value.self)
  }

  /// Reads an unsigned LEB128 number of at most ten bytes.
  ///
  /// - Throws: `.notCanonical` when a shorter encoding exists, `.invalid` when the value exceeds 64 bits.
  package mutating func varint() throws(FormatError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try u8()
      if shift == 63, byte > 1 { throw .invalid("varint") }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 {
        if byte == 0, shift > 0 { throw .notCanonical("varint") }
        return value
      }
      shift += 7
    }
  }

  /// Reads a varint that must not exceed `limit`, as a count or length.
  package mutating func varint(limit: Int, _ what: StaticString) throws(FormatError) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw .limitExceeded(what) }
    return Int(value)
  }

  package mutating func identifier32<Tag>(_: Tag.Type = Tag.self) throws(FormatError) -> Identifier32<Tag> {
    Identifier32(bytes: try bytes(32))
  }

  package mutating func identifier16<Tag>(_: Tag.Type = Tag.self) throws(FormatError) -> Identifier16<Tag> {
    Identifier16(bytes: try bytes(16))
  }

  /// Consumes `expected`, or throws `.badMagic` (also when the bytes end early).
  package mutating func expectMagic(_ expected: StaticString) throws(FormatError) {
    let count = expected.utf8CodeUnitCount
    guard count <= remaining else { throw .badMagic }
    let found = try bytes(count)
    for index in 0..<count where found[index] != expected.utf8Start[index] { throw .badMagic }
  }

  /// Consumes `count` bytes that must all be zero.
  package mutating func expectZeros(_ count: Int, _ what: StaticString) throws(FormatError) {
    let padding = try bytes(count)
    var union: UInt8 = 0
    for byte in padding { union |= byte }
    guard union == 0 else { throw .notCanonical(what) }
  }

  /// - Throws: `.trailingBytes` unless everything has been consumed.
  package func expectEnd() throws(FormatError) {
    guard isAtEnd else { throw .trailingBytes }
  }
}

extension [UInt8] {
  /// Runs `body` with a reader over the array's bytes; the reader must not leave the closure.
  package func withReader<Result>(_ body: (inout ByteReader) throws(FormatError) -> Result) throws(FormatError) -> Result {
    try withUnsafeBufferPointer { (elements) throws(FormatError) -> Result in
      var reader = ByteReader(UnsafeRawBufferPointer(elements))
      return try body(&reader)
    }
  }
}
