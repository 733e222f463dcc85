/// A child of an inner node of a content list.
package struct ListInnerItem: Hashable, Sendable {
  package var id: BlobID
  /// File bytes below, holes included; 1 … 2^64-1.
  package var bytes: UInt64

  package init(id: BlobID, bytes: UInt64) {
    self.id = id
    self.bytes = bytes
  }
}

/// A leaf of a content list: chunks and holes in the order of the file.
package enum ListLeaf {
  /// - Throws: `.invalid` for no items or a bad length, `.notCanonical` for two holes next to each other, `.limitExceeded`.
  package static func encode(_ items: [ContentItem]) throws(FormatError) -> [UInt8] {
    guard !items.isEmpty else { throw .invalid("node without items") }
    guard items.count <= Limits.nodeItems else { throw .limitExceeded("items of a node") }
    _ = try ContentItem.validate(items)
    return [UInt8](unsafeUninitializedCapacity: NodeHeader.length + items.count * 42) { memory, count in
      var writer = ItemWriter(UnsafeMutableRawBufferPointer(memory))
      NodeHeader.encode(.listLeaf, count: items.count, into: &writer)
      for item in items { writer.contentItem(item) }
      count = writer.offset
    }
  }

  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> [ContentItem] {
    try NodeHeader.items(bytes, .listLeaf, items)
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [ContentItem] {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }

  static func items(_ reader: inout ByteReader, _ count: Int) throws(FormatError) -> [ContentItem] {
    var items: [ContentItem] = []
    items.reserveCapacity(min(count, reader.remaining))
    for _ in 0..<count { items.append(try reader.contentItem()) }
    _ = try ContentItem.validate(items)
    return items
  }
}

/// An inner node of a content list.
package enum ListInner {
  /// - Throws: `.invalid` for no items or an empty child, `.limitExceeded`.
  package static func encode(_ items: [ListInnerItem]) throws(FormatError) -> [UInt8] {
    guard !items.isEmpty else { throw .invalid("node without items") }
    guard items.count <= Limits.nodeItems else { throw .limitExceeded("items of a node") }
    try validate(items)
    return [UInt8](unsafeUninitializedCapacity: NodeHeader.length + items.count * 42) { memory, count in
      var writer = ItemWriter(UnsafeMutableRawBufferPointer(memory))
      NodeHeader.encode(.listInner, count: items.count, into: &writer)
      for item in items {
        writer.identifier(item.id)
        writer.varint(item.bytes)
      }
      count = writer.offset
    }
  }

  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> [ListInnerItem] {
    try NodeHeader.items(bytes, .listInner, items)
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [ListInnerItem] {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }

  static func items(_ reader: inout ByteReader, _ count: Int) throws(FormatError) -> [ListInnerItem] {
    var items: [ListInnerItem] = []
    items.reserveCapacity(min(count, reader.remaining / 33))
    for _ in 0..<count { items.append(ListInnerItem(id: try reader.identifier32(), bytes: try reader.varint())) }
    try validate(items)
    return items
  }

  private static func validate(_ items: [ListInnerItem]) throws(FormatError) {
    var total: UInt64 = 0
    for item in items {
      guard item.bytes > 0 else { throw .invalid("content length") }
      let (sum, overflow) = total.addingReportingOverflow(item.bytes)
      guard !overflow else { throw .limitExceeded("file size") }
      total = sum
    }
  }
}
