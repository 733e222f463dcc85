import CairnFormat

/// The blobs of a snapshot in the order in which a restore reads them: each directory's files, then its folders.
struct SnapshotOrder {
  private enum Step {
    case tree(BlobID)
    case list(BlobID)
    case blob(BlobID)
  }

  private let view: RepositoryView
  private let visited: OrdinalBitmap
  private var steps: [Step]

  init(_ view: RepositoryView, root: BlobID) {
    self.view = view
    visited = OrdinalBitmap(capacity: view.index.count)
    steps = [.tree(root)]
  }

  /// The next blob, nodes before what they lead to. What shared nodes lead to comes once; chunks come as often as they are met.
  mutating func next() throws -> BlobLocation? {
    while let step = steps.popLast() {
      switch step {
      case .blob(let id):
        if let location = try view.index.locate(id.key) { return location }
      case .tree(let id), .list(let id):
        guard let location = try view.index.locate(id.key), visited.insert(location.ordinal) else { continue }
        try follow(id)
        return location
      }
    }
    return nil
  }

  private mutating func follow(_ id: BlobID) throws {
    var found: [Step] = []
    switch try view.trees.node(id) {
    case .leaf(let nodes):
      for node in nodes { Self.follow(node, &found) }
      found += nodes.compactMap { $0.subtree.map(Step.tree) }
    case .inner(let items): found = items.map { .tree($0.id) }
    case .listLeaf(let items): found = items.compactMap { $0.id.map(Step.blob) }
    case .listInner(let items): found = items.map { .list($0.id) }
    }
    steps += found.reversed()
  }

  private static func follow(_ node: Node, _ found: inout [Step]) {
    switch node.content {
    case .none: break
    case .items(let items): found += items.compactMap { $0.id.map(Step.blob) }
    case .list(let root, _): found.append(.list(root))
    }
  }
}
