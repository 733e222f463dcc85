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
    let started = SystemClock.monotonicNanoseconds()
    let view = try loadView()
    let run = try RestoreRun(self, view, options, context)
    for problem in view.problems { run.losses.problem(problem.path, during: problem.during, problem.message) }
    let start = try run.start(in: view)
    let target = try RestoreTarget(options)
    run.announceTotals(start)
    try ThreadScope.run { scope in
      let content = ContentStage(run)
      content.start(in: scope)
      var maker = try TreeMaker(run, start, target, windows: content.windows)
      try maker.makeAll()
      content.windows.close()
    }
    if !options.dryRun { try run.applyLateFlags() }
    if options.verify, !options.dryRun, let file = target.file { try RestoreVerification(run, start, file).verify() }
    run.losses.finish(target: options.target)
    let seconds = Double(SystemClock.monotonicNanoseconds() &- started) / 1e9
    return run.tally.report(problems: run.losses.problems, verified: options.verify && !options.dryRun, seconds: seconds)
  }
}

extension RestoreRun {
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
