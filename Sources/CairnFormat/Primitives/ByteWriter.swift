/// The mirror of `ByteReader`: appends little-endian values to an array.
package struct ByteWriter: Sendable {
  package private(set) var bytes: [UInt8]

  package init(capacity: Int = 0) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  package var count: Int { bytes.count }

  package mutating func u8(_ value: UInt8) { bytes.append(value) }
  package mutating func u16(_ value: UInt16) { store(value.littleEndian) }
  package mutating func u32(_ value: UInt32) { store(value.littleEndian) }
  package mutating func u64(_ value: UInt64) { store(value.littleEndian) }
  package mutating func i64(_ value: Int64) { store(value.littleEndian) }
  package mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }
  package mutating func append(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }
  package mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
  // An array, not `repeatElement`: without optimisation that one is copied element by element.
  package mutating func zeros(_ count: Int) { bytes += [UInt8](repeating: 0, count: count) }

  /// Appends unsigned LEB128 in its shortest form (one to ten bytes).
  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  package mutating func varint(_ value: Int) { varint(UInt64(value)) }

  /// Appends the length as a varint, then the bytes.
  package mutating func counted(_ more: [UInt8]) {
    varint(more.count)
    append(more)
  }

  package mutating func identifier<Tag>(_ value: Identifier32<Tag>) { value.append(to: &self) }
  package mutating func identifier<Tag>(_ value: Identifier16<Tag>) { value.append(to: &self) }

  /// Drops everything but keeps the memory, for a writer used again and again.
  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  private mutating func store<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }

  /// Bytes that `varint` would append: 1 … 10.
  package static func varintLength(_ value: UInt64) -> Int {
    max(1, (64 - value.leadingZeroBitCount + 6) / 7)
  }
}
