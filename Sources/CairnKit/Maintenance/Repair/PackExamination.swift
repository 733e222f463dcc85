import CairnFormat
import CairnStorage
import CairnSystem

/// Finds the packs that are damaged, by reading them whole with several threads, and the blobs that are lost with them.
struct PackExamination {
  /// A pack of which not everything is as it should be, as the index has it.
  struct BadPack: Sendable {
    let pack: IndexedPack
    let isThere: Bool

    var name: PackName { PackName(hash: pack.hash, owner: pack.owner) }
  }

  let run: CheckRun
  private(set) var bad: [BadPack] = []

  /// - Parameter chosen: whether a pack is to be looked at.
  init(_ run: CheckRun, _ chosen: (PackName) -> Bool) throws {
    self.run = run
    let stored = try run.repository.storedPacks()
    let queue = BoundedQueue<PackCheck.Job>(capacity: 16)
    let found = Monitor<[BadPack]>([])
    let threads = max(1, min(run.threads + 1, run.context.memoryBytes / 2 / Int(run.repository.config.dataPackBytes)))
    try ThreadScope.run { scope in
      scope.onFailure { queue.cancel() }
      defer { queue.close() }
      for number in 0..<threads {
        scope.spawn("examine \(number)") {
          let inspector = PackInspector(run: run)
          while let job = queue.pop() {
            try inspector.inspect(job)
            guard case .indexed(let pack) = job.source, run.damage.isNoted(job.name) else { continue }
            found.withLock { $0.append(BadPack(pack: pack, isThere: job.size != nil)) }
          }
        }
      }
      try feed(queue, stored, chosen)
    }
    bad = found.withLock { $0 }.sorted { $0.name < $1.name }
  }

  private func feed(_ queue: BoundedQueue<PackCheck.Job>, _ stored: [PackName: UInt64], _ chosen: (PackName) -> Bool) throws {
    let swept = run.view.state.log.swept
    var seen = Set<PackName>()
    for name in run.view.state.countingDeltas.sorted() {
      for pack in try Records.delta(name, run.storage, run.keys).packs {
        let identity = PackName(hash: pack.hash, owner: pack.owner)
        guard !swept.contains(identity), chosen(identity), seen.insert(identity).inserted else { continue }
        guard queue.push(PackCheck.Job(source: .indexed(pack), size: stored[identity], isReadWhole: true)) else { return }
      }
    }
  }
}

/// Blobs that trees refer to and the index does not have.
final class MissingBlobs: TreeSweepVisitor {
  private let view: RepositoryView
  private let wanted: WantedBlobs

  init(_ view: RepositoryView, _ wanted: WantedBlobs) {
    self.view = view
    self.wanted = wanted
  }

  /// Looks through all snapshots.
  func find(_ context: RunContext) throws {
    let roots = view.snapshots.map(\.manifest.root) + view.snapshots.compactMap(\.manifest.deltaRoot)
    try TreeSweep(view, context).run(roots, self)
  }

  func read(_ id: BlobID, _ location: BlobLocation) {}
  func refers(to id: BlobID, length: UInt64) throws {
    if try view.index.locate(id.key) == nil { wanted.add(id.key, .data) }
  }
  func misses(_ id: BlobID) { wanted.add(id.key, nil) }
  func fails(_ id: BlobID, _ location: BlobLocation, _ error: CairnError) {}
}
