import CairnAutomation
import CairnFormat
import CairnKit
import CairnProfiles
import CairnSystem
import SystemPackage

/// Collects what a report shows.
struct ReportSurvey {
  private let run: Invocation
  private let view: RepositoryView
  private let profiles: [Profile]

  /// How far back growth of places is measured, where snapshots reach back so far.
  private static let growthSpan: Int64 = 30 * 86_400
  private static let series = 4
  private static let largest = 12
  private static let growing = 8
  private static let runs = 1000

  init(_ run: Invocation, _ view: RepositoryView, _ profiles: [Profile]) {
    self.run = run
    self.view = view
    self.profiles = profiles
  }

  func data() throws -> ReportData {
    var data = ReportData(
      location: Array(view.repository.location.utf8), repository: view.repository.idHex, program: programVersion,
      generated: SystemClock.now().seconds)
    data.profiles = profiles.map(\.name)
    let snapshots = chosen()
    let growth = try view.growth(snapshots, context: run.context)
    data.snapshots = zip(snapshots, growth).map(entry)
    data.places = try places(snapshots)
    data.packBytes = try view.packTotals().bytes
    try readJournal(&data)
    if !view.problems.isEmpty {
      data.notes.append(
        "\(Human.count(UInt64(view.problems.count), "object")) could not be read, so that snapshots may be missing here: run 'cairn check'."
      )
    }
    return data
  }

  private func chosen() -> [Snapshot] {
    guard !profiles.isEmpty else { return view.snapshots }
    let names = profiles.map { Array($0.seriesName(host: run.hostSetting().value).utf8) }
    return view.snapshots.filter { names.contains($0.manifest.seriesName) }
  }

  private func entry(_ snapshot: Snapshot, _ growth: SnapshotGrowth) -> ReportData.Entry {
    let m = snapshot.manifest
    return ReportData.Entry(
      id: snapshot.shortID, time: m.time.seconds, kind: m.kind, base: m.base.map { String($0.hexadecimal.prefix(8)) },
      series: Self.name(m), host: m.host, tags: m.tags, files: m.statistics.filesTotal, logicalBytes: growth.logicalBytes,
      addedUniqueBytes: growth.addedUniqueBytes, addedStoredBytes: growth.addedStoredBytes, errors: m.statistics.errors)
  }

  /// By its name; a series that host and sources make is told by these.
  private static func name(_ manifest: Manifest) -> [UInt8] {
    guard manifest.seriesName.isEmpty else { return manifest.seriesName }
    return manifest.host + [0x3a] + Array(manifest.paths.joined(separator: [0x20]))
  }

  /// Of the series with the newest snapshots.
  private func places(_ snapshots: [Snapshot]) throws -> [ReportData.Places] {
    var seen: [SeriesID] = []
    for snapshot in snapshots.reversed() where seen.count < Self.series && !seen.contains(snapshot.manifest.series) {
      seen.append(snapshot.manifest.series)
    }
    let sizes = PathSizes(view, run.context)
    return try seen.compactMap { series in
      let members = snapshots.filter { $0.manifest.series == series }
      guard let newest = members.last, let oldest = members.first else { return nil }
      let limit = newest.manifest.time.seconds.subtractingReportingOverflow(Self.growthSpan).partialValue
      let earlier = members.last { $0.manifest.time.seconds <= limit } ?? oldest
      let isAlone = earlier.id == newest.id
      return ReportData.Places(
        series: Self.name(newest.manifest), time: newest.manifest.time.seconds, since: isAlone ? nil : earlier.manifest.time.seconds,
        largest: try sizes.largest(in: newest, count: Self.largest),
        growing: isAlone ? [] : try sizes.growing(from: earlier, to: newest, count: Self.growing))
    }
  }

  private func readJournal(_ data: inout ReportData) throws {
    guard let state = run.stateDirectory else { return data.notes.append("There is no state directory, and so no journal of runs.") }
    let names = profiles.map(\.name)
    var runs: [RunRecord] = []
    let skipped = try Journal(state: state).forEachNewestFirst { record in
      let isHere = record.repository == nil ? names.contains(record.profile ?? "") : record.repository == view.repository.idHex
      let isWanted = names.isEmpty || record.profile.map(names.contains) ?? (record.command == .check || record.command == .prove)
      if isHere && isWanted { runs.append(record) }
      return runs.count < Self.runs
    }
    data.runs = runs
    if skipped > 0 {
      data.notes.append(
        "\(Human.count(UInt64(skipped), "line")) of the journal cannot be read and \(skipped == 1 ? "is" : "are") left out.")
    }
  }
}

/// Writing the page.
enum ReportFile {
  /// Replaces the file as a whole; a new one is for its owner alone, because it names files.
  static func write(_ bytes: [UInt8], to path: [UInt8], _ console: Console) throws {
    guard path != [0x2d] else { return console.write(bytes) }
    do throws(FileError) {
      let slash = path.lastIndex(of: 0x2f)
      let folder = try OpenFile.open(slash.map { Array(path[...$0]) } ?? [0x2e], [.read, .directory])
      let name = slash.map { Array(path[($0 + 1)...]) } ?? path
      // `try?`: there is none yet. A link's mode, which lets everybody do everything, says nothing.
      let before = try? FileSystem.status(at: folder, name: name)
      try FileSystem.place(bytes, at: folder, name: name, mode: before.flatMap { $0.type == .regular ? $0.mode & 0o777 : nil })
    } catch {
      throw CairnError(
        error.errno == .noSpace ? .noSpace : .failed, "The report cannot be written to '\(Escaping.terminal(path))': \(error.reason).")
    }
  }
}
