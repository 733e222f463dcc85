import CairnFormat
import CairnSystem

extension Repository {
  /// Restores a snapshot, or a part of it, into a directory.
  ///
  /// Files get their names when they are complete and verified, never before; running it again after any interruption completes the
  /// rest. What is there already is compared and left alone where it is right. No link below the target is ever followed.
  ///
  /// - Returns: what was done. Problems with single entries (damage in the repository, what the target refuses) have been reported to
  ///   the sink and are counted; everything else is restored.
  /// - Throws: `CairnError` when the place in the snapshot does not exist, the target cannot be used or has no space left, or a
  ///   pattern is malformed; `CancellationError`.
  public func restore(_ options: RestoreOptions, context: RunContext) throws -> RestoreReport {
    let view = try loadView()
    // Damage somewhere in the repository is worth knowing; whether it touches this restore shows when the files are fetched.
    for problem in view.problems { context.sink.report(.problem(problem)) }
    return try RestoreRun(self, view, options, context).execute()
  }
}

extension RestoreRun {
  /// Does the whole restore.
  func execute() throws -> RestoreReport {
    let started = SystemClock.monotonicNanoseconds()
    let start = try start(in: view)
    let target = try RestoreTarget(options)
    announceTotals(start)
    try ThreadScope.run { scope in
      let content = ContentStage(self)
      content.start(in: scope)
      var maker = try TreeMaker(self, start, target, windows: content.windows)
      try maker.makeAll()
      content.windows.close()
    }
    if !options.dryRun { try applyLateFlags() }
    let verifies = options.verify && !options.dryRun
    if verifies, let file = target.file { try RestoreVerification(self, start, file).verify() }
    losses.finish(target: options.target)
    let seconds = Double(SystemClock.monotonicNanoseconds() &- started) / 1e9
    return tally.report(problems: losses.problems, verified: verifies, seconds: seconds)
  }

  /// The node that is restored.
  ///
  /// - Throws: `CairnError(.notFound)` naming the path.
  func start(in view: RepositoryView) throws -> Node {
    let root = try view.trees.rootNode(of: options.snapshot)
    guard !options.path.isEmpty else { return root }
    guard let tree = root.subtree, let node = try view.trees.find(options.path, in: tree) else {
      throw CairnError(
        .notFound, "Snapshot \(options.snapshot.shortID) has no '\(Escaping.path(options.path))'.",
        guidance: "List what it has with 'cairn ls \(options.snapshot.shortID)'.")
    }
    return node
  }

  /// Tells the progress line what is to come, where the snapshot says it; filters and single entries make it an upper bound at best.
  func announceTotals(_ start: Node) {
    guard filter.takesAll else { return }
    let statistics = options.snapshot.manifest.statistics
    let isWhole = options.path.isEmpty
    context.counters.filesTotal.set(isWhole ? statistics.filesTotal : start.totalEntries)
    context.counters.bytesTotal.set(isWhole ? statistics.bytesProcessed : start.totalBytes)
    context.counters.totalsKnown.set(1)
  }
}
