import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn stats`
struct Stats: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Shows how much snapshots hold and how much room it takes.",
    discussion: """
      restore-size is what restoring the snapshots would write, raw-data what their blobs take in the repository. snapshot and series \
      split the figures up, oldest first, each with what it added to those before.
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case restoreSize = "restore-size"
    case rawData = "raw-data"
    case snapshot, series
  }

  @Argument(help: ArgumentHelp("Only these; default all.", valueName: "snapshot"))
  var ids: [String] = []

  @Option(help: ArgumentHelp("What total_size means in JSON, or how figures are split up; default restore-size.", valueName: "mode"))
  var mode = Mode.restoreSize

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "stats" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let view = try run.openView()
    run.stopsOnSignals()
    let snapshots = try run.choose(ids, from: view.snapshots, filters.filter(run), forgotten: view.forgottenIDs)
    let grouping: StatisticsGrouping = mode == .snapshot ? .snapshot : mode == .series ? .series : .none
    let report = try run.withProgress { try view.statistics(snapshots, by: grouping, context: run.context) }
    if run.console.json {
      run.console.line(JSONLine.object { json(report, to: &$0) })
    } else {
      text(report, run.console)
    }
    return run.status
  }

  private func text(_ report: StatisticsReport, _ console: Console) {
    let t = report.totals
    let rows = [
      ("Snapshots", String(t.snapshots)), ("Files", String(t.files)), ("Entries", String(t.entries)),
      ("Restored size", Human.bytes(t.logicalBytes)),
      ("Unique data", "\(Human.bytes(t.uniqueBytes)) in \(t.dataBlobs + t.treeBlobs) blobs"),
      ("Stored", Human.bytes(t.storedBytes)),
      ("Deduplication", Human.fixed(t.deduplicationRatio, 2) + "x"), ("Compression", Human.fixed(t.compressionRatio, 2) + "x"),
      ("Repository", "\(Human.bytes(report.packBytes)) in \(Human.count(report.packs, "pack"))"),
    ]
    for (name, value) in rows { console.line(name + String(repeating: " ", count: 16 - name.utf8.count) + value) }
    guard !report.groups.isEmpty else { return }
    var table = TextTable([
      (mode == .series ? "Series" : "Snapshot", .left), ("Time", .left), ("Paths", .left), ("Files", .right), ("Size", .right),
      ("Unique", .right),
      ("Stored", .right), ("Added", .right),
    ])
    for group in report.groups {
      guard let last = group.snapshots.last else { continue }
      let m = last.manifest
      table.add([
        title(group, last), LocalTime.text(m.time.seconds), m.paths.map(Escaping.terminal).joined(separator: "\n"),
        String(group.totals.files),
        Human.bytes(group.totals.logicalBytes), Human.bytes(group.totals.uniqueBytes), Human.bytes(group.totals.storedBytes),
        Human.bytes(group.addedStoredBytes),
      ])
    }
    console.line("")
    for line in table.lines() { console.line(line) }
  }

  private func title(_ group: StatisticsReport.Group, _ last: Snapshot) -> String {
    guard mode == .series else { return last.shortID }
    let name = last.manifest.seriesName
    let text = name.isEmpty ? String(last.manifest.series.hexadecimal.prefix(8)) : Escaping.terminal(name)
    return "\(text) (\(group.snapshots.count))"
  }

  private func json(_ report: StatisticsReport, to line: inout JSONLine) {
    let t = report.totals
    line.member("total_size", mode == .rawData ? t.storedBytes : t.logicalBytes)
    line.member("total_uncompressed_size", t.uniqueBytes)
    line.member("compression_ratio", t.compressionRatio)
    line.member("compression_progress", 100)
    line.member("compression_space_saving", t.uniqueBytes == 0 ? 0 : (1 - Double(t.storedBytes) / Double(t.uniqueBytes)) * 100)
    line.member("total_blob_count", t.dataBlobs + t.treeBlobs)
    line.member("total_file_count", t.files)
    line.member("snapshots_count", t.snapshots)
    line.member("logical_size", t.logicalBytes)
    line.member("stored_size", t.storedBytes)
    line.member("deduplication_ratio", t.deduplicationRatio)
    line.member("packs", report.packs)
    line.member("pack_bytes", report.packBytes)
    guard !report.groups.isEmpty else { return }
    line.list("groups") { line in
      for group in report.groups {
        line.element { line in
          line.list("snapshots") { line in for snapshot in group.snapshots { line.element(snapshot.idHex) } }
          if let series = group.snapshots.last?.manifest.series { line.member("series", series.hexadecimal) }
          line.member("files", group.totals.files)
          line.member("logical_size", group.totals.logicalBytes)
          line.member("unique_size", group.totals.uniqueBytes)
          line.member("stored_size", group.totals.storedBytes)
          line.member("added_unique_size", group.addedUniqueBytes)
          line.member("added_stored_size", group.addedStoredBytes)
        }
      }
    }
  }
}
