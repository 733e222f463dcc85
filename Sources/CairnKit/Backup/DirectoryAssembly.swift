import CairnFormat
import Synchronization

/// One directory being put together: takes complete groups, feeds them in order to the builder of its tree, and ends as a node.
///
/// At most one thread feeds at a time; others only leave their group and go on. What waits here for an earlier group is bounded by
/// `Backlog`.
final class DirectoryAssembly: @unchecked Sendable {
  // Unchecked: `tree`, `delta` and `totals` belong to the one thread that `state.feeding` admits.
  private struct State {
    var ready: [Int: SlotGroup] = [:]
    var next = 0
    /// Known once the walker has left the directory.
    var groups: Int?
    var feeding = false
  }

  /// Where the finished node goes; nil for the root.
  let parent: SlotReference?
  /// The directory in the base.
  let base: Node?
  let path: PathNode
  /// The directory's own metadata; the subtree is set at the end.
  private let own: Node
  private let state = Mutex(State())
  private let isPartial = Atomic<Bool>(false)
  private var tree: DirectoryBuilder
  private var delta: DirectoryBuilder?
  private var deltaCount = 0

  /// - Parameter keepsDelta: whether differences to the base are of interest and there is a base to differ from.
  init(parent: SlotReference?, own: Node, base: Node?, path: PathNode, keys: KeySet, keepsDelta: Bool) {
    self.parent = parent
    self.own = own
    self.base = base
    self.path = path
    tree = DirectoryBuilder(keys: keys)
    delta = keepsDelta ? DirectoryBuilder(keys: keys) : nil
  }

  /// Something that is in the directory is missing from the snapshot.
  func markPartial() { isPartial.store(true, ordering: .relaxed) }

  // MARK: - Handing over

  /// Takes a complete group. True when the caller has to call `feed`.
  func completed(_ group: SlotGroup) -> Bool {
    state.withLock { state in
      state.ready[group.number] = group
      return Self.elect(&state)
    }
  }

  /// The walker has made all groups. True when the caller has to call `feed`.
  func close(groups: Int) -> Bool {
    state.withLock { state in
      state.groups = groups
      return Self.elect(&state)
    }
  }

  private static func elect(_ state: inout State) -> Bool {
    guard !state.feeding, state.ready[state.next] != nil || state.groups == state.next else { return false }
    state.feeding = true
    return true
  }

  private enum Step {
    case group(SlotGroup)
    case finished
    case wait
  }

  private func nextStep() -> Step {
    state.withLock { state in
      if let group = state.ready.removeValue(forKey: state.next) {
        state.next += 1
        return .group(group)
      }
      if state.groups == state.next { return .finished }
      state.feeding = false
      return .wait
    }
  }

  // MARK: - Feeding

  /// What came of a finished directory.
  struct Result {
    let node: Node
    let delta: BlobID?
  }

  /// Appends what is ready. To be called by whoever was told to, on a worker thread.
  ///
  /// - Returns: the directory as a node when it is complete, else nil.
  func feed(_ backlog: Backlog, _ store: StoreNode) throws -> Result? {
    while true {
      switch nextStep() {
      case .group(let group):
        try append(group, store)
        backlog.remove(group.weight)
      case .finished: return try finish(store)
      case .wait: return nil
      }
    }
  }

  private func append(_ group: SlotGroup, _ store: StoreNode) throws {
    var removed = group.removed[...]
    for index in 0..<group.count {
      while let first = removed.first, first.slot <= index {
        try appendDelta(first.name, first.type, .deltaRemoved, nil, store)
        removed.removeFirst()
      }
      let slot = group.take(index)
      if let node = slot.node { try tree.append(node, store: store) }
      guard !slot.isReused, delta != nil else { continue }
      try appendDifference(slot, store)
    }
    for rest in removed { try appendDelta(rest.name, rest.type, .deltaRemoved, nil, store) }
  }

  private func appendDifference(_ slot: SlotGroup.Slot, _ store: StoreNode) throws {
    switch (slot.node, slot.base) {
    case (let node?, nil): try appendDelta(node.name, node.type, .deltaAdded, nil, store)
    case (nil, let base?): try appendDelta(base.name, base.type, .deltaRemoved, nil, store)
    case (let node?, let base?):
      if node != base { try appendDelta(node.name, node.type, .deltaChanged, slot.delta, store) }
    case (nil, nil): break
    }
  }

  private func appendDelta(
    _ name: [UInt8], _ type: NodeType, _ flag: NodeFlags, _ subtree: BlobID?, _ store: StoreNode
  ) throws {
    var node = Node(name: name, type: type)
    node.flags = [flag]
    node.subtree = subtree
    try delta?.append(node, store: store)
    deltaCount += 1
  }

  private func finish(_ store: StoreNode) throws -> Result {
    let built = try tree.finish(store: store)
    var node = own
    node.subtree = built.id
    node.subtreeEntries = built.entries
    node.subtreeBytes = built.bytes
    if isPartial.load(ordering: .relaxed) { node.flags.insert(.partialDirectory) }
    // A root without differences still has a delta, so that "nothing changed" is told from "not recorded".
    let isWanted = deltaCount > 0 || (parent == nil && delta != nil)
    return Result(node: node, delta: isWanted ? try delta?.finish(store: store).id : nil)
  }
}
