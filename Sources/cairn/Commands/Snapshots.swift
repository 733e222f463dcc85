import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn snapshots`
struct Snapshots: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(abstract: "Lists snapshots.")

  @Argument(help: ArgumentHelp("Only these; default all.", valueName: "snapshot"))
  var ids: [String] = []

  @Option(help: ArgumentHelp("Only the newest N of each group.", valueName: "n"))
  var latest: Int?

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp(
      "Separate by any of host, paths, tags and series; '' for one list. Default '', with --latest host,paths.", valueName: "what,..."))
  var groupBy: String?

  @Flag(name: [.short, .long], help: "Short lines: no user, no size, one path.")
  var compact = false

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  func validate() throws {
    if let latest, latest < 1 { throw ValidationError("--latest must be at least 1.") }
    if let groupBy, SnapshotGrouping(groupBy) == nil { throw ValidationError("--group-by takes host, paths, tags and series.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let (all, isComplete) = try run.list(try run.openRepository())
    var chosen = try run.choose(ids, from: all, filters.filter(run.environment))
    let shown = groupBy.flatMap(SnapshotGrouping.init)
    if let latest {
      let grouping = shown ?? SnapshotGrouping("host,paths") ?? SnapshotGrouping()
      let kept = Set(grouping.groups(of: chosen).flatMap { $0.snapshots.suffix(latest).map(\.idHex) })
      chosen = chosen.filter { kept.contains($0.idHex) }
    }
    let view = SnapshotsView(console: run.console, isCompact: compact)
    if let shown, !shown.isEmpty { view.print(groups: shown.groups(of: chosen)) } else { view.print(chosen) }
    return isComplete ? .success : .incomplete
  }
}

/// Sorting snapshots into groups that share some of their description.
struct SnapshotGrouping {
  private var byHost = false, byPaths = false, byTags = false, bySeries = false

  init() {}

  /// - Returns: nil for unknown words.
  init?(_ text: String) {
    for word in text.split(separator: ",").map({ $0.trimmingSpaces() }) {
      switch word {
      case "host", "hosts": byHost = true
      case "path", "paths": byPaths = true
      case "tag", "tags": byTags = true
      case "series": bySeries = true
      default: return nil
      }
    }
  }

  var isEmpty: Bool { !byHost && !byPaths && !byTags && !bySeries }

  struct Group {
    let host: [UInt8]?
    let paths: [[UInt8]]?
    let tags: [[UInt8]]?
    let series: String?
    var snapshots: [Snapshot]
  }

  /// Groups in the order of their first snapshots.
  func groups(of snapshots: [Snapshot]) -> [Group] {
    var order: [[[UInt8]]: Int] = [:]
    var groups: [Group] = []
    for snapshot in snapshots {
      let m = snapshot.manifest
      let paths = m.paths.sorted { $0.lexicographicallyPrecedes($1) }
      let tags = m.tags.sorted { $0.lexicographicallyPrecedes($1) }
      let none: [[UInt8]] = [[0]]
      let key =
        [byHost ? m.host : []] + none + (byPaths ? paths : []) + none + (byTags ? tags : []) + [
          bySeries ? Array(m.series.hexadecimal.utf8) : []
        ]
      if let index = order[key] {
        groups[index].snapshots.append(snapshot)
      } else {
        order[key] = groups.count
        groups.append(
          Group(
            host: byHost ? m.host : nil, paths: byPaths ? paths : nil, tags: byTags ? tags : nil,
            series: bySeries ? (m.seriesName.isEmpty ? m.series.hexadecimal : Escaping.terminal(m.seriesName)) : nil, snapshots: [snapshot])
        )
      }
    }
    return groups
  }
}
