import CairnFormat
import CairnSystem

/// Names the files that damage touches, snapshot by snapshot.
///
/// Trees in which nothing is touched are remembered and passed over in the next snapshot, and so are those that are touched once the
/// lists of the findings in question are full.
struct TreeImpact {
  private struct Level {
    let id: BlobID
    let content: TreeNode
    let pathLength: Int
    var position = 0
    var counts: [FindingList.Place: UInt64] = [:]
    /// Touched by a finding that is beyond the list.
    var isTouched = false
  }

  private let run: CheckRun
  private var clean: TreeMemo
  private var touched: [BlobID: [FindingList.Place: UInt64]] = [:]
  private static let maximumTouched = 1 << 16
  private var levels: [Level] = []
  private var path: [UInt8] = []
  private var snapshot = ""

  init(run: CheckRun) {
    self.run = run
    clean = TreeMemo(memoryBytes: run.context.memoryBytes / 8)
  }

  mutating func perform() throws {
    for snapshot in run.view.snapshots {
      self.snapshot = snapshot.idHex
      try walk(snapshot.manifest.root)
    }
  }

  private mutating func walk(_ root: BlobID) throws {
    path = []
    try enter(root)
    while let level = levels.last {
      path.removeLast(path.count - level.pathLength)
      try run.context.cancellation.check()
      switch level.content {
      case .inner(let items) where level.position < items.count:
        levels[levels.count - 1].position += 1
        try enter(items[level.position].id)
      case .leaf(let nodes) where level.position < nodes.count:
        levels[levels.count - 1].position += 1
        try look(at: nodes[level.position])
      default: leave()
      }
    }
  }

  private mutating func look(at node: Node) throws {
    guard node.content != .none || node.subtree != nil else { return }
    path.append(0x2f)
    path += node.name
    var faults = Set<FindingList.Place>()
    var isTouched = false
    func note(_ fault: FindingList.Place??) {
      guard let fault else { return }
      isTouched = true
      if let place = fault { faults.insert(place) }
    }
    switch node.content {
    case .none: break
    case .items(let items):
      for item in items { if let id = item.id { note(try run.fault(of: id, length: item.length)) } }
    case .list(let root, _): try look(atList: root, height: 0, note)
    }
    for place in faults { touch(place) }
    if isTouched, !levels.isEmpty { levels[levels.count - 1].isTouched = true }
    if let tree = node.subtree { try enter(tree) }
  }

  /// - Returns: whether nothing below is touched.
  @discardableResult
  private mutating func look(atList id: BlobID, height: Int, _ note: (FindingList.Place??) -> Void) throws -> Bool {
    if clean.contains(id) { return true }
    var isClean = true
    do {
      guard height <= Limits.treeHeight else { throw TreeReader.tooHigh(id) }
      switch try run.view.trees.node(id) {
      case .listLeaf(let items):
        for item in items {
          guard let blob = item.id, let fault = try run.fault(of: blob, length: item.length) else { continue }
          isClean = false
          note(fault)
        }
      case .listInner(let items):
        for item in items where try !look(atList: item.id, height: height + 1, note) { isClean = false }
      default: throw TreeReader.wrongKind(id)
      }
    } catch let error as CairnError where error.concernsOneObject {
      isClean = false
      note(.some(try run.fault(ofTree: id, error)))
    }
    if isClean { clean.insert(id) }
    return isClean
  }

  private mutating func touch(_ place: FindingList.Place) {
    run.findings.touch(place, snapshot, SnapshotPath.display(path))
    if !levels.isEmpty { levels[levels.count - 1].counts[place, default: 0] += 1 }
  }

  private mutating func enter(_ id: BlobID) throws {
    if clean.contains(id) { return }
    if let counts = touched[id], counts.keys.allSatisfy(run.findings.isFull) {
      for (place, count) in counts { run.findings.touchUnlisted(place, snapshot, count: count) }
      return merge(counts, isTouched: true)
    }
    do {
      guard levels.count < Limits.pathDepth + Limits.treeHeight else { throw TreeReader.tooHigh(id) }
      levels.append(Level(id: id, content: try run.view.trees.node(id), pathLength: path.count))
    } catch let error as CairnError where error.concernsOneObject {
      let place = try run.fault(ofTree: id, error)
      if let place { touch(place) }
      if !levels.isEmpty { levels[levels.count - 1].isTouched = true }
    }
  }

  private mutating func leave() {
    let level = levels.removeLast()
    guard level.isTouched || !level.counts.isEmpty else { return clean.insert(level.id) }
    if touched.count < Self.maximumTouched { touched[level.id] = level.counts }
    merge(level.counts, isTouched: level.isTouched)
  }

  private mutating func merge(_ counts: [FindingList.Place: UInt64], isTouched: Bool) {
    guard !levels.isEmpty else { return }
    levels[levels.count - 1].counts.merge(counts) { $0 + $1 }
    if isTouched { levels[levels.count - 1].isTouched = true }
  }
}
