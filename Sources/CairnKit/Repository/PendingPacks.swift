import CairnFormat

/// Packs on their way into an index delta.
struct PendingPacks {
  private var packs: [IndexedPack] = []
  private var members = 0

  /// Enough to be worth a delta.
  var isDeltaDue: Bool { packs.count >= 64 || members >= 1 << 18 }

  mutating func add(_ pack: IndexedPack) {
    packs.append(pack)
    members += pack.memberCount
  }

  /// Takes what goes into one delta: at most 2²⁰ blobs, which a delta holds however they lie in frames.
  mutating func take() -> [IndexedPack] {
    var count = 0
    let end = packs.firstIndex { pack in
      count += pack.memberCount
      return count > 1 << 20
    }
    let taken = Array(packs[..<max(end ?? packs.count, min(1, packs.count))])
    packs.removeFirst(taken.count)
    members -= taken.reduce(0) { $0 + $1.memberCount }
    return taken
  }
}

extension IndexedPack {
  var memberCount: Int { frames.reduce(0) { $0 + $1.members.count } }
}
