import CairnKit

/// What a check found: damage on standard error, the rest on standard output.
struct CheckOutput {
  let console: Console

  func print(_ report: CheckReport) {
    for finding in report.errors { show(finding, isError: true) }
    for finding in report.hints where !console.isQuiet { show(finding, isError: false) }
    if console.json { console.line(json(report)) } else { for line in text(report) { console.remark(line) } }
  }

  private func show(_ finding: CheckFinding, isError: Bool) {
    guard !console.json else { return record(finding, isError: isError) }
    guard isError else { return console.line("hint: \(Self.printable(finding.sentence))") }
    console.complain("error: \(Self.printable(finding.sentence))")
    for line in affected(finding) { console.complain("  " + line) }
    if !finding.next.isEmpty { console.complain("  " + Self.printable(finding.next)) }
  }

  /// The files that the damage touches, under their snapshots.
  private func affected(_ finding: CheckFinding) -> [String] {
    guard finding.affectedCount > 0 else { return [] }
    var lines = [
      "touches \(Human.count(finding.affectedCount, "file")) in \(Human.count(UInt64(finding.affectedSnapshots.count), "snapshot")):"
    ]
    for item in finding.affected { lines.append("  \(item.snapshot.prefix(8)): \(Escaping.terminal(item.path))") }
    let left = finding.affectedCount - min(finding.affectedCount, UInt64(finding.affected.count))
    if left > 0 { lines.append("  and \(left) more") }
    return lines
  }

  private func record(_ finding: CheckFinding, isError: Bool) {
    let line = JSONLine.object { line in
      line.member("message_type", isError ? "error" : "hint")
      line.member("message", finding.sentence)
      line.member("object", finding.object)
      line.member("kind", finding.kind.rawValue)
      line.list("snapshots") { line in for id in finding.affectedSnapshots { line.element(id) } }
      line.list("affected") { line in
        for item in finding.affected {
          line.element { line in
            line.member("snapshot", item.snapshot)
            line.member("path", bytes: item.path)
          }
        }
      }
      line.member("affected_count", finding.affectedCount)
      line.member("mendable", finding.isMendable)
      line.member("next", finding.next)
    }
    if isError { console.complain(line) } else { console.line(line) }
  }

  private func text(_ report: CheckReport) -> [String] {
    var lines = [
      "\(Human.count(report.snapshots, "snapshot")), \(Human.count(report.packs, "pack")), \(Human.count(report.treesRead, "tree")) checked"
    ]
    if report.packsRead > 0 {
      lines.append(
        "read \(Human.count(report.packsRead, "pack")), \(Human.bytes(report.bytesRead)), \(Human.count(report.blobsRead, "blob"))")
    }
    let hints = UInt64(report.hints.count) + report.unlistedHints
    if report.unlistedErrors + report.unlistedHints > 0 {
      lines.append("more was found than is listed: \(report.errorCount) errors, \(hints) hints")
    }
    lines.append(
      report.isDamaged
        ? "the repository is damaged: \(Human.count(report.errorCount, "error"))\(outcome(report))"
        : "no errors were found" + (hints > 0 ? "; \(Human.count(hints, "hint"))" : "") + " in \(Human.duration(report.seconds))")
    return lines
  }

  private func outcome(_ report: CheckReport) -> String {
    guard report.hasLoss else { return "; no snapshot is touched" }
    return report.isLossMendable ? "; 'cairn repair parity' can mend what snapshots need" : "; data is lost"
  }

  private func json(_ report: CheckReport) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      line.member("num_errors", report.errorCount)
      line.list("broken_packs") { line in
        for name in brokenPacks(report) { line.element(name) }
      }
      line.member("suggest_repair_index", report.errors.contains { $0.object.hasPrefix("index/") })
      line.member("suggest_prune", !report.hints.isEmpty)
      line.member("suggest_repair_parity", report.errors.contains { $0.isMendable })
      line.member("has_loss", report.hasLoss)
      line.member("snapshots", report.snapshots)
      line.member("packs", report.packs)
      line.member("packs_read", report.packsRead)
      line.member("bytes_read", report.bytesRead)
      line.member("blobs_read", report.blobsRead)
    }
  }

  private func brokenPacks(_ report: CheckReport) -> [String] {
    var seen = Set<String>()
    return report.errors.compactMap { finding in
      guard finding.object.hasPrefix("packs/"), let name = finding.object.split(separator: "/").last.map(String.init) else { return nil }
      return seen.insert(name).inserted ? name : nil
    }
  }

  /// Sentences quote object names from the disk.
  static func printable(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(
        String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f && !(0x80...0x9f).contains($0.value) }))
    }.joined(separator: "\n")
  }
}
