import CairnAutomation
import CairnKit

/// What a proof has shown, in words.
struct ProofOutput {
  private let report: ProofReport

  init(_ report: ProofReport) { self.report = report }

  var status: ExitStatus { report.differenceCount > 0 ? .failed : report.isIncomplete ? .incomplete : .success }

  var outcome: RunRecord.Outcome { report.differenceCount > 0 ? .failure : report.isIncomplete ? .incomplete : .success }

  var part: RunRecord.ProofPart {
    RunRecord.ProofPart(
      snapshot: report.snapshot.idHex, files: report.proven, bytes: report.provenBytes, failures: report.differenceCount, seed: report.seed)
  }

  func print(to console: Console) {
    for finding in report.differences { show(finding, "error", "differs", console) }
    for finding in report.uncompared { show(finding, "uncompared", "not compared", console) }
    guard !console.json else { return console.line(json) }
    let unlisted =
      report.differenceCount + report.uncomparedCount - min(report.differenceCount, UInt64(report.differences.count))
      - min(report.uncomparedCount, UInt64(report.uncompared.count))
    if unlisted > 0 { console.complain("and \(unlisted) more") }
    for sentence in sentences { console.line(sentence) }
    if !report.isWhole { console.remark("the same sample again: cairn prove \(report.snapshot.shortID) --seed \(report.seed)") }
  }

  /// What was proven, and what was not.
  var sentences: [String] {
    let id = report.snapshot.shortID
    if report.files == 0, report.differenceCount == 0 { return ["snapshot \(id) holds no files: there is nothing to prove"] }
    var lines: [String] = []
    let amount = "\(Human.bytes(report.provenBytes)), came back exactly as recorded, in \(Human.duration(report.seconds))"
    if report.proven == report.files, report.differenceCount == 0 {
      lines.append("all \(Human.grouped(report.files)) files of snapshot \(id), \(amount)")
    } else {
      lines.append("\(Human.grouped(report.proven)) of \(Human.grouped(report.files)) files of snapshot \(id), \(amount)")
    }
    if report.differenceCount > 0 {
      let what = report.differenceCount == 1 ? "1 entry did" : "\(Human.grouped(report.differenceCount)) entries did"
      lines.append("\(what) NOT come back as recorded; 'cairn check --read-data' finds damage of the repository")
    }
    if report.uncomparedCount > 0 {
      lines.append("\(Human.count(report.uncomparedCount, "entry", "entries")) could not be compared in everything")
    }
    if report.tooLarge > 0 {
      lines.append("\(Human.count(report.tooLarge, "file")) larger than the whole sample \(report.tooLarge == 1 ? "was" : "were") left out")
    }
    if report.withoutOwner > 0 {
      let entries = Human.count(report.withoutOwner, "entry", "entries")
      lines.append("owners and attributes of the system of \(entries) were not compared: only root can set them")
    }
    return lines
  }

  private func show(_ finding: ProofFinding, _ type: String, _ label: String, _ console: Console) {
    guard console.json else {
      return console.complain("\(label): \(Escaping.terminal(finding.path)): \(CheckOutput.printable(finding.message))")
    }
    console.complain(
      JSONLine.object { line in
        line.member("message_type", type)
        line.member("path", bytes: finding.path)
        line.member("message", finding.message)
      })
  }

  private var json: JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      line.member("snapshot_id", report.snapshot.idHex)
      line.member("seed", report.seed)
      line.member("is_whole", report.isWhole)
      line.member("total_files", report.files)
      line.member("total_bytes", report.bytes)
      line.member("files_chosen", report.chosen)
      line.member("files_proven", report.proven)
      line.member("bytes_proven", report.provenBytes)
      line.member("directories_compared", report.directories)
      line.member("differences", report.differenceCount)
      line.member("uncompared", report.uncomparedCount)
      line.member("files_too_large", report.tooLarge)
      line.member("owners_not_compared", report.withoutOwner)
      line.member("seconds_elapsed", report.seconds)
      line.member("statement", sentences.joined(separator: "; "))
    }
  }
}
