import CairnFormat
import CairnKit

/// What snapshots were compared with when they were made: the base of each, and the chain of bases that leads to a full one.
///
/// It tells how a snapshot came to be, never what a restore needs: each stands by itself, also when its base is forgotten.
struct SnapshotLineage {
  struct Chain {
    /// The full snapshot at its beginning; nil when the chain leads to one that is gone.
    let full: Snapshot?
    /// Steps from that, or from the one that is gone.
    let steps: Int
  }

  private let byID: [SessionID: Snapshot]
  private var chains: [SessionID: Chain] = [:]

  /// - Parameter snapshots: all that the repository lists.
  init(_ snapshots: [Snapshot]) {
    byID = Dictionary(snapshots.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for snapshot in snapshots { follow(snapshot) }
  }

  func chain(of snapshot: Snapshot) -> Chain { chains[snapshot.id] ?? Chain(full: nil, steps: 0) }

  /// `890bc024`, or `890bc024 (gone)`; empty for a full one.
  func base(of snapshot: Snapshot) -> String {
    guard let base = snapshot.manifest.base else { return "" }
    return base.hexadecimal.prefix(8) + (byID[base] == nil ? " (gone)" : "")
  }

  /// `890bc024 +2`: so many steps from that full one.
  func text(of snapshot: Snapshot) -> String {
    let chain = chain(of: snapshot)
    let start = chain.full?.shortID ?? "gone"
    return chain.steps == 0 ? start : "\(start) +\(chain.steps)"
  }

  /// Goes down to what is known, then back up; no chain is walked twice, and one that led to itself would end.
  private mutating func follow(_ snapshot: Snapshot) {
    var path: [Snapshot] = []
    var seen: Set<SessionID> = []
    var next: Snapshot? = snapshot
    var below: Chain?
    while let current = next, seen.insert(current.id).inserted {
      if let known = chains[current.id] {
        below = known
        break
      }
      path.append(current)
      next = current.manifest.base.flatMap { byID[$0] }
    }
    for current in path.reversed() {
      let chain: Chain
      if current.manifest.base == nil {
        chain = Chain(full: current, steps: 0)
      } else {
        chain = Chain(full: below?.full, steps: (below?.steps ?? 0) + 1)
      }
      chains[current.id] = chain
      below = chain
    }
  }
}
