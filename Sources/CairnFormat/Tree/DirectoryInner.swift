/// A child of an inner node of a directory's tree.
package struct InnerItem: Hashable, Sendable {
  /// The first name below the child.
  package var firstName: [UInt8]
  package var id: BlobID
  /// Items below, with everything that lies below those that are directories.
  package var entries: UInt64
  /// File bytes below.
  package var bytes: UInt64

  package init(firstName: [UInt8], id: BlobID, entries: UInt64, bytes: UInt64) {
    self.firstName = firstName
    self.id = id
    self.entries = entries
    self.bytes = bytes
  }
}

/// An inner node: children in strictly ascending order of their first names.
package enum DirectoryInner {
  /// - Throws: `.invalid` for no items or a name that is none, `.notCanonical` when names are out of order, `.limitExceeded`.
  package static func encode(_ items: [InnerItem]) throws(FormatError) -> [UInt8] {
    guard !items.isEmpty else { throw .invalid("node without items") }
    guard items.count <= Limits.nodeItems else { throw .limitExceeded("items of a node") }
    var bound = NodeHeader.length
    for index in items.indices {
      guard NodeName.isValid(items[index].firstName) else { throw .invalid("name") }
      guard index == 0 || ByteOrder.areAscending(items[index - 1].firstName, items[index].firstName) else {
        throw .notCanonical("order of names")
      }
      bound += items[index].firstName.count + 64
    }
    let bytes = [UInt8](unsafeUninitializedCapacity: bound) { memory, count in
      var writer = ItemWriter(UnsafeMutableRawBufferPointer(memory))
      NodeHeader.encode(.treeInner, count: items.count, into: &writer)
      for item in items {
        writer.varint(UInt64(item.firstName.count))
        writer.bytes(item.firstName)
        writer.identifier(item.id)
        writer.varint(item.entries)
        writer.varint(item.bytes)
      }
      count = writer.offset
    }
    guard bytes.count <= Limits.treeNodeBytes else { throw .limitExceeded("tree node size") }
    return bytes
  }

  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> [InnerItem] {
    try NodeHeader.items(bytes, .treeInner, items)
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [InnerItem] {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }

  static func items(_ reader: inout ByteReader, _ count: Int) throws(FormatError) -> [InnerItem] {
    var items: [InnerItem] = []
    items.reserveCapacity(min(count, reader.remaining / 36))
    for index in 0..<count {
      let name = try NodeName.read(from: &reader)
      guard index == 0 || ByteOrder.areAscending(items[index - 1].firstName, name) else { throw .notCanonical("order of names") }
      let id: BlobID = try reader.identifier32()
      items.append(InnerItem(firstName: name, id: id, entries: try reader.varint(), bytes: try reader.varint()))
    }
    return items
  }
}
