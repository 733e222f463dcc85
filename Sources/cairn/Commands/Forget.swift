import ArgumentParser
import CairnKit
import CairnProfiles

/// `cairn forget`
struct Forget: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Forgets snapshots by a policy, or those that are named.",
    discussion: """
      With --profile and without a policy that of the profile is applied to its series. A snapshot stays if any --keep option wants it; hours, days and so on are those of the place and time it was made. While an option has \
      room, the oldest snapshot stays too. Snapshots dated more than a day ahead of now always stay and take nobody's place. \
      Forgotten snapshots are out of view, and --undo brings them back, until 'prune' has freed their space.
      """)

  @Argument(help: ArgumentHelp("Snapshots to forget, instead of a policy.", valueName: "snapshot"))
  var ids: [String] = []

  @OptionGroup(title: "Policy") var retention: RetentionArguments

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp(
      "Apply the policy to each group with the same host, paths, tags or series; '' for one group. Default series.", valueName: "what,..."))
  var groupBy: String?

  @Flag(help: "Let a policy forget all snapshots of a group; with a filter there need be no policy.")
  var unsafeAllowRemoveAll = false

  @Flag(name: [.customShort("n"), .long], help: "Show what would be done and do nothing.")
  var dryRun = false

  @Flag(name: [.short, .long], help: "Short lines: no size, no paths.")
  var compact = false

  @Flag(help: "Free the space afterwards, as 'cairn prune' does.")
  var prune = false

  @OptionGroup(title: "With --prune") var pruning: PruneArguments

  @Flag(help: "Bring forgotten snapshots back; without names, list those that can be brought back.")
  var undo = false

  @Flag(help: "With --undo: all that the filters let through.")
  var all = false

  @OptionGroup(title: "Filters") var filters: LongFilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  func validate() throws {
    if let groupBy, SnapshotGrouping(groupBy) == nil { throw ValidationError("--group-by takes host, paths, tags and series.") }
    if undo && (retention.isGiven || groupBy != nil || unsafeAllowRemoveAll || prune) {
      throw ValidationError("--undo takes snapshots or --all, and neither a policy nor --prune.")
    }
    if pruning.isGiven && !prune {
      throw ValidationError("--max-unused, --max-repack-size, --wait and --revoke-after go with --prune only.")
    }
    if all && !undo { throw ValidationError("--all goes with --undo only.") }
    if all && !ids.isEmpty { throw ValidationError("--all and the names of snapshots exclude each other.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    return undo ? try bringBack(repository, run) : try forget(repository, run)
  }

  private func forget(_ repository: Repository, _ run: Invocation) throws -> ExitStatus {
    var options = ForgetOptions()
    options.snapshots = ids
    options.policy = retention.policy
    // What is named, and options, take the place of the profile's policy.
    if let profile = run.profile, ids.isEmpty, !retention.isGiven {
      guard filters.other.series == nil else {
        throw CairnError(
          .usage, "What the profile '\(profile.name)' keeps is for its own series; nothing was forgotten.",
          guidance: "Leave --series away, or say what to keep with --keep options.")
      }
      options.policy = try Self.policy(of: profile)
    }
    options.grouping = groupBy.flatMap(SnapshotGrouping.init) ?? .series
    options.filter = filters.filter(run)
    options.allowsRemovingAll = unsafeAllowRemoveAll
    let plan = try repository.planForget(options)
    for problem in plan.problems { run.reporter.report(problem) }
    let view = ForgetView(console: run.console, table: SnapshotsView(console: run.console, isCompact: compact))
    for snapshot in plan.fromTheFuture { run.reporter.report(.message(ForgetView.warning(snapshot))) }
    if !run.console.json { view.print(plan) }
    let count = dryRun ? plan.count : try repository.forget(plan)
    if run.console.json { view.printJSON(plan) } else { view.finish(count, isDryRun: dryRun, canUndo: !prune) }
    if prune { try free(repository, plan, run) }
    return plan.problems.isEmpty ? .success : .incomplete
  }

  /// - Throws: `CairnError(.usage)` when the profile has none: that its series is chosen is no reason to forget all of it.
  private static func policy(of profile: Profile) throws -> RetentionPolicy {
    guard let policy = profile.retention?.policy(with: profile.scheme), !policy.isEmpty else {
      throw CairnError(
        .usage, "The profile '\(profile.name)' does not say which snapshots to keep (\(profile.place.text)); nothing was forgotten.",
        guidance: "Give it a section [profile.\(profile.name).retention], or use --keep options, or name snapshots.")
    }
    return policy
  }

  private func free(_ repository: Repository, _ plan: ForgetPlan, _ run: Invocation) throws {
    var options = pruning.options(dryRun: false, run.profile?.retention)
    if dryRun { options.assume(plan) }
    run.stopsOnSignals()
    let report = try run.withProgress { try repository.prune(options, context: run.context) }
    PruneOutput(console: run.console).print(report)
  }

  private func bringBack(_ repository: Repository, _ run: Invocation) throws -> ExitStatus {
    let forgotten = try repository.forgottenSnapshots()
    for problem in forgotten.problems { run.reporter.report(problem) }
    if let lost = forgotten.lostIDs.first(where: { id in ids.contains { !$0.isEmpty && id.hasPrefix($0) } }) {
      throw CairnError.lostSnapshot(lost)
    }
    let chosen: [Snapshot]
    do { chosen = try run.choose(ids, from: forgotten.snapshots, filters.filter(run)) } catch let error as CairnError
      where error.code == .notFound
    {
      throw CairnError(
        .notFound, "Among the forgotten snapshots: " + error.message,
        guidance: "'cairn forget --undo' lists them; those that were forgotten before a prune freed space cannot come back.")
    }
    let isList = ids.isEmpty && !all
    if !isList && !dryRun { try repository.undoForget(chosen) }
    let view = ForgetView(console: run.console, table: SnapshotsView(console: run.console, isCompact: compact))
    view.print(forgotten, chosen, isList ? .list : dryRun ? .plan : .done)
    return forgotten.problems.isEmpty ? .success : .incomplete
  }
}
