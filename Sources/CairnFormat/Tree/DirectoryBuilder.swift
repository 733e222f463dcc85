/// Stores one tree node and returns its id.
package typealias StoreNode = (BlobType, [UInt8]) throws -> BlobID

/// Builds the inner levels of a directory's tree from its leaves, which arrive in order. Holds at most 512 children for each level.
package struct DirectoryInnerBuilder {
  private let splitter: DirectorySplitter
  /// Children not yet closed into a node, lowest level first.
  private var levels: [[InnerItem]] = [[]]

  package init(splitter: DirectorySplitter) { self.splitter = splitter }

  /// Adds the next leaf.
  ///
  /// - Throws: What `store` throws; `FormatError` when first names do not ascend, or above eight levels (more names than a disk can hold).
  package mutating func append(_ leaf: InnerItem, store: StoreNode) throws { try append(leaf, level: 0, store) }

  /// Stores the inner nodes that are still open.
  ///
  /// - Returns: The root: the only leaf itself where there is but one, and an empty leaf, stored here, where there is none.
  package mutating func finish(store: StoreNode) throws -> InnerItem {
    var level = 0
    while true {
      let isTop = level == levels.count - 1
      if isTop, levels[level].count <= 1 { break }
      if !levels[level].isEmpty { try close(level, store) }
      level += 1
    }
    if let root = levels[level].first { return root }
    return InnerItem(firstName: [], id: try store(.treeLeaf, try DirectoryLeaf.encode([])), entries: 0, bytes: 0)
  }

  private mutating func append(_ item: InnerItem, level: Int, _ store: StoreNode) throws {
    if level == levels.count {
      guard level < Limits.treeHeight else { throw FormatError.limitExceeded("tree height") }
      levels.append([])
    }
    levels[level].append(item)
    if splitter.isInnerBoundary(after: item.firstName, itemsSinceBoundary: levels[level].count) { try close(level, store) }
  }

  private mutating func close(_ level: Int, _ store: StoreNode) throws {
    let items = levels[level]
    levels[level] = []
    let id = try store(.treeInner, try DirectoryInner.encode(items))
    var parent = InnerItem(firstName: items[0].firstName, id: id, entries: 0, bytes: 0)
    for item in items {
      parent.entries = parent.entries.addingSaturated(item.entries)
      parent.bytes = parent.bytes.addingSaturated(item.bytes)
    }
    try append(parent, level: level + 1, store)
  }
}

/// Builds the whole tree of a directory from its nodes in order. Holds the nodes of one leaf.
package struct DirectoryBuilder {
  private let splitter: DirectorySplitter
  private var inner: DirectoryInnerBuilder
  private var open: [Node] = []
  private var lastName: [UInt8] = []

  package init(splitter: DirectorySplitter) {
    self.splitter = splitter
    inner = DirectoryInnerBuilder(splitter: splitter)
  }

  package init(keys: KeySet) { self.init(splitter: DirectorySplitter(keys: keys)) }

  /// Adds the next node.
  ///
  /// - Throws: What `store` throws; `FormatError` as `DirectoryLeaf.encode`, at the latest when the node's leaf is full.
  package mutating func append(_ node: Node, store: StoreNode) throws {
    guard ByteOrder.areAscending(lastName, node.name) else { throw FormatError.notCanonical("order of names") }
    lastName = node.name
    open.append(node)
    if splitter.isBoundary(after: node.name, itemsSinceBoundary: open.count) { try closeLeaf(store) }
  }

  /// - Returns: The directory's root, with its sums for `Node.subtreeEntries` and `subtreeBytes`.
  package mutating func finish(store: StoreNode) throws -> InnerItem {
    if !open.isEmpty { try closeLeaf(store) }
    return try inner.finish(store: store)
  }

  private mutating func closeLeaf(_ store: StoreNode) throws {
    let nodes = open
    open.removeAll(keepingCapacity: true)
    for leaf in try DirectoryLeaf.encodeSplitting(nodes) {
      try inner.append(leaf.child(try store(.treeLeaf, leaf.bytes)), store: store)
    }
  }
}
