import CairnKit

/// What a repair is about to do, and what it came to.
struct RepairOutput: Sendable {
  let console: Console

  func plan(_ steps: [RepairStep]) {
    guard console.json else {
      for step in steps { console.line(CheckOutput.printable(step.sentence)) }
      return
    }
    for step in steps {
      console.line(
        JSONLine.object { line in
          line.member("message_type", "step")
          line.member("object", step.object)
          line.member("what", step.what)
          line.member("action", step.action)
        })
    }
  }

  /// - Returns: success unless files are lost.
  func print(_ report: RepairReport) -> ExitStatus {
    if console.json { console.line(json(report)) } else { for line in text(report) { console.line(CheckOutput.printable(line)) } }
    return report.lost.isEmpty ? .success : .incomplete
  }

  private func text(_ report: RepairReport) -> [String] {
    var lines: [String] = []
    if report.unlistedSteps > 0 { lines.append("and \(report.unlistedSteps) more") }
    for place in report.movedAside { lines.append("moved aside: \(place)") }
    for item in report.lost { lines.append("lost: \(item.snapshot.prefix(8)): \(Escaping.terminal(item.path))") }
    if report.unlistedLost > 0 { lines.append("and \(report.unlistedLost) more") }
    for pair in report.replaced { lines.append("snapshot \(pair.new.prefix(8)) takes the place of \(pair.old.prefix(8))") }
    for id in report.forgotten { lines.append("forgot snapshot \(id.prefix(8))") }
    if report.blobsSalvaged + report.blobsFound + report.blobsLost > 0 {
      lines.append(
        "\(Human.count(report.blobsSalvaged, "blob")) taken over from damaged packs, \(report.blobsFound) found elsewhere, "
          + "\(report.blobsLost) lost")
    }
    lines += report.notes
    if !report.foundDamage {
      lines.append("nothing to repair was found")
    } else if report.isDryRun {
      lines.append("nothing was changed: this was a dry run")
    } else {
      lines.append("repaired in \(Human.duration(report.seconds)); 'cairn check' tells whether anything is left")
    }
    return lines
  }

  private func json(_ report: RepairReport) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      line.member("dry_run", report.isDryRun)
      line.member("steps", UInt64(report.steps.count) + report.unlistedSteps)
      line.list("moved_aside") { line in for place in report.movedAside { line.element(place) } }
      line.list("lost") { line in
        for item in report.lost {
          line.element { line in
            line.member("snapshot", item.snapshot)
            line.member("path", bytes: item.path)
          }
        }
      }
      line.member("lost_count", UInt64(report.lost.count) + report.unlistedLost)
      line.list("replaced") { line in
        for pair in report.replaced {
          line.element { line in
            line.member("old", pair.old)
            line.member("new", pair.new)
          }
        }
      }
      line.list("forgotten") { line in for id in report.forgotten { line.element(id) } }
      line.list("notes") { line in for note in report.notes { line.element(note) } }
      line.member("packs_indexed", report.packsIndexed)
      line.member("index_objects_written", report.indexObjectsWritten)
      line.member("packs_read", report.packsRead)
      line.member("blobs_salvaged", report.blobsSalvaged)
      line.member("blobs_found", report.blobsFound)
      line.member("blobs_lost", report.blobsLost)
      line.member("written_bytes", report.writtenBytes)
      line.member("duration_seconds", report.seconds)
    }
  }
}
