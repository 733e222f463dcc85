import CairnFormat
import CairnSystem

/// Runs the threads of a backup: one walker, `W` workers, and the savers of `SessionWriter`.
///
/// Peak heap, beside the repository's own caches, with `B` = max(8 MiB, two of the largest chunks):
///
///     worker buffers    W · B                       + up to W · B for chunks on their way, within a quarter of --memory
///     blob workers      W · (2 groups + 2 of the largest frames)      (`BlobWorker`)
///     frames            (W + 4) · the largest frame                   (`SessionWriter`)
///     entries           memory / 8 at 512 bytes an entry: complete groups that wait for their turn (`Backlog`)
///     the walker        the listing of each directory on its stack: 16 bytes and the name an entry
///     hard links        memory / 16 at 640 bytes each (`HardLinks`)
///
/// Nothing else grows with the source: lists and directories leave as they are built.
struct Archiver {
  let session: SessionWriter
  let context: RunContext
  let options: BackupOptions
  let filter: EntryFilter
  let accounts = AccountNames()

  /// What came of it.
  struct Outcome {
    let root: BlobID
    /// The root's own metadata; nil where it only leads to sources.
    let rootNode: Node?
    let delta: BlobID?
    /// The root is the base's.
    let isUnchanged: Bool
    let tally: Tally
    let excludedSources: Int
  }

  /// Worker threads for a number of processors and a budget: each may touch about 24 MiB.
  static func workers(_ context: RunContext) -> Int {
    let wanted = max(1, context.threads ?? Host.processorCount)
    return min(wanted, max(2, context.memoryBytes / (24 << 20)))
  }

  /// Everything the threads share.
  ///
  /// - Parameter chunker: nil = the repository's.
  func makeRun(workers: Int, chunker: Chunker? = nil) throws -> BackupRun {
    let chunker = try chunker ?? session.repository.makeChunker()
    let bufferBytes = max(Int(ContentReader.bigFile), 2 * Int(chunker.parameters.maximum))
    let extra = max(0, min(workers, context.memoryBytes / 4 / bufferBytes))
    let queue = WorkQueue(itemLimit: 2 * workers, chunkLimit: 2 * workers + 2, workers: workers)
    return BackupRun(
      context: context, keys: session.repository.keys, chunker: chunker, queue: queue,
      backlog: Backlog(limit: max(4096, context.memoryBytes / 8 / 512)),
      // Who waits for a buffer works on chunks meanwhile, and so sleeps in the queue. Weak: chunks that a cancelled queue still holds
      // own buffers, and those the pool.
      buffers: BufferPool(bufferBytes: bufferBytes, limit: workers + extra) { [weak queue] in queue?.wake() },
      links: HardLinks(limit: max(1024, context.memoryBytes / 16 / 640)), accounts: accounts, tally: TallyBox(), root: RootBox(),
      reportsItems: options.reportsItems, hooks: options.hooks)
  }

  /// Backs the planned sources up.
  ///
  /// - Parameter base: the snapshot to compare with.
  func archive(_ plan: SourcePlan, base: Snapshot?) throws -> Outcome {
    let workers = Self.workers(context)
    let run = try makeRun(workers: workers)
    let reader = session.view.trees
    let baseRoot = try base.map { try reader.rootNode(of: $0) }
    let detector = options.readEverything ? nil : base.map(detector)
    let walker = Walker(
      run: run, filter: filter, detector: detector, reader: reader, inheritance: BaseInheritance(session.view), keepsDelta: base != nil)
    let finished = WalkResult()
    let isObsolete = Cancellation()
    try ThreadScope.run { scope in
      scope.onFailure {
        run.queue.cancel()
        run.backlog.cancel()
        isObsolete.cancel()
      }
      // Paths and directories are chains of references that are let go one inside the other: deep trees need deep stacks.
      for number in 0..<workers {
        scope.spawn("worker \(number)", stackBytes: 16 << 20) {
          var worker = EntryWorker(run, session.makeWorker())
          try worker.work()
        }
      }
      if options.estimatesTotals {
        walker.countsTotals = false
        estimate(plan, base, scope, isObsolete)
      }
      let box = UncheckedBox((walker, plan, baseRoot))
      scope.spawn("walker", stackBytes: 16 << 20) {
        let (walker, plan, baseRoot) = box.value
        try walker.begin(plan, base: baseRoot)
        try walker.walk()
        isObsolete.cancel()
        finished.set(isUnchanged: walker.isUnchanged, excludedSources: walker.excludedSources)
        run.queue.close()
      }
    }
    return try outcome(plan, run, finished, base)
  }

  /// Sets the totals of the progress line: what the base held, or what a quick look at the source finds.
  private func estimate(_ plan: SourcePlan, _ base: Snapshot?, _ scope: ThreadScope, _ isObsolete: Cancellation) {
    let counters = context.counters
    if let statistics = base?.manifest.statistics {
      counters.filesTotal.set(statistics.filesTotal)
      counters.bytesTotal.set(statistics.bytesProcessed)
      counters.totalsKnown.set(1)
      return
    }
    let estimate = SourceEstimate(plan, filter, context, isObsolete: isObsolete)
    // It stops when the walk is over: then the walk knows.
    scope.spawn("estimate") { estimate.run() }
  }

  private func detector(_ base: Snapshot) -> ChangeDetector {
    var detector = ChangeDetector(baseStarted: base.manifest.started, now: Timestamp(SystemClock.now()))
    detector.ignoresCtime = options.ignoreCtime
    detector.ignoresInode = options.ignoreInode
    return detector
  }

  private func outcome(_ plan: SourcePlan, _ run: BackupRun, _ finished: WalkResult, _ base: Snapshot?) throws -> Outcome {
    let result = finished.value
    if result.isUnchanged, let base {
      let node = plan.root.isSource ? try session.view.trees.rootNode(of: base) : nil
      return Outcome(
        root: base.manifest.root, rootNode: node, delta: try emptyTree(), isUnchanged: true, tally: run.tally.value,
        excludedSources: result.excludedSources)
    }
    guard let root = run.root.value, let id = root.node.subtree else { throw CancellationError() }
    let isUnchanged = base.map { $0.manifest.root == id && root.delta == nil } ?? false
    return Outcome(
      root: id, rootNode: plan.root.isSource ? root.node : nil, delta: root.delta, isUnchanged: isUnchanged, tally: run.tally.value,
      excludedSources: result.excludedSources)
  }

  /// The tree without entries: the difference between equal snapshots.
  func emptyTree() throws -> BlobID {
    let worker = session.makeWorker()
    var builder = DirectoryBuilder(keys: session.repository.keys)
    let tree = try builder.finish(store: { try worker.put($1, $0) })
    try worker.flush()
    return tree.id
  }
}

/// What the walker leaves behind.
private final class WalkResult: Sendable {
  private let box = Monitor((isUnchanged: false, excludedSources: 0))
  func set(isUnchanged: Bool, excludedSources: Int) { box.withLock { $0 = (isUnchanged, excludedSources) } }
  var value: (isUnchanged: Bool, excludedSources: Int) { box.withLock { $0 } }
}

/// Carries something to the one thread that uses it from then on.
struct UncheckedBox<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
