import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

extension RepositoryView {
  /// Counts what snapshots hold and what it takes.
  ///
  /// Every tree is read once in all, and with groups once more for each group that holds it. Memory: some bits a blob.
  /// - Parameter snapshots: oldest first.
  /// - Throws: `CancellationError`, errors that are not about single objects; damaged trees are counted in `problems`.
  package func statistics(
    _ snapshots: [Snapshot], by grouping: StatisticsGrouping = .none, context: RunContext = RunContext()
  ) throws -> StatisticsReport {
    let all = BlobTally(view: self)
    let allTrees = TreeSweep(self, context)
    var groups: [StatisticsReport.Group] = []
    for members in Self.groups(snapshots, grouping) {
      let before = all.sums
      try all.add(members, allTrees)
      guard grouping != .none else { continue }
      let own = BlobTally(view: self)
      try own.add(members, TreeSweep(self, context))
      let after = all.sums
      groups.append(
        StatisticsReport.Group(
          snapshots: members, totals: own.sums,
          addedBlobs: after.dataBlobs + after.treeBlobs - before.dataBlobs - before.treeBlobs,
          addedUniqueBytes: after.uniqueBytes - before.uniqueBytes, addedStoredBytes: after.storedBytes - before.storedBytes))
    }
    let packs = try packTotals()
    return StatisticsReport(totals: all.sums, groups: groups, packs: packs.count, packBytes: packs.bytes)
  }

  /// What each snapshot holds, and what it has that none before it had. Every tree is read once in all.
  ///
  /// - Parameter snapshots: oldest first.
  /// - Throws: as `statistics`.
  package func growth(_ snapshots: [Snapshot], context: RunContext = RunContext()) throws -> [SnapshotGrowth] {
    let tally = BlobTally(view: self)
    let sweep = TreeSweep(self, context)
    return try snapshots.map { snapshot in
      let before = tally.sums
      try tally.add([snapshot], sweep)
      let after = tally.sums
      return SnapshotGrowth(
        logicalBytes: after.logicalBytes &- before.logicalBytes, addedUniqueBytes: after.uniqueBytes - before.uniqueBytes,
        addedStoredBytes: after.storedBytes - before.storedBytes)
    }
  }

  /// The packs in the repository, and all their bytes, whatever they are for.
  package func packTotals() throws -> (count: UInt64, bytes: UInt64) {
    var (count, bytes): (UInt64, UInt64) = (0, 0)
    try storageCall("listing the packs") {
      try repository.storage.list(.packs) { _, size in
        count += 1
        bytes = bytes.addingSaturated(size)
      }
    }
    return (count, bytes)
  }

  private static func groups(_ snapshots: [Snapshot], _ grouping: StatisticsGrouping) -> [[Snapshot]] {
    switch grouping {
    case .none: return [snapshots]
    case .snapshot: return snapshots.map { [$0] }
    case .series:
      var order: [SeriesID] = []
      var members: [SeriesID: [Snapshot]] = [:]
      for snapshot in snapshots {
        if members[snapshot.manifest.series] == nil { order.append(snapshot.manifest.series) }
        members[snapshot.manifest.series, default: []].append(snapshot)
      }
      return order.compactMap { members[$0] }
    }
  }
}

/// Distinct blobs, counted as trees are gone through.
private final class BlobTally: TreeSweepVisitor {
  private let view: RepositoryView
  private let seen: OrdinalBitmap
  private let totals = Mutex(StatisticsReport.Totals())

  init(view: RepositoryView) {
    self.view = view
    seen = OrdinalBitmap(capacity: view.index.count)
  }

  var sums: StatisticsReport.Totals { totals.withLock { $0 } }

  func add(_ snapshots: [Snapshot], _ sweep: TreeSweep) throws {
    try sweep.run(snapshots.map(\.manifest.root), self)
    for snapshot in snapshots {
      let (entries, bytes) = try sizes(of: snapshot)
      totals.withLock {
        $0.snapshots += 1
        $0.files &+= snapshot.manifest.statistics.filesTotal
        $0.entries &+= entries
        $0.logicalBytes &+= bytes
      }
    }
  }

  /// What the entries at the root say about everything below them.
  private func sizes(of snapshot: Snapshot) throws -> (entries: UInt64, bytes: UInt64) {
    var entries: UInt64 = 0
    var bytes: UInt64 = 0
    do {
      var root = try view.trees.cursor(snapshot.manifest.root)
      while let node = try root.next() {
        entries &+= node.totalEntries
        bytes &+= node.totalBytes
      }
    } catch let error as CairnError where error.concernsOneObject {
      // The sweep has counted it as a problem.
    }
    return (entries, bytes)
  }

  func read(_ id: BlobID, _ location: BlobLocation) { count(location) }

  func refers(to id: BlobID, length: UInt64) throws {
    if let location = try view.index.locate(id.key) { count(location) } else { misses(id) }
  }

  func misses(_ id: BlobID) { totals.withLock { $0.problems += 1 } }
  func fails(_ id: BlobID, _ location: BlobLocation, _ error: CairnError) { totals.withLock { $0.problems += 1 } }

  private func count(_ location: BlobLocation) {
    guard seen.insert(location.ordinal) else { return }
    let frame = location.frame
    let share = UInt64(frame.encodedLength) * UInt64(location.length) / UInt64(max(1, frame.rawLength))
    totals.withLock {
      if location.type == .data { $0.dataBlobs += 1 } else { $0.treeBlobs += 1 }
      $0.uniqueBytes += UInt64(location.length)
      $0.storedBytes += share
    }
  }
}
