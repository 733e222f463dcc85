import CairnAutomation
import CairnKit
import CairnProfiles

/// How profiles fare, for people and as JSON.
struct StatusView {
  let console: Console
  let survey: StatusSurvey

  func print(_ entries: [StatusSurvey.Entry]) {
    guard !console.json else { return console.line(json(entries)) }
    for entry in entries { text(entry) }
    if survey.unreadable > 0 {
      console.complain(
        "\(Human.count(UInt64(survey.unreadable), "line")) of the journal cannot be read and \(survey.unreadable == 1 ? "was" : "were") left out."
      )
    }
    let ill = entries.filter { !$0.status.isWell }
    guard !ill.isEmpty else { return console.remark("all is well with \(Human.count(UInt64(entries.count), "profile"))") }
    console.complain(
      "cairn: \(ill.count == 1 ? "1 profile needs" : "\(ill.count) profiles need") attention: "
        + ill.map(\.profile.name).joined(separator: ", ") + ".")
  }

  // MARK: Text

  private func text(_ entry: StatusSurvey.Entry) {
    let status = entry.status
    // With --quiet only what is wrong.
    if !console.isQuiet {
      console.line("\(status.name): \(word(status))")
      for (name, value) in rows(entry) { console.line("  " + name + String(repeating: " ", count: max(1, 14 - name.utf8.count)) + value) }
    }
    for finding in status.findings where !(console.isQuiet && finding.isNotice) {
      console.line((console.isQuiet ? "\(status.name): " : "  ! ") + LogView.text(finding.sentence))
    }
    if !console.isQuiet { console.line("") }
  }

  private func word(_ status: ProfileStatus) -> String {
    guard status.isWell else { return status.isOverdue ? "overdue" : "needs attention" }
    if status.running != nil { return "running" }
    return status.lastSuccess == nil ? "no backup yet" : "well"
  }

  private func rows(_ entry: StatusSurvey.Entry) -> [(String, String)] {
    let status = entry.status
    var rows: [(String, String)] = []
    if let running = status.running {
      rows.append(("Running", "since \(LocalTime.text(running.started)) (process \(running.process))"))
    }
    let snapshot = status.lastSnapshot.flatMap { $0.id.isEmpty ? nil : ", snapshot \(LogView.text(String($0.id.prefix(8))))" } ?? ""
    rows.append(("Last success", status.lastSuccess.map { moment($0) + snapshot } ?? "never"))
    if let run = status.lastRun {
      rows.append(("Last run", "\(LocalTime.text(run.started)), \(run.outcome.rawValue)" + (run.trigger.map { ", \($0.rawValue)" } ?? "")))
    }
    if let every = status.expectation.every { rows.append(("Expected", "every \(Age.text(every))")) }
    if let next = status.nextRun { rows.append(("Next", "\(LocalTime.text(next)), by its schedule")) }
    rows.append(("Checked", checked(status)))
    rows.append(("Proven", proven(status)))
    if let bytes = status.repositoryBytes {
      rows.append(("Repository", Human.bytes(bytes) + (status.snapshots.map { ", \(Human.count(UInt64($0), "snapshot"))" } ?? "")))
    }
    rows.append(("Growth", "\(Human.bytes(status.stored7)) in 7 days, \(Human.bytes(status.stored30)) in 30 days"))
    if let absence = entry.absence { rows.append(("From", "the journal (\(absence))")) }
    return rows
  }

  private func checked(_ status: ProfileStatus) -> String {
    guard let record = status.lastCheck, let check = record.check else { return "never" }
    let read = check.readBytes > 0 ? ", \(Human.bytes(check.readBytes)) read" : ""
    return "\(moment(record.ended)), \(check.errors == 0 ? "no errors" : Human.count(check.errors, "error"))\(read)"
  }

  private func proven(_ status: ProfileStatus) -> String {
    guard let record = status.lastProof, let proof = record.proof else { return "never" }
    return "\(moment(record.ended)), \(Human.count(proof.files, "file"))"
      + (proof.failures > 0 ? ", \(proof.failures) not as recorded" : "")
  }

  private func moment(_ seconds: Int64) -> String {
    let (age, overflow) = survey.now.subtractingReportingOverflow(seconds)
    return LocalTime.text(seconds) + (overflow || age < 0 ? "" : " (\(Age.text(age)) ago)")
  }

  // MARK: JSON

  private func json(_ entries: [StatusSurvey.Entry]) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "status")
      line.member("time", LocalTime.rfc3339(survey.now, 0))
      line.member("well", entries.allSatisfy(\.status.isWell))
      line.member("unreadable_lines", survey.unreadable)
      line.list("profiles") { line in for entry in entries { line.element { write(entry, to: &$0) } } }
    }
  }

  private func write(_ entry: StatusSurvey.Entry, to line: inout JSONLine) {
    let status = entry.status
    line.member("profile", status.name)
    line.member("well", status.isWell)
    line.member("overdue", status.isOverdue)
    line.member("running", status.running != nil)
    time("last_success", status.lastSuccess, to: &line)
    if let id = status.lastSnapshot?.id, !id.isEmpty { line.member("last_snapshot", id) }
    if let run = status.lastRun {
      line.member("last_run") { line in
        time("started", run.started, to: &line)
        time("ended", run.ended, to: &line)
        line.member("outcome", run.outcome.rawValue)
        line.member("exit_status", run.status)
        if let trigger = run.trigger { line.member("trigger", trigger.rawValue) }
        if let message = run.message { line.member("message", message) }
      }
    }
    line.member("expected") { line in
      for (name, seconds) in [
        ("every", status.expectation.every), ("checked_every", status.expectation.checkedEvery),
        ("proven_every", status.expectation.provenEvery),
      ] { if let seconds { line.member(name, seconds) } }
    }
    time("next_run", status.nextRun, to: &line)
    time("last_check", status.lastCheck?.ended, to: &line)
    if let errors = status.lastCheck?.check?.errors { line.member("last_check_errors", errors) }
    time("last_proof", status.lastProof?.ended, to: &line)
    if let failures = status.lastProof?.proof?.failures { line.member("last_proof_failures", failures) }
    if let bytes = status.repositoryBytes { line.member("repository_bytes", bytes) }
    if let snapshots = status.snapshots { line.member("snapshots", snapshots) }
    line.member("stored_bytes_7_days", status.stored7)
    line.member("stored_bytes_30_days", status.stored30)
    line.member("source", status.isFromRepository ? "repository" : "journal")
    if let absence = entry.absence { line.member("absence", absence) }
    line.list("findings") { line in
      for finding in status.findings {
        line.element { line in
          line.member("kind", finding.kind.rawValue)
          line.member("notice", finding.isNotice)
          line.member("message", finding.sentence)
        }
      }
    }
  }

  private func time(_ name: String, _ seconds: Int64?, to line: inout JSONLine) {
    if let seconds { line.member(name, LocalTime.rfc3339(seconds, 0)) } else { line.member(null: name) }
  }
}
