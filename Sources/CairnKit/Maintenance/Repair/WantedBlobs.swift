import CairnFormat
import Synchronization

/// Blobs that are looked for. Grows with the damage. Safe from any thread.
final class WantedBlobs: Sendable {
  private struct State {
    /// Nil = the type is not known.
    var wanted: [BlobKey: BlobType?] = [:]
    var found: UInt64 = 0
  }
  private let state = Mutex(State())

  func add(_ key: BlobKey, _ type: BlobType?) { state.withLock { $0.wanted[key] = .some(type) } }

  /// Takes a blob off the list, once somebody is about to store it.
  func take(_ key: BlobKey) -> Bool {
    state.withLock { state in
      guard state.wanted.removeValue(forKey: key) != nil else { return false }
      state.found += 1
      return true
    }
  }

  /// Takes a blob off the list, because it has turned out not to be lost.
  func drop(_ key: BlobKey) -> Bool { state.withLock { $0.wanted.removeValue(forKey: key) != nil } }

  func contains(_ key: BlobKey) -> Bool { state.withLock { $0.wanted[key] != nil } }
  var keys: [BlobKey] { state.withLock { Array($0.wanted.keys) } }
  var count: UInt64 { state.withLock { UInt64($0.wanted.count) } }
  /// How many were taken.
  var found: UInt64 { state.withLock { $0.found } }
  /// Whether content of files is among them.
  var hasData: Bool { state.withLock { $0.wanted.values.contains { $0?.packClass != .tree } } }
}
