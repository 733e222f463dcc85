/// The contents of a directory item's fields, as `ItemWriter` writes them.
extension ByteReader {
  /// A varint that is not zero, for zero is written by leaving the field out.
  @inline(__always) mutating func number(_ limit: UInt64 = .max) throws(FormatError) -> UInt64 {
    let value = try varint()
    guard value != 0 else { throw .notCanonical("default value written out") }
    guard value <= limit else { throw .limitExceeded("field value") }
    return value
  }

  @inline(__always) mutating func number32() throws(FormatError) -> UInt32 {
    UInt32(truncatingIfNeeded: try number(UInt64(UInt32.max)))
  }

  /// The default is one link.
  mutating func linkCount() throws(FormatError) -> UInt32 {
    let value = try varint()
    guard value != 1 else { throw .notCanonical("default value written out") }
    guard let count = UInt32(exactly: value) else { throw .limitExceeded("field value") }
    return count
  }

  mutating func modificationTime() throws(FormatError) -> Timestamp {
    let seconds = Int64(zigzag: try varint())
    let nanoseconds = try varint()
    guard nanoseconds < 1_000_000_000 else { throw .invalid("nanoseconds") }
    let time = Timestamp(seconds: seconds, nanoseconds: UInt32(nanoseconds))
    guard time != .zero else { throw .notCanonical("default value written out") }
    return time
  }

  /// A time by its difference to `reference`; an empty field is `reference` itself.
  mutating func time(relativeTo reference: Timestamp) throws(FormatError) -> Timestamp {
    if isAtEnd { return reference }
    let seconds = Int64(zigzag: try varint())
    let nanoseconds = Int64(zigzag: try varint())
    if seconds == 0, nanoseconds == 0 { throw .notCanonical("default value written out") }
    let (sum, overflow) = Int64(reference.nanoseconds).addingReportingOverflow(nanoseconds)
    guard !overflow, (0..<1_000_000_000).contains(sum) else { throw .invalid("nanoseconds") }
    return Timestamp(seconds: reference.seconds &+ seconds, nanoseconds: UInt32(sum))
  }

  /// Two varints, not both zero.
  mutating func pair() throws(FormatError) -> (UInt64, UInt64) {
    let first = try varint()
    let second = try varint()
    guard first | second != 0 else { throw .notCanonical("default value written out") }
    return (first, second)
  }

  mutating func nonEmpty(_ limit: Int, _ what: StaticString) throws(FormatError) -> [UInt8] {
    guard !isAtEnd else { throw .notCanonical("default value written out") }
    guard remaining <= limit else { throw .limitExceeded(what) }
    return [UInt8](rest())
  }

  /// Order and total length are checked by `Node.validate`.
  mutating func attributes() throws(FormatError) -> [NodeAttribute] {
    guard !isAtEnd else { throw .notCanonical("default value written out") }
    var attributes: [NodeAttribute] = []
    while !isAtEnd {
      let name = try array(try varint(limit: Limits.extendedAttributeBytes, "attribute name"))
      let value = try array(try varint(limit: Limits.extendedAttributeBytes, "attribute value"))
      attributes.append(NodeAttribute(name: name, value: value))
    }
    return attributes
  }

  /// Lengths and neighbouring holes are checked by `Node.validate`.
  mutating func contentItems() throws(FormatError) -> [ContentItem] {
    guard !isAtEnd else { throw .notCanonical("default value written out") }
    var items: [ContentItem] = []
    items.reserveCapacity(min(Limits.inlineContentItems, remaining / 34 + 1))
    while !isAtEnd {
      guard items.count < Limits.inlineContentItems else { throw .limitExceeded("content items") }
      items.append(try contentItem())
    }
    return items
  }

  @inline(__always) mutating func contentItem() throws(FormatError) -> ContentItem {
    let head = try varint()
    return ContentItem(length: head >> 1, id: head & 1 == 1 ? nil : try identifier32())
  }
}
