import CairnFormat

/// Goes through the selected part of a snapshot's tree, depth first and in name order.
///
/// A loop over a stack of its own: depth costs no call stack. Damage ends nothing but what it touches: the directory is reported
/// and the walk goes on with whatever can still be read.
struct SelectedWalk {
  enum Event {
    /// A directory: its entries follow, then `leave`. Not selected: only something below it may be wanted.
    case enter(Node, selected: Bool)
    /// Anything else.
    case entry(Node)
    /// The entries of the directory entered last and not yet left could not all be read; others may follow.
    case damaged(CairnError)
    case leave
  }

  private struct Level {
    var cursor: DirectoryCursor?
    var pendingTree: BlobID?
    var selected: Bool
    var failures = 0
  }

  /// Names of the directories entered and not left, outermost first.
  private(set) var path: [[UInt8]] = []
  private let trees: TreeReader
  private let filter: RestoreFilter
  private var levels: [Level] = []
  private var single: Node?

  /// A directory whose leaves keep failing is given up after so many: there is no end to what a damaged inner node could name.
  private static let toleratedFailures = 4096

  /// - Parameter start: a directory, whose contents are walked (it is not entered by an event), or anything else, which is then the only entry.
  init(_ start: Node, trees: TreeReader, filter: RestoreFilter) {
    self.trees = trees
    self.filter = filter
    if start.type == .directory {
      levels = [Level(cursor: nil, pendingTree: start.subtree, selected: false)]
    } else {
      single = start
    }
  }

  /// The next event; nil at the end.
  mutating func next() -> Event? {
    if let only = single.take() {
      return filter.decide([only.name], isDirectory: false, parentSelected: false).selected ? .entry(only) : nil
    }
    while let last = levels.indices.last {
      do {
        guard let node = try take(last) else {
          levels.removeLast()
          if levels.isEmpty { return nil }
          path.removeLast()
          return .leave
        }
        if let event = event(for: node) { return event }
      } catch {
        return .damaged(damage(error, at: last))
      }
    }
    return nil
  }

  /// Leaves out the entries of the directory just entered; no `leave` follows.
  mutating func skip() {
    levels.removeLast()
    path.removeLast()
  }

  private mutating func take(_ last: Int) throws -> Node? {
    if let tree = levels[last].pendingTree.take() { levels[last].cursor = try trees.cursor(tree) }
    return try levels[last].cursor?.next()
  }

  private mutating func damage(_ error: any Error, at last: Int) -> CairnError {
    levels[last].failures += 1
    if levels[last].failures > Self.toleratedFailures { levels[last].cursor = nil }
    return error as? CairnError ?? CairnError(.damaged, "\(error)")
  }

  private mutating func event(for node: Node) -> Event? {
    guard Self.isValid(node.name) else { return .damaged(CairnError.damaged("a directory of the snapshot", .invalid("a name"))) }
    let isDirectory = node.type == .directory
    let parentSelected = levels[levels.count - 1].selected
    let decision =
      filter.takesAll
      ? RestoreFilter.Decision(selected: true, descends: true)
      : filter.decide(path + [node.name], isDirectory: isDirectory, parentSelected: parentSelected)
    guard isDirectory else { return decision.selected ? .entry(node) : nil }
    guard decision.selected || decision.descends else { return nil }
    guard levels.count < Limits.pathDepth else {
      return .damaged(CairnError.damaged("a directory of the snapshot", .limitExceeded("depth")))
    }
    path.append(node.name)
    levels.append(Level(cursor: nil, pendingTree: node.subtree, selected: decision.selected))
    return .enter(node, selected: decision.selected)
  }

  /// Decoding has refused such names already; restoring through one would leave the target, so it is looked at twice.
  private static func isValid(_ name: [UInt8]) -> Bool {
    !name.isEmpty && name != [0x2e] && name != [0x2e, 0x2e] && !name.contains(0) && !name.contains(0x2f)
  }
}
