import CairnFormat
import Synchronization

/// Which packs, frames and blobs are known to be bad, and by which finding. Safe from any thread.
///
/// Grows with the damage. Beyond 200 000 damaged frames the whole pack counts as damaged.
final class DamageMap: Sendable {
  private struct FrameKey: Hashable {
    let pack: PackName
    let offset: UInt32
  }
  private struct State {
    var packs: [PackName: FindingList.Place?] = [:]
    var frames: [FrameKey: FindingList.Place?] = [:]
    /// Packs with an entry in `frames`.
    var touched: Set<PackName> = []
    /// Packs with something wrong in them, be it in no frame.
    var noted: Set<PackName> = []
    var missing: FindingList.Place?
    var wrongLength: FindingList.Place?
  }
  private static let maximumFrames = 200_000
  private let state = Mutex(State())
  private let known = Atomic<Bool>(false)

  /// Whether nothing bad is known: the usual case, answered without a lock.
  var isEmpty: Bool { !known.load(ordering: .acquiring) }

  /// Notes that not everything of a pack is as it should be.
  func note(_ pack: PackName) { state.withLock { _ = $0.noted.insert(pack) } }
  func isNoted(_ pack: PackName) -> Bool { state.withLock { $0.noted.contains(pack) } }

  func add(pack: PackName, _ place: FindingList.Place?) {
    state.withLock { $0.packs[pack] = .some(place) }
    known.store(true, ordering: .releasing)
  }

  func add(_ frame: FrameLocation, _ place: FindingList.Place?) {
    add(frameAt: frame.offset, of: PackName(hash: frame.pack.hash, owner: frame.pack.owner), place)
  }

  func add(frameAt offset: UInt32, of pack: PackName, _ place: FindingList.Place?) {
    state.withLock { state in
      if state.frames.count >= Self.maximumFrames {
        state.packs[pack] = .some(place)
      } else {
        state.frames[FrameKey(pack: pack, offset: offset)] = .some(place)
        state.touched.insert(pack)
      }
    }
    known.store(true, ordering: .releasing)
  }

  /// What is known about one place of a blob: nil when it is good, else the finding (which may be beyond the list).
  func finding(_ frame: FrameLocation) -> FindingList.Place?? {
    if isEmpty { return nil }
    let pack = PackName(hash: frame.pack.hash, owner: frame.pack.owner)
    return state.withLock { state in
      if let place = state.packs[pack] { return place }
      guard state.touched.contains(pack) else { return nil }
      return state.frames[FrameKey(pack: pack, offset: frame.offset)]
    }
  }
}
