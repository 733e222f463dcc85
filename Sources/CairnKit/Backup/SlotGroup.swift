import CairnFormat
import Synchronization

/// Up to `maximum` consecutive entries of one directory on their way into its tree nodes.
///
/// The walker lays out the slots in name order and workers fill those that need reading, in any order. Each slot is written once,
/// by one thread; the counter of open slots publishes the writes to whoever takes it to zero, which hands the group on.
final class SlotGroup: @unchecked Sendable {
  // Unchecked: a slot belongs to the walker until it is issued, then to the one worker that resolves it, then to the feeder.
  struct Slot {
    /// What goes into the directory; nil when the entry vanished or could not be read.
    var node: Node?
    /// The base's entry of the same name.
    var base: Node?
    /// For directories: the tree of differences below.
    var delta: BlobID?
    /// `node` is the base's own: no difference.
    var isReused = false
  }

  /// The base's entry that is gone, and the slot before which its name sorts.
  struct Removed {
    let slot: Int
    let name: [UInt8]
    let type: NodeType
  }

  /// Enough to make the hand-over cheap, few enough that a full group is a small part of a leaf.
  static let maximum = 256

  let directory: DirectoryAssembly
  let number: Int
  private(set) var removed: [Removed] = []
  private(set) var count = 0
  private let capacity: Int
  private let slots: UnsafeMutablePointer<Slot>
  /// Slots to be resolved, plus one while the walker adds to the group.
  private let open = Atomic<Int>(1)

  init(directory: DirectoryAssembly, number: Int, capacity: Int) {
    self.directory = directory
    self.number = number
    self.capacity = max(1, min(capacity, Self.maximum))
    slots = .allocate(capacity: self.capacity)
  }

  deinit {
    slots.deinitialize(count: count)
    slots.deallocate()
  }

  // MARK: - The walker

  var isFull: Bool { count == capacity || removed.count >= Self.maximum }

  func add(_ slot: Slot) {
    precondition(count < capacity)
    (slots + count).initialize(to: slot)
    count += 1
  }

  /// Adds a slot that someone will `resolve`.
  func addOpen(base: Node?) -> SlotReference {
    open.add(1, ordering: .relaxed)
    add(Slot(base: base))
    return SlotReference(group: self, index: count - 1)
  }

  /// What the group counts for in `Backlog`.
  var weight: Int { count + removed.count }

  func addRemoved(_ name: [UInt8], _ type: NodeType) { removed.append(Removed(slot: count, name: name, type: type)) }

  /// The walker adds nothing more. True when the group is complete with that.
  func close() -> Bool { open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }

  // MARK: - Workers and the feeder

  /// Fills a slot; true when the group is complete with that.
  fileprivate func resolve(_ index: Int, _ node: Node?, delta: BlobID?) -> Bool {
    slots[index].node = node
    slots[index].delta = delta
    return open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
  }

  /// Takes a slot's content out, once, after the group is complete.
  func take(_ index: Int) -> Slot {
    let slot = slots[index]
    slots[index] = Slot()
    return slot
  }
}

/// A place in a directory that waits for its node.
struct SlotReference: Sendable {
  let group: SlotGroup
  fileprivate let index: Int

  /// Fills the place. Called once.
  ///
  /// - Parameter node: nil leaves the entry out.
  /// - Returns: the directory that the caller has to feed now, if any.
  func resolve(_ node: Node?, delta: BlobID? = nil) -> DirectoryAssembly? {
    guard group.resolve(index, node, delta: delta) else { return nil }
    return group.directory.completed(group) ? group.directory : nil
  }
}
