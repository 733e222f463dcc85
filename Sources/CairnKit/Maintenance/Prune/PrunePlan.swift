import CairnFormat

/// Which packs go, which are written anew, which stay. Pure.
struct PrunePlan {
  /// Nobody needs them.
  var unused: [PackName] = []
  /// Named by nobody, of owners that cannot name them any more.
  var unreferenced: [PackName] = []
  /// What is needed of them is copied, then they go.
  var repack: [PackName] = []
  var report = PruneReport()
  /// Garbage that goes with the packs that are written anew.
  private var regained: UInt64 = 0

  /// Whether something can go without a copy.
  var hasGarbage: Bool { !unused.isEmpty || !unreferenced.isEmpty }
  var isEmpty: Bool { unused.isEmpty && unreferenced.isEmpty && repack.isEmpty }

  /// - Parameters:
  ///   - room: bytes that copies may take; where that is less than all of them need, packs are not put together for being small.
  ///   - isResolved: whether the owner of an unnamed pack can no longer make it count.
  ///   - config: for the sizes that packs should have.
  init(_ table: PackTable, _ options: PruneOptions, _ config: Config, room: UInt64? = nil, isResolved: (SessionID) -> Bool) {
    var kept: [PackTable.Usage] = []
    for usage in table.packs {
      report.total.add(usage.pack.size)
      if usage.isUnused {
        unused.append(usage.name)
        report.unused.add(usage.pack.size)
      } else {
        report.liveBytes += usage.liveBytes
        kept.append(usage)
      }
    }
    for (name, size) in table.unnamed {
      report.total.add(size)
      if isResolved(name.owner) {
        unreferenced.append(name)
        report.unreferenced.add(size)
      } else {
        report.pendingPacks.add(size)
      }
    }
    chooseRepacks(kept, options, config, room: nil)
    if let room, report.repackedLiveBytes >= room {
      (report.repacked, report.repackedLiveBytes) = (PruneReport.Packs(), 0)
      chooseRepacks(kept, options, config, room: room)
    }
  }

  private mutating func chooseRepacks(_ kept: [PackTable.Usage], _ options: PruneOptions, _ config: Config, room: UInt64?) {
    var unusedBytes = kept.reduce(UInt64(0)) { $0 + $1.wastedBytes }
    let allowed = Self.allowed(options.maxUnused, ofLive: report.liveBytes)
    var chosen = Set<PackName>()
    var left = options.maxRepackBytes ?? .max
    let limit = room ?? .max
    func take(_ usage: PackTable.Usage) {
      let hasRoom = usage.liveBytes < limit - min(limit, report.repackedLiveBytes)
      guard usage.pack.size <= left, hasRoom, chosen.insert(usage.name).inserted else { return }
      left -= usage.pack.size
      unusedBytes -= usage.wastedBytes
      report.repacked.add(usage.pack.size)
      report.repackedLiveBytes += usage.liveBytes
    }
    // The most garbage for the least copying first. Padding and directories count as garbage, so a little of it is never worth it.
    let worst = kept.filter { $0.wastedBytes * 16 >= $0.frameBytes }.sorted { a, b in
      a.wastedShare == b.wastedShare ? a.name < b.name : a.wastedShare > b.wastedShare
    }
    for usage in worst where unusedBytes > allowed { take(usage) }
    for packClass in [PackClass.data, .tree] where room == nil {
      let target = UInt64(packClass == .data ? config.dataPackBytes : config.treePackBytes)
      let small = kept.filter { $0.pack.packClass == packClass && $0.pack.size < target / 2 && !chosen.contains($0.name) }
      if small.count >= Self.smallPacks { small.sorted { $0.pack.size < $1.pack.size }.forEach(take) }
    }
    repack = chosen.sorted()
    regained = kept.reduce(UInt64(0)) { $0 + $1.wastedBytes } - unusedBytes
    report.remainingUnusedBytes = unusedBytes
  }

  /// Packs of which something is needed stay as they are.
  mutating func leaveRepacks() {
    repack = []
    report.remainingUnusedBytes += regained
    (report.repacked, report.repackedLiveBytes) = (PruneReport.Packs(), 0)
  }

  /// So many packs of less than half the size are put together: every backup adds one or two.
  private static let smallPacks = 16

  private static func allowed(_ limit: PruneOptions.Unused, ofLive live: UInt64) -> UInt64 {
    switch limit {
    case .unlimited: return .max
    case .bytes(let bytes): return bytes
    case .percent(let percent):
      let share: Double = Double(live) * percent / 100
      return share < 1e18 ? UInt64(max(0, share)) : .max
    }
  }
}
