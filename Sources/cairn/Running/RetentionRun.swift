import CairnFormat
import CairnKit
import CairnProfiles

/// The retention that follows a profile's backup: `forget` of its series, and `prune` in every Nth run.
struct RetentionRun {
  let profile: Profile
  let retention: RetentionSettings
  /// The series of the snapshot that was made; nothing else is looked at.
  let series: String?
  let repository: Repository
  let run: Invocation

  /// Applies the retention. Whatever comes of it, the snapshot is there.
  ///
  /// - Parameter status: that of the backup.
  /// - Returns: the status of the whole, and what went wrong.
  func follow(_ report: BackupReport, _ status: ExitStatus) -> (status: ExitStatus, sentence: String?) {
    let snapshot = report.snapshot.map { "Snapshot \($0.shortID) is saved" } ?? "The backup is done"
    guard report.problems == 0 else {
      // A snapshot that lacks files is not to push out one that has them.
      return (status, say("skipped", "Retention is left out, because the backup is incomplete."))
    }
    do {
      let isComplete = try apply()
      return isComplete ? (status, nil) : (status == .success ? .incomplete : status, "Snapshots cannot be read, and stay.")
    } catch is CancellationError {
      return (.interrupted, say("interrupted", "\(snapshot); retention was interrupted, and goes on with the next backup."))
    } catch {
      let failure = ErrorReport.translate(error)
      return (.followUpFailed, say("failed", "\(snapshot), but retention failed: \(failure.message)", guidance: failure.guidance))
    }
  }

  /// - Returns: whether all snapshots could be read; those that cannot stay.
  private func apply() throws -> Bool {
    guard let series else { throw CairnError(.usage, "The profile has no series.") }
    var outcome = Outcome()
    let policy = retention.policy(with: profile.scheme)
    if !policy.isEmpty {
      var options = ForgetOptions()
      options.policy = policy
      options.filter.seriesNames = [series]
      let plan = try repository.planForget(options)
      for problem in plan.problems { run.reporter.report(problem) }
      outcome.isComplete = plan.problems.isEmpty
      for snapshot in plan.fromTheFuture { run.reporter.report(.message(ForgetView.warning(snapshot))) }
      outcome.forgotten = try repository.forget(plan)
      outcome.kept = plan.groups.reduce(0) { $0 + $1.retention.kept.count }
    }
    if let every = retention.pruneEvery, let counter = RunCounter(profile.name, run) {
      let count = counter.next()
      if count >= every {
        outcome.pruned = try run.withProgress { try repository.prune(retention.pruneOptions, context: run.context) }
        try counter.set(0)
      } else {
        try counter.set(count)
        outcome.runsToPrune = every - count
      }
    } else if retention.pruneEvery != nil {
      run.reporter.report(.warning("Runs cannot be counted without a state directory, so nothing is pruned: run 'cairn prune' yourself."))
    }
    tell(outcome)
    return outcome.isComplete
  }

  private struct Outcome {
    var forgotten = 0
    var kept = 0
    var pruned: PruneReport?
    var runsToPrune: Int?
    var isComplete = true
  }

  private func tell(_ outcome: Outcome) {
    guard run.console.json else {
      let freed = outcome.pruned.map { "; pruned: \(Human.count($0.deleted.count, "pack")) deleted" }
      let left = outcome.runsToPrune.map { "; prune in \(Human.count(UInt64($0), "run"))" }
      let kept = Human.count(UInt64(outcome.kept), "snapshot")
      run.console.remark("retention: \(outcome.forgotten) forgotten, \(kept) of series \(shownSeries) kept\(freed ?? left ?? "")")
      return
    }
    record("done") { line in
      line.member("forgotten", outcome.forgotten)
      line.member("kept", outcome.kept)
      line.member("pruned", outcome.pruned != nil)
      if let pruned = outcome.pruned { line.member("deleted_bytes", pruned.deleted.bytes) }
    }
  }

  /// - Returns: the sentence.
  private func say(_ status: String, _ sentence: String, guidance: String? = nil) -> String {
    if run.console.json {
      record(status) { $0.member("message", guidance.map { sentence + " " + $0 } ?? sentence) }
    } else {
      run.console.complain("cairn: " + sentence + (guidance.map { "\n       " + $0 } ?? ""))
    }
    return sentence
  }

  private func record(_ status: String, _ body: (inout JSONLine) -> Void) {
    run.console.line(
      JSONLine.object { line in
        line.member("message_type", "retention")
        line.member("status", status)
        line.member("profile", profile.name)
        line.member("series", series ?? "")
        body(&line)
      })
  }

  private var shownSeries: String { Escaping.terminal(Array((series ?? "").utf8)) }
}

extension Scheme {
  /// Decides the kind of a snapshot where that is left open.
  func apply(to options: inout BackupOptions, in repository: Repository) throws {
    guard options.kind == .auto, options.parent == nil, let series = options.seriesName else { return }
    let own = try repository.snapshots().snapshots.map(\.manifest).filter { $0.seriesName == Array(series.utf8) }
    let now = options.time?.seconds ?? TimeArgument(argument: "now")?.seconds ?? 0
    let history = own.map { Scheme.Made(time: $0.time.seconds, kind: $0.kind) }
    switch kind(at: now, history: history, calendar: .system) {
    case .full: options.kind = .full
    case .incremental: options.kind = .incremental
    case .differential: options.kind = .differential
    }
  }
}
