import CairnFormat
import Synchronization

/// The blobs that a backup need not store: those of its view, and its own.
final class KnownBlobs: Sendable {
  private struct State {
    var newer = KeyTable()
    var older = KeyTable()
    var index: BlobIndex
  }
  private let state: Mutex<State>

  private let believed: KnownBlobs?

  /// - Parameter believed: what else is taken for stored: nothing, unless a safety rule is broken.
  init(_ index: BlobIndex, believing believed: KnownBlobs? = nil) {
    state = Mutex(State(index: index))
    self.believed = believed
  }

  /// Claims a blob; false when the repository or another thread has it.
  func claim(_ key: BlobKey) throws -> Bool {
    if try contains(key) { return false }
    return state.withLock { $0.newer.insert(key) }
  }

  private func contains(_ key: BlobKey) throws -> Bool {
    let (seen, index) = state.withLock { ($0.newer.contains(key) || $0.older.contains(key), $0.index) }
    if seen { return true }
    if try index.contains(key) { return true }
    return try believed?.contains(key) ?? false
  }

  /// The blobs of a pack that the run's own delta will name.
  func add(_ pack: IndexedPack) {
    state.withLock { state in
      for frame in pack.frames { for member in frame.members { _ = state.newer.insert(member.key) } }
    }
  }

  /// After a hand-over: what was stored before the one before is in the index now. (A blob that has waited in an open group of
  /// a worker all the while is forgotten and may be stored twice, which costs its bytes and nothing else.)
  ///
  /// - Parameter deltas: what the hand-over made count; the index keeps those of earlier ones. One caller at a time.
  func age(adding deltas: [String], _ repository: Repository) throws {
    let before = state.withLock { $0.index }
    let index = deltas.isEmpty ? before : try before.adding(deltas, repository: repository)
    state.withLock { state in
      state.older = state.newer
      state.newer = KeyTable()
      state.index = index
    }
  }

  /// Keys held in memory, which a hand-over brings down.
  var heldCount: Int { state.withLock { $0.newer.count } }
}
