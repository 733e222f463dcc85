import CairnFormat
import CairnKit

/// What a backup says at its end.
struct BackupSummary {
  private let report: BackupReport
  private let isDryRun: Bool

  init(_ report: BackupReport, isDryRun: Bool) {
    self.report = report
    self.isDryRun = isDryRun
  }

  func print(to console: Console) {
    if console.json { console.line(json) } else { for line in text { console.remark(line) } }
  }

  private var text: [String] {
    let s = report.statistics
    let added = isDryRun ? "Would be added to the repository" : "Added to the repository"
    var lines = [
      "Files:  \(column(s.filesNew)) new, \(column(s.filesChanged)) changed, \(column(s.filesUnchanged)) unmodified",
      "Dirs:   \(column(s.directoriesNew)) new, \(column(s.directoriesChanged)) changed, \(column(s.directoriesUnchanged)) unmodified",
      "\(added): \(Human.bytes(s.bytesAdded)) (\(Human.bytes(s.bytesStored)) stored)",
      "processed \(Human.count(s.filesTotal, "file")), \(Human.bytes(s.bytesProcessed)) in \(Human.duration(report.seconds))",
    ]
    if let snapshot = report.snapshot {
      lines.append("snapshot \(snapshot.shortID) saved (\(report.kindName))")
    } else {
      lines.append(report.skippedUnchanged ? "nothing changed: no snapshot was made" : "dry run: no snapshot was made")
    }
    if report.problems > 0 { lines.append("\(Human.count(report.problems, "problem")): see the lines above; the rest is stored") }
    return lines
  }

  private var json: JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      if isDryRun { line.member("dry_run", true) }
      SnapshotRecord.counters(report.statistics, to: &line)
      line.member("backup_start", SnapshotRecord.rfc3339(report.started))
      let end = Double(report.started.seconds) + Double(report.started.nanoseconds) / 1e9 + report.seconds
      line.member("backup_end", LocalTime.rfc3339(Int64(end), UInt32((end - end.rounded(.down)) * 1e9)))
      line.member("total_duration", report.seconds)
      line.member("kind", report.kindName)
      if let base = report.baseHex { line.member("base", base) }
      if let snapshot = report.snapshot { line.member("snapshot_id", snapshot.idHex) }
    }
  }

  private func column(_ n: UInt64) -> String {
    let digits = String(n)
    return String(repeating: " ", count: max(0, 7 - digits.utf8.count)) + digits
  }
}
