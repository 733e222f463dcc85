import CairnFormat

/// Goes through a directory's entries in name order and shows, wherever it stands before a part of the directory that has not been
/// opened, which part that is: so that two directories can be compared without opening the parts that they share.
struct SpanCursor {
  private let trees: TreeReader
  private var inner: [(items: [InnerItem], next: Int)] = []
  private var leaf: [Node] = []
  private var position = 0
  private var opened: (BlobID) -> Void

  /// - Parameters:
  ///   - root: nil for a directory without entries.
  ///   - opened: told of every tree node that is read.
  init(_ trees: TreeReader, root: BlobID?, opened: @escaping (BlobID) -> Void) {
    self.trees = trees
    self.opened = opened
    if let root { inner = [([InnerItem(firstName: [], id: root, entries: .max, bytes: 0)], 0)] }
  }

  /// The part that comes next, when it has not been opened.
  mutating func nextPart() -> InnerItem? {
    guard position == leaf.count else { return nil }
    while let top = inner.last {
      if top.next < top.items.count { return top.items[top.next] }
      inner.removeLast()
    }
    return nil
  }

  /// The entry that comes next; nil before a part that has not been opened, and at the end.
  var nextNode: Node? { position < leaf.count ? leaf[position] : nil }

  /// Passes over what comes next, be it an entry or a part.
  mutating func skip() {
    if position < leaf.count {
      position += 1
    } else if nextPart() != nil {
      inner[inner.count - 1].next += 1
    }
  }

  /// Opens the part that comes next.
  mutating func open() throws {
    guard let part = nextPart() else { return }
    inner[inner.count - 1].next += 1
    opened(part.id)
    switch try trees.node(part.id) {
    case .leaf(let nodes):
      leaf = nodes
      position = 0
    case .inner(let items):
      guard inner.count <= Limits.treeHeight else { throw TreeReader.tooHigh(part.id) }
      inner.append((items, 0))
    default: throw TreeReader.wrongKind(part.id)
    }
  }
}

/// Merges the entries of two directories by name; parts that are the same in both are passed over unopened.
struct DirectoryMerge {
  private var old: SpanCursor
  private var new: SpanCursor

  init(old: SpanCursor, new: SpanCursor) {
    self.old = old
    self.new = new
  }

  /// The next name that one or both have; both nodes may be equal. Nil at the end.
  mutating func next() throws -> (old: Node?, new: Node?)? {
    while true {
      switch (old.nextPart(), new.nextPart()) {
      case (let a?, let b?):
        if a.id == b.id {
          old.skip()
          new.skip()
        } else if a.firstName == b.firstName {
          // The part with more below it is the higher one; opening it may bring up the other.
          if a.entries >= b.entries { try old.open() }
          if b.entries >= a.entries { try new.open() }
        } else if a.firstName.lexicographicallyPrecedes(b.firstName) {
          try old.open()
        } else {
          try new.open()
        }
      case (let a?, nil):
        guard let node = new.nextNode, node.name.lexicographicallyPrecedes(a.firstName) else {
          try old.open()
          continue
        }
        new.skip()
        return (nil, node)
      case (nil, let b?):
        guard let node = old.nextNode, node.name.lexicographicallyPrecedes(b.firstName) else {
          try new.open()
          continue
        }
        old.skip()
        return (node, nil)
      case (nil, nil): return takeNodes()
      }
    }
  }

  private mutating func takeNodes() -> (old: Node?, new: Node?)? {
    guard let a = old.nextNode else {
      let b = new.nextNode
      new.skip()
      return b.map { (nil, $0) }
    }
    guard let b = new.nextNode else {
      old.skip()
      return (a, nil)
    }
    if a.name == b.name {
      old.skip()
      new.skip()
      return (a, b)
    }
    if a.name.lexicographicallyPrecedes(b.name) {
      old.skip()
      return (a, nil)
    }
    new.skip()
    return (nil, b)
  }
}
