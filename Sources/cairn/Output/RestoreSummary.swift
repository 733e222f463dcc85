import CairnKit

/// What a restore says at its end.
struct RestoreSummary {
  let report: RestoreReport
  let isDryRun: Bool

  func print(to console: Console) {
    guard !console.json else { return console.line(json) }
    for line in lines { console.remark(line) }
    if report.problems > 0 {
      console.remark("\(Human.count(report.problems, "problem")): see the lines above; everything else is restored")
    }
  }

  /// What was done, problems aside.
  var lines: [String] {
    let would = isDryRun ? "would be " : ""
    var line = "\(would)restored: \(Human.count(report.filesRestored, "file")), \(Human.bytes(report.bytesRestored))"
    line += "; right already: \(report.filesUnchanged)"
    if report.filesUpdated > 0 { line += "; metadata put right: \(report.filesUpdated)" }
    if report.filesSkipped > 0 { line += "; left alone: \(report.filesSkipped)" }
    if report.deleted > 0 { line += "; removed: \(report.deleted)" }
    return [line + " in \(Human.duration(report.seconds))"]
      + (report.filesVerified.map { ["verified \(Human.count($0, "file"))"] } ?? [])
  }

  private var json: JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      if isDryRun { line.member("dry_run", true) }
      line.member("seconds_elapsed", UInt64(report.seconds))
      line.member(
        "total_files", report.filesRestored + report.filesUpdated + report.filesUnchanged + report.filesSkipped + report.directories)
      line.member("files_restored", report.filesRestored + report.directories)
      line.member("files_skipped", report.filesSkipped + report.filesUnchanged)
      line.member("files_updated", report.filesUpdated)
      line.member("files_deleted", report.deleted)
      line.member("total_bytes", report.bytesRestored + report.bytesSkipped)
      line.member("bytes_restored", report.bytesRestored)
      line.member("bytes_skipped", report.bytesSkipped)
      if let count = report.filesVerified { line.member("files_verified", count) }
      line.member("error_count", report.problems)
    }
  }
}
