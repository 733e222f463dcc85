import CairnFormat
import CairnSystem

extension RepositoryView {
  /// Searches snapshots for entries whose path matches one of the patterns; matches come snapshot by snapshot, in the order of paths.
  ///
  /// A tree node that several snapshots share is read again only where something was found in it. Damaged directories are problems
  /// of the context and are passed over.
  /// - Throws: what `body` throws, `CancellationError`, errors that are not about single objects.
  package func find(
    _ patterns: [FindPattern], in snapshots: [Snapshot], options: FindOptions = FindOptions(), context: RunContext = RunContext(),
    _ body: (FindMatch) throws -> Void
  ) throws {
    var finder = Finder(trees: trees, patterns: patterns, options: options, context: context)
    for snapshot in snapshots {
      try finder.search(snapshot.manifest.root) { path, node in
        try body(FindMatch(snapshot: snapshot, path: path, node: node))
      }
    }
  }
}

/// One search over any number of trees.
struct Finder {
  /// A tree node being gone through: part of a directory, or the inner node above such parts.
  private struct Level {
    let id: BlobID
    let content: TreeNode
    let states: [FindPattern.State]
    let stateNumber: UInt64?
    let pathLength: Int
    var position = 0
    /// Something was found, or could not be read: the node has to be gone through again for the next snapshot.
    var isMarked = false
  }

  private let trees: TreeReader
  private let patterns: [FindPattern]
  private let options: FindOptions
  private let context: RunContext
  private let foldsCase: Bool
  private var empty: TreeMemo
  /// The sets of states that occurred, numbered; with more than `maximumNumbered` the rest is not remembered.
  private var stateNumbers: [[FindPattern.State]: UInt64] = [:]
  private static let maximumNumbered = 4096
  /// Tree nodes read so far.
  private(set) var nodesRead = 0

  init(trees: TreeReader, patterns: [FindPattern], options: FindOptions, context: RunContext) {
    self.trees = trees
    self.patterns = patterns
    self.options = options
    self.context = context
    foldsCase = patterns.contains { $0.ignoresCase }
    empty = TreeMemo(memoryBytes: context.memoryBytes / 8)
  }

  mutating func search(_ root: BlobID, _ found: ([UInt8], Node) throws -> Void) throws {
    var path: [UInt8] = []
    var levels: [Level] = []
    try enter(root, patterns.map(\.start), path, &levels)
    while let level = levels.last {
      path.removeLast(path.count - level.pathLength)
      try context.cancellation.check()
      switch level.content {
      case .inner(let items) where level.position < items.count:
        levels[levels.count - 1].position += 1
        try enter(items[level.position].id, level.states, path, &levels)
      case .leaf(let nodes): try scan(nodes, &levels, &path, found)
      default: leave(&levels)
      }
    }
  }

  /// Looks at the entries of a leaf up to the next directory to go into, or to the end, which leaves the leaf.
  private mutating func scan(
    _ nodes: [Node], _ levels: inout [Level], _ path: inout [UInt8], _ found: ([UInt8], Node) throws -> Void
  ) throws {
    let top = levels.count - 1
    let states = levels[top].states
    let base = path.count
    while levels[top].position < nodes.count {
      let node = nodes[levels[top].position]
      levels[top].position += 1
      let next = advance(states, node.name)
      let isMatch = zip(patterns, next).contains { $0.isMatch($1) }
      let mayGoOn = node.type == .directory && next.contains { $0 != 0 }
      guard isMatch || mayGoOn else { continue }
      path.append(0x2f)
      path += node.name
      if isMatch, options.accepts(node) {
        levels[top].isMarked = true
        try found(path, node)
      }
      if mayGoOn, let tree = node.subtree, try enter(tree, next, path, &levels) { return }
      path.removeLast(path.count - base)
    }
    leave(&levels)
  }

  private func advance(_ states: [FindPattern.State], _ name: [UInt8]) -> [FindPattern.State] {
    let folded = foldsCase ? ExcludePattern.folded(name) : name
    return patterns.indices.map { patterns[$0].advance(states[$0], patterns[$0].ignoresCase ? folded : name) }
  }

  /// Opens a tree node unless it is known to hold nothing.
  ///
  /// - Returns: whether there is a new level.
  @discardableResult
  private mutating func enter(_ id: BlobID, _ states: [FindPattern.State], _ path: [UInt8], _ levels: inout [Level]) throws -> Bool {
    let number = number(of: states)
    if let number, empty.contains(id, state: number) { return false }
    do {
      guard levels.count < Limits.pathDepth + Limits.treeHeight else { throw TreeReader.tooHigh(id) }
      let content = try trees.node(id)
      nodesRead += 1
      levels.append(Level(id: id, content: content, states: states, stateNumber: number, pathLength: path.count))
      return true
    } catch let error as CairnError where error.concernsOneObject {
      context.problem(SnapshotPath.display(path), during: "searching", error.message)
      if !levels.isEmpty { levels[levels.count - 1].isMarked = true }
      return false
    }
  }

  private mutating func leave(_ levels: inout [Level]) {
    let level = levels.removeLast()
    if level.isMarked {
      if !levels.isEmpty { levels[levels.count - 1].isMarked = true }
    } else if let number = level.stateNumber {
      empty.insert(level.id, state: number)
    }
  }

  private mutating func number(of states: [FindPattern.State]) -> UInt64? {
    if let number = stateNumbers[states] { return number }
    guard stateNumbers.count < Self.maximumNumbered else { return nil }
    stateNumbers[states] = UInt64(stateNumbers.count)
    return UInt64(stateNumbers.count - 1)
  }
}
