import CairnFormat
import CairnSystem

/// Goes through a snapshot's directories and finds what of them is lost; on request stores directories without it.
///
/// Directories in which nothing is lost are remembered, so that what snapshots share is looked at once.
struct TreeMender {
  private struct Level {
    let tree: BlobID
    /// The directory's own entry; nil for the root.
    let node: Node?
    let pathLength: Int
    /// Parts that are still to be read, the next one last.
    var parts: [BlobID]
    var nodes: ArraySlice<Node> = []
    var isDamaged = false
    var builder: DirectoryBuilder
  }

  private let view: RepositoryView
  private let context: RunContext
  private var clean: TreeMemo
  private var levels: [Level] = []
  private var path: [UInt8] = []
  /// Told of each path that is lost, whole or in part.
  var lose: ([UInt8]) -> Void = { _ in }
  /// Where new directories are stored; nil only looks.
  var worker: BlobWorker?

  init(_ view: RepositoryView, _ context: RunContext) {
    self.view = view
    self.context = context
    clean = TreeMemo(memoryBytes: context.memoryBytes / 8)
  }

  /// - Returns: the root without what is lost; nil when nothing is.
  mutating func mend(_ root: BlobID) throws -> BlobID? {
    path = []
    if clean.contains(root) { return nil }
    levels = [level(root, nil)]
    while true {
      try context.cancellation.check()
      let top = levels.count - 1
      path.removeLast(path.count - levels[top].pathLength)
      if let node = levels[top].nodes.popFirst() {
        try look(at: node)
      } else if let part = levels[top].parts.popLast() {
        try open(part)
      } else if let result = try finish() {
        return result.isDamaged ? result.root : nil
      }
    }
  }

  private func level(_ tree: BlobID, _ node: Node?) -> Level {
    Level(tree: tree, node: node, pathLength: path.count, parts: [tree], builder: DirectoryBuilder(keys: view.repository.keys))
  }

  private mutating func open(_ part: BlobID) throws {
    let top = levels.count - 1
    do {
      guard levels.count < Limits.pathDepth + Limits.treeHeight, levels[top].parts.count < Limits.nodeItems * Limits.treeHeight else {
        throw TreeReader.tooHigh(part)
      }
      switch try view.trees.node(part) {
      case .leaf(let nodes): levels[top].nodes = nodes[...]
      case .inner(let items): levels[top].parts += items.reversed().map(\.id)
      default: throw TreeReader.wrongKind(part)
      }
    } catch let error as CairnError where error.concernsOneObject {
      levels[top].isDamaged = true
      lose(path.isEmpty ? [0x2f] : path)
    }
  }

  private mutating func look(at node: Node) throws {
    path.append(0x2f)
    path += node.name
    guard try isThere(node.content) else {
      levels[levels.count - 1].isDamaged = true
      return lose(path)
    }
    if let tree = node.subtree, !clean.contains(tree) { return levels.append(level(tree, node)) }
    try append(node)
  }

  private mutating func append(_ node: Node) throws {
    guard let worker else { return }
    try levels[levels.count - 1].builder.append(node) { try worker.put($1, $0) }
  }

  /// Closes the directory at hand.
  ///
  /// - Returns: the outcome, if it was the root.
  private mutating func finish() throws -> (root: BlobID, isDamaged: Bool)? {
    var level = levels.removeLast()
    guard level.isDamaged else {
      clean.insert(level.tree)
      guard let node = level.node else { return (level.tree, false) }
      try append(node)
      return nil
    }
    var root = level.tree
    if let worker {
      let built = try level.builder.finish { try worker.put($1, $0) }
      root = built.id
      if var node = level.node {
        (node.subtree, node.subtreeEntries, node.subtreeBytes) = (built.id, built.entries, built.bytes)
        try append(node)
      }
    }
    guard level.node != nil else { return (root, true) }
    levels[levels.count - 1].isDamaged = true
    return nil
  }

  // MARK: - Content

  private mutating func isThere(_ content: Content) throws -> Bool {
    switch content {
    case .none: true
    case .items(let items): try isThere(items)
    case .list(let root, _): try isThere(list: root, height: 0)
    }
  }

  private func isThere(_ items: [ContentItem]) throws -> Bool {
    for item in items {
      guard let id = item.id else { continue }
      let fits = try view.index.locations(id.key).contains { $0.type == .data && UInt64($0.length) == item.length }
      if !fits { return false }
    }
    return true
  }

  private mutating func isThere(list id: BlobID, height: Int) throws -> Bool {
    if clean.contains(id) { return true }
    do {
      guard height <= Limits.treeHeight else { throw TreeReader.tooHigh(id) }
      switch try view.trees.node(id) {
      case .listLeaf(let items): guard try isThere(items) else { return false }
      case .listInner(let items): for item in items where try !isThere(list: item.id, height: height + 1) { return false }
      default: throw TreeReader.wrongKind(id)
      }
    } catch let error as CairnError where error.concernsOneObject { return false }
    clean.insert(id)
    return true
  }
}
