import ArgumentParser
import CairnKit
import CairnProfiles

/// Which snapshots a command looks at.
struct FilterOptions: ParsableArguments {
  @Option(
    name: [.customShort("H"), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only snapshots of this host; may be repeated. Else CAIRN_HOST.", valueName: "name"))
  var host: [String] = []

  @OptionGroup var other: OtherFilterOptions

  /// The filter; CAIRN_HOST stands in for `--host`, and the profile's series for `--series`.
  func filter(_ run: Invocation) -> SnapshotFilter { other.filter(hosts: host, run) }
}

/// `FilterOptions` of a command that has another use for `-H`, as restic's has.
struct LongFilterOptions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only snapshots of this host; may be repeated. Else CAIRN_HOST.", valueName: "name"))
  var host: [String] = []

  @OptionGroup var other: OtherFilterOptions

  func filter(_ run: Invocation) -> SnapshotFilter { other.filter(hosts: host, run) }
}

struct OtherFilterOptions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only snapshots with all tags of this list; repeated, any of the lists suffices.", valueName: "tag,..."))
  var tag: [CommaList] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only snapshots of this source path; repeated, of all of them.", valueName: "path"),
    completion: .file())
  var path: [String] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Only snapshots of this series: its name, or the start of its id.", valueName: "series"))
  var series: String?

  fileprivate func filter(hosts: [String], _ run: Invocation) -> SnapshotFilter {
    var filter = SnapshotFilter()
    filter.hosts = hosts.isEmpty ? run.environment.value(.host).map { [$0] } ?? [] : hosts.filter { !$0.isEmpty }
    filter.tags = tag.map(\.items)
    filter.paths = path
    filter.series = series
    if series == nil, let profile = run.profile {
      // A profile keeps snapshots of its own on each host.
      let all = filter.hosts.isEmpty ? [run.hostSetting().value] : filter.hosts
      filter.seriesNames = all.map(profile.seriesName)
    }
    return filter
  }
}
