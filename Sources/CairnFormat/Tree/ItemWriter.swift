/// A cursor into memory of a known size, for the encoding of directory items.
///
/// Appending byte by byte to an array costs a uniqueness and a capacity check each; a directory item has forty such steps and a backup
/// three hundred thousand items. Every write is checked against the end instead: the caller reserves by `Node.encodedBounds`.
struct ItemWriter {
  private let base: UnsafeMutableRawPointer
  private let capacity: Int
  private(set) var offset: Int

  init(_ memory: UnsafeMutableRawBufferPointer, offset: Int = 0) {
    precondition(memory.baseAddress != nil && memory.count >= offset)
    base = memory.baseAddress.unsafelyUnwrapped
    capacity = memory.count
    self.offset = offset
  }

  @inline(__always) mutating func u8(_ value: UInt8) {
    precondition(offset < capacity)
    base.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    offset += 1
  }

  @inline(__always) mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      u8(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    u8(UInt8(truncatingIfNeeded: rest))
  }

  mutating func bytes(_ more: [UInt8]) { more.withUnsafeBytes { raw($0) } }

  mutating func raw(_ more: UnsafeRawBufferPointer) {
    guard let source = more.baseAddress else { return }
    precondition(capacity - offset >= more.count)
    (base + offset).copyMemory(from: source, byteCount: more.count)
    offset += more.count
  }

  mutating func identifier(_ id: BlobID) { id.withBytes { raw($0) } }

  /// A field whose content is one varint; zero is left out.
  @inline(__always) mutating func number(_ tag: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    u8(tag)
    u8(UInt8(truncatingIfNeeded: ByteWriter.varintLength(value)))
    varint(value)
  }

  /// A field of bytes; none are left out.
  mutating func counted(_ tag: UInt8, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    u8(tag)
    varint(UInt64(value.count))
    bytes(value)
  }

  /// Runs `body` and puts the number of bytes it wrote before them, as a minimal varint of at most `reserve` bytes.
  @inline(__always) mutating func prefixed(reserve: Int, _ body: (inout ItemWriter) -> Void) {
    let start = offset
    precondition(capacity - start >= reserve)
    offset += reserve
    body(&self)
    let length = offset - start - reserve
    let width = ByteWriter.varintLength(UInt64(length))
    precondition(width <= reserve)
    if width < reserve { (base + start + width).copyMemory(from: base + start + reserve, byteCount: length) }
    offset = start
    varint(UInt64(length))
    offset += length
  }
}

extension Int64 {
  /// Small for numbers near zero of either sign.
  @inline(__always) var zigzag: UInt64 { UInt64(bitPattern: (self << 1) ^ (self >> 63)) }
  @inline(__always) init(zigzag value: UInt64) { self = Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
}
