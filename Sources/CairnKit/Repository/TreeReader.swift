package import CairnFormat
import CairnSystem

/// Reads directories and content lists. A value; safe to use from any thread.
package struct TreeReader: Sendable {
  package let blobs: BlobReader

  /// Starts reading a directory.
  ///
  /// - Parameter tree: the id of a leaf or inner node.
  package func cursor(_ tree: BlobID) throws -> DirectoryCursor { try DirectoryCursor(self, tree) }

  /// Starts reading what a file consists of; nothing for other types.
  package func content(_ node: Node) -> ContentCursor { ContentCursor(self, node.content) }

  /// The node for the snapshot's root: the source directory's own metadata when it was backed up as ".", else synthetic.
  package func rootNode(of snapshot: Snapshot) throws -> Node {
    var node = Node(name: [], type: .directory)
    node.mode = 0o755
    node.flags = [.partialDirectory]
    if let item = snapshot.manifest.rootNodeItem {
      do { node = try Node.decodeRootItem(item) } catch { throw CairnError.damaged("the manifest of snapshot \(snapshot.shortID)", error) }
    }
    node.subtree = snapshot.manifest.root
    return node
  }

  /// Walks down from a directory.
  ///
  /// - Returns: nil when a component is missing or a parent is no directory; with an empty path the root itself is not
  ///   represented by a node, so the caller uses `rootNode(of:)`.
  package func find(_ path: [[UInt8]], in root: BlobID) throws -> Node? {
    var tree = root
    for (depth, name) in path.enumerated() {
      guard let node = try entry(named: name, in: tree) else { return nil }
      if depth == path.count - 1 { return node }
      guard let next = node.subtree else { return nil }
      tree = next
    }
    return nil
  }

  /// One entry of a directory, descending only into the inner node that can hold it.
  package func entry(named name: [UInt8], in tree: BlobID) throws -> Node? {
    var id = tree
    for _ in 0...Limits.treeHeight {
      switch try node(id) {
      case .leaf(let nodes): return nodes.first { $0.name == name }
      case .inner(let items):
        guard let item = items.last(where: { !name.lexicographicallyPrecedes($0.firstName) }) else { return nil }
        id = item.id
      default: throw Self.wrongKind(id)
      }
    }
    throw Self.tooHigh(id)
  }

  /// Reads and decodes a directory node, whichever of the two kinds it is.
  func node(_ id: BlobID) throws -> TreeNode {
    let bytes = try blobs.readNode(id)
    do { return try TreeNode.decode(bytes) } catch { throw CairnError.damaged("tree node \(id.hexadecimal.prefix(16))…", error) }
  }

  static func wrongKind(_ id: BlobID) -> CairnError {
    CairnError.damaged("tree node \(id.hexadecimal.prefix(16))…", .invalid("a node of the wrong kind"))
  }

  static func tooHigh(_ id: BlobID) -> CairnError {
    CairnError.damaged("tree \(id.hexadecimal.prefix(16))…", .limitExceeded("tree height"))
  }
}

/// The inner nodes above the leaf that a cursor reads, each with its next child.
private struct InnerLevels<Child: Sendable>: Sendable {
  private var levels: [(children: [Child], next: Int)] = []

  /// Goes into an inner node and returns its first child; nil when it has none or the tree is higher than trees may be.
  mutating func push(_ children: [Child]) -> Child? {
    guard levels.count < Limits.treeHeight, let first = children.first else { return nil }
    levels.append((children, 1))
    return first
  }

  /// The child behind the subtree that was read last; nil at the end of the tree.
  mutating func next() -> Child? {
    while let top = levels.last {
      if top.next < top.children.count {
        levels[levels.count - 1].next += 1
        return top.children[top.next]
      }
      levels.removeLast()
    }
    return nil
  }
}

/// Goes through a directory's entries in name order, holding one leaf and one inner node a level.
package struct DirectoryCursor {
  private let reader: TreeReader
  private var inner = InnerLevels<InnerItem>()
  private var leaf: [Node] = []
  private var position = 0
  private var lastName: [UInt8]?

  init(_ reader: TreeReader, _ tree: BlobID) throws {
    self.reader = reader
    try descend(tree)
  }

  /// The next entry without taking it.
  package mutating func peek() throws -> Node? {
    while position == leaf.count {
      guard try nextLeaf() else { return nil }
    }
    return leaf[position]
  }

  /// Takes the next entry; nil after the last.
  package mutating func next() throws -> Node? {
    guard let node = try peek() else { return nil }
    position += 1
    // Leaves are strictly ordered inside; across leaves the order is checked here.
    if position == 1, let last = lastName, !last.lexicographicallyPrecedes(node.name) {
      throw CairnError.damaged("a directory of the snapshot", .notCanonical("names out of order"))
    }
    if position == leaf.count { lastName = node.name }
    return node
  }

  private mutating func nextLeaf() throws -> Bool {
    guard let next = inner.next() else { return false }
    try descend(next.id)
    return true
  }

  private mutating func descend(_ tree: BlobID) throws {
    var id = tree
    while true {
      switch try reader.node(id) {
      case .leaf(let nodes):
        leaf = nodes
        position = 0
        return
      case .inner(let items):
        guard let first = inner.push(items) else { throw TreeReader.tooHigh(id) }
        id = first.id
      default: throw TreeReader.wrongKind(id)
      }
    }
  }
}

/// Goes through a file's content items in order, holding one list node a level.
package struct ContentCursor {
  private let reader: TreeReader
  private var inner = InnerLevels<ListInnerItem>()
  private var items: [ContentItem] = []
  private var position = 0
  private var pending: BlobID?

  init(_ reader: TreeReader, _ content: Content) {
    self.reader = reader
    switch content {
    case .none: break
    case .items(let all): items = all
    case .list(let root, _): pending = root
    }
  }

  /// The next piece of the file; nil after the last.
  package mutating func next() throws -> ContentItem? {
    if let root = pending {
      pending = nil
      try descend(root)
    }
    while position == items.count {
      guard try nextLeaf() else { return nil }
    }
    defer { position += 1 }
    return items[position]
  }

  private mutating func nextLeaf() throws -> Bool {
    guard let next = inner.next() else { return false }
    try descend(next.id)
    return true
  }

  private mutating func descend(_ list: BlobID) throws {
    var id = list
    while true {
      switch try reader.node(id) {
      case .listLeaf(let all):
        items = all
        position = 0
        return
      case .listInner(let children):
        guard let first = inner.push(children) else { throw TreeReader.tooHigh(id) }
        id = first.id
      default: throw TreeReader.wrongKind(id)
      }
    }
  }
}
