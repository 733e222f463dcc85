import CairnKit

/// What a prune did or would do.
struct PruneOutput {
  let console: Console

  func print(_ report: PruneReport) {
    if console.json { console.line(json(report)) } else { for line in text(report) { console.remark(line) } }
  }

  private func text(_ report: PruneReport) -> [String] {
    var lines: [String] = []
    func add(_ packs: PruneReport.Packs, _ what: String) {
      if packs.count > 0 { lines.append("\(Human.count(packs.count, "pack")), \(Human.bytes(packs.bytes)): \(what)") }
    }
    add(report.unused, "no snapshot needs them")
    add(report.unreferenced, "left behind by backups that ended early")
    add(report.repacked, "\(Human.bytes(report.repackedLiveBytes)) of them needed, written anew")
    add(report.postponed, "partly needed; they stay, because the disk has no room to write them anew")
    add(report.pendingPacks, "of backups that are running or can be resumed; they stay")
    add(report.rescued, "needed again; they stay")
    if report.total.count > 0 {
      lines.append("needed: \(Human.bytes(report.liveBytes)); not needed and kept: \(Human.bytes(report.remainingUnusedBytes))")
    }
    for session in report.revoked {
      lines.append("gave up backup \(session.prefix(8)): its process is gone, or it was silent for too long")
    }
    lines += waiting(report)
    if report.isDryRun {
      lines.append("nothing was changed: this was a dry run")
    } else {
      lines.append(
        "deleted \(Human.count(report.deleted.count, "pack")), wrote \(Human.bytes(report.writtenBytes)); freed "
          + "\(Human.bytes(report.deleted.bytes - min(report.deleted.bytes, report.writtenBytes))) in \(Human.duration(report.seconds))")
    }
    return lines
  }

  private func waiting(_ report: PruneReport) -> [String] {
    guard !report.waitingFor.isEmpty else { return [] }
    var lines = report.waitingFor.map { session in
      session.isReadable
        ? "backup \(session.session.prefix(8)) of \(session.who), process \(session.processID), is running; last sign of life "
          + "\(Human.duration(Double(session.silentSeconds))) ago"
        : "sessions/\(session.session) cannot be read, so nobody can tell whether that backup is running: when no backup is, run "
          + "'cairn repair index', which gives it up"
    }
    lines.append(
      "\(Human.count(report.waiting.count, "pack")), \(Human.bytes(report.waiting.bytes)) will be deleted by the next 'cairn prune' after that"
    )
    return lines
  }

  private func json(_ report: PruneReport) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      line.member("dry_run", report.isDryRun)
      func packs(_ name: String, _ packs: PruneReport.Packs) {
        line.member(name + "_packs", packs.count)
        line.member(name + "_bytes", packs.bytes)
      }
      packs("total", report.total)
      packs("unused", report.unused)
      packs("unreferenced", report.unreferenced)
      packs("repacked", report.repacked)
      packs("postponed", report.postponed)
      packs("pending", report.pendingPacks)
      packs("rescued", report.rescued)
      packs("deleted", report.deleted)
      packs("waiting", report.waiting)
      line.member("live_bytes", report.liveBytes)
      line.member("remaining_unused_bytes", report.remainingUnusedBytes)
      line.member("written_bytes", report.writtenBytes)
      line.member("small_objects_deleted", report.smallObjectsDeleted)
      line.list("revoked") { line in for session in report.revoked { line.element(session) } }
      line.list("waiting_for") { line in
        for session in report.waitingFor {
          line.element { line in
            line.member("session", session.session)
            line.member("who", session.who)
            line.member("process_id", session.processID)
            line.member("silent_seconds", session.silentSeconds)
          }
        }
      }
      line.member("duration_seconds", report.seconds)
    }
  }
}
