import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn snapshots`
struct Snapshots: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Lists snapshots.",
    discussion: """
      Base is the snapshot that an incremental or differential one was compared with; Chain the full one at the beginning and the number of \
      steps from it. They tell how a snapshot was made: each restores by itself, also when its base is gone.
      """)

  @Argument(help: ArgumentHelp("Only these; default all.", valueName: "snapshot"))
  var ids: [String] = []

  @Option(help: ArgumentHelp("Only the newest N of each group.", valueName: "n"))
  var latest: Int?

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp(
      "Separate by any of host, paths, tags and series; '' for one list. Default '', with --latest host,paths.", valueName: "what,..."))
  var groupBy: String?

  @Flag(name: [.short, .long], help: "Short lines: no base, no paths, no size.")
  var compact = false

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  func validate() throws {
    if let latest, latest < 1 { throw ValidationError("--latest must be at least 1.") }
    if let groupBy, SnapshotGrouping(groupBy) == nil { throw ValidationError("--group-by takes host, paths, tags and series.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let list = try run.list(try run.openRepository())
    var chosen = try run.choose(ids, from: list.snapshots, filters.filter(run), forgotten: list.forgottenIDs)
    let shown = groupBy.flatMap(SnapshotGrouping.init)
    if let latest {
      let grouping = shown ?? SnapshotGrouping("host,paths") ?? SnapshotGrouping()
      let kept = Set(grouping.groups(of: chosen).flatMap { $0.snapshots.suffix(latest).map(\.idHex) })
      chosen = chosen.filter { kept.contains($0.idHex) }
    }
    let view = SnapshotsView(console: run.console, isCompact: compact, lineage: SnapshotLineage(list.snapshots))
    if let shown, !shown.isEmpty { view.print(groups: shown.groups(of: chosen)) } else { view.print(chosen) }
    return list.isComplete ? .success : .incomplete
  }
}
