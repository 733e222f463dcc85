import CairnFormat
import CairnKit

/// The list of snapshots as a table or as restic's JSON.
struct SnapshotsView {
  let console: Console
  let isCompact: Bool
  /// Shown where it is there.
  var lineage: SnapshotLineage?

  func print(_ snapshots: [Snapshot]) {
    if console.json {
      var line = JSONLine()
      line.array { line in
        for snapshot in snapshots { line.element { write(snapshot, to: &$0) } }
      }
      console.line(line)
    } else {
      table(snapshots)
    }
  }

  func print(groups: [SnapshotGrouping.Group]) {
    guard console.json else {
      for group in groups {
        console.line("snapshots for (\(group.title)):")
        table(group.snapshots)
        console.line("")
      }
      return
    }
    var line = JSONLine()
    line.array { line in
      for group in groups {
        line.element { line in
          line.member("group_key") { key in
            key.member("hostname", bytes: group.host ?? [])
            key.member("paths", names: group.paths ?? [])
            key.member("tags", names: group.tags ?? [])
            if let series = group.series { key.member("series", series) }
          }
          line.list("snapshots") { line in
            for snapshot in group.snapshots { line.element { write(snapshot, to: &$0) } }
          }
        }
      }
    }
    console.line(line)
  }

  private func write(_ snapshot: Snapshot, to line: inout JSONLine) {
    SnapshotRecord.write(snapshot, to: &line)
    guard let chain = lineage?.chain(of: snapshot) else { return }
    line.member("chain_length", chain.steps)
    if let full = chain.full { line.member("chain_full", full.idHex) } else { line.member(null: "chain_full") }
  }

  private func table(_ snapshots: [Snapshot]) {
    for line in lines(snapshots) { console.line(line) }
    console.line(Human.count(UInt64(snapshots.count), "snapshot"))
  }

  /// The table.
  ///
  /// - Parameter reasons: a column of its own after the tags, for each snapshot several lines.
  func lines(_ snapshots: [Snapshot], reasons: [[String]]? = nil) -> [String] {
    let shown = isCompact ? nil : lineage
    var table = TextTable(
      [("ID", .left), ("Time", .left), ("Host", .left), ("Kind", .left)] + (shown == nil ? [] : [("Base", .left), ("Chain", .left)])
        + [("Tags", .left)]
        + (reasons == nil ? [] : [("Reasons", .left)]) + (isCompact ? [] : [("Paths", .left), ("Size", .right)]))
    for (index, snapshot) in snapshots.enumerated() {
      let m = snapshot.manifest
      var cells = [snapshot.shortID, LocalTime.text(m.time.seconds), Escaping.terminal(m.host), SnapshotRecord.name(of: m.kind)]
      if let shown { cells += [shown.base(of: snapshot), shown.text(of: snapshot)] }
      cells.append(m.tags.map(Escaping.terminal).joined(separator: isCompact ? "," : "\n"))
      if let reasons { cells.append(index < reasons.count ? reasons[index].joined(separator: isCompact ? ", " : "\n") : "") }
      if !isCompact {
        cells += [
          m.paths.map { Escaping.terminal($0) + (snapshot.isImage ? " (image)" : "") }.joined(separator: "\n"),
          Human.bytes(m.statistics.bytesProcessed),
        ]
      }
      table.add(cells)
    }
    return table.lines()
  }
}
