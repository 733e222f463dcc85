/// A leaf of a directory's tree: items in strictly ascending order of their names.
package enum DirectoryLeaf {
  /// Larger encodings are cut into several leaves, except for a single item.
  package static let maximumBytes = 1 << 20

  /// One encoded leaf, and what the inner node above says about it.
  package struct Encoded: Sendable {
    /// Empty for the leaf of an empty directory.
    package let firstName: [UInt8]
    package let bytes: [UInt8]
    /// Items, and everything below those that are directories.
    package let entries: UInt64
    /// File bytes in and below the items.
    package let totalBytes: UInt64

    package func child(_ id: BlobID) -> InnerItem { InnerItem(firstName: firstName, id: id, entries: entries, bytes: totalBytes) }
  }

  /// Encodes all nodes as one leaf, however large.
  ///
  /// - Throws: As `Node.validate`; `.notCanonical` when names are out of order, `.invalid` for a name that is none, `.limitExceeded` above
  ///   1024 nodes or 4 MiB.
  package static func encode(_ nodes: [Node]) throws(FormatError) -> [UInt8] {
    let leaves = try encode(nodes, cutAt: .max)
    guard let leaf = leaves.first, leaf.bytes.count <= Limits.treeNodeBytes else { throw .limitExceeded("tree node size") }
    return leaf.bytes
  }

  /// Encodes the nodes between two boundaries of the `DirectorySplitter`, and cuts before each item that would make a leaf exceed 1 MiB.
  ///
  /// - Returns: One leaf or more; for no nodes the leaf of an empty directory.
  /// - Throws: As `encode`.
  package static func encodeSplitting(_ nodes: [Node]) throws(FormatError) -> [Encoded] {
    try encode(nodes, cutAt: maximumBytes)
  }

  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> [Node] {
    try NodeHeader.items(bytes, .treeLeaf, items)
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [Node] {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }

  static func items(_ reader: inout ByteReader, _ count: Int) throws(FormatError) -> [Node] {
    var nodes: [Node] = []
    nodes.reserveCapacity(min(count, reader.remaining / 5))
    var decoder = NodeDecoder()
    for index in 0..<count {
      let node = try decoder.item(from: &reader)
      guard index == 0 || ByteOrder.areAscending(nodes[index - 1].name, node.name) else { throw .notCanonical("order of names") }
      nodes.append(node)
    }
    return nodes
  }

  private static func encode(_ nodes: [Node], cutAt limit: Int) throws(FormatError) -> [Encoded] {
    guard nodes.count <= Limits.nodeItems else { throw .limitExceeded("items of a node") }
    for index in nodes.indices {
      guard NodeName.isValid(nodes[index].name) else { throw .invalid("name") }
      try nodes[index].validate()
      guard index == 0 || ByteOrder.areAscending(nodes[index - 1].name, nodes[index].name) else { throw .notCanonical("order of names") }
    }
    var leaves: [Encoded] = []
    var start = 0
    repeat {
      let (leaf, next) = encodeOne(nodes, from: start, cutAt: limit)
      leaves.append(leaf)
      start = next
    } while start < nodes.count
    return leaves
  }

  /// Encodes nodes from `start` until the end, or until the next would make the leaf exceed `limit`; at least one.
  private static func encodeOne(_ nodes: [Node], from start: Int, cutAt limit: Int) -> (Encoded, next: Int) {
    var (least, bound) = (NodeHeader.length, NodeHeader.length)
    var end = start
    while end < nodes.count, least <= limit {
      let bounds = nodes[end].encodedBounds
      (least, bound, end) = (least + bounds.least, bound + bounds.most, end + 1)
    }
    var entries: UInt64 = 0
    var total: UInt64 = 0
    var next = start
    let bytes = [UInt8](unsafeUninitializedCapacity: bound) { memory, count in
      var writer = ItemWriter(UnsafeMutableRawBufferPointer(memory), offset: NodeHeader.length)
      count = NodeHeader.length
      while next < end {
        nodes[next].encode(into: &writer)
        if writer.offset > limit, next > start { break }
        count = writer.offset
        entries = entries.addingSaturated(nodes[next].totalEntries)
        total = total.addingSaturated(nodes[next].totalBytes)
        next += 1
      }
      var header = ItemWriter(UnsafeMutableRawBufferPointer(memory))
      NodeHeader.encode(.treeLeaf, count: next - start, into: &header)
    }
    return (Encoded(firstName: start < nodes.count ? nodes[start].name : [], bytes: bytes, entries: entries, totalBytes: total), next)
  }
}
