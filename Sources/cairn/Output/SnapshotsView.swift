import CairnFormat
import CairnKit

/// The list of snapshots as a table or as restic's JSON.
struct SnapshotsView {
  let console: Console
  let isCompact: Bool

  func print(_ snapshots: [Snapshot]) {
    if console.json {
      var line = JSONLine()
      line.array { line in
        for snapshot in snapshots { line.element { SnapshotRecord.write(snapshot, to: &$0) } }
      }
      console.line(line)
    } else {
      table(snapshots)
    }
  }

  func print(groups: [SnapshotGrouping.Group]) {
    guard console.json else {
      for group in groups {
        console.line("snapshots for (\(title(group))):")
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
            for snapshot in group.snapshots { line.element { SnapshotRecord.write(snapshot, to: &$0) } }
          }
        }
      }
    }
    console.line(line)
  }

  private func title(_ group: SnapshotGrouping.Group) -> String {
    var parts: [String] = []
    if let host = group.host { parts.append("host [\(Escaping.terminal(host))]") }
    if let paths = group.paths { parts.append("paths [\(paths.map(Escaping.terminal).joined(separator: ", "))]") }
    if let tags = group.tags { parts.append("tags [\(tags.map(Escaping.terminal).joined(separator: ", "))]") }
    if let series = group.series { parts.append("series [\(series)]") }
    return parts.joined(separator: ", ")
  }

  private func table(_ snapshots: [Snapshot]) {
    var table = TextTable(
      isCompact
        ? [("ID", .left), ("Time", .left), ("Host", .left), ("Kind", .left), ("Tags", .left)]
        : [("ID", .left), ("Time", .left), ("Host", .left), ("Kind", .left), ("Tags", .left), ("Paths", .left), ("Size", .right)])
    for snapshot in snapshots {
      let m = snapshot.manifest
      let tags = m.tags.map(Escaping.terminal)
      let common = [snapshot.shortID, LocalTime.text(m.time.seconds), Escaping.terminal(m.host), SnapshotRecord.name(of: m.kind)]
      if isCompact {
        table.add(common + [tags.joined(separator: ",")])
      } else {
        table.add(
          common + [
            tags.joined(separator: "\n"), m.paths.map(Escaping.terminal).joined(separator: "\n"), Human.bytes(m.statistics.bytesProcessed),
          ])
      }
    }
    for line in table.lines() { console.line(line) }
    console.line(Human.count(UInt64(snapshots.count), "snapshot"))
  }
}
