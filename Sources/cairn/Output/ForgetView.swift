import CairnFormat
import CairnKit

/// What `forget` keeps and removes, as tables or as restic's JSON.
struct ForgetView {
  let console: Console
  let table: SnapshotsView

  /// What `--undo` tells of.
  enum Undo { case list, plan, done }

  static func warning(_ snapshot: Snapshot) -> String {
    "warning: snapshot \(snapshot.shortID) is dated \(LocalTime.text(snapshot.manifest.time.seconds)), which has not come yet: "
      + "it is kept, and the policy does not count it."
  }

  // MARK: Text

  func print(_ plan: ForgetPlan) {
    guard !console.isQuiet else { return }
    for group in plan.groups {
      if !group.key.title.isEmpty { console.line("snapshots for (\(group.key.title)):\n") }
      let kept = group.retention.kept
      section("keep", kept.map(\.snapshot), reasons: kept.map(\.reasons))
      section("remove", group.retention.removed)
    }
    guard plan.groups.isEmpty else { return }
    section("remove", plan.removed)
    for id in plan.unreadable { console.line("remove \(id), which cannot be read\n") }
  }

  func finish(_ count: Int, isDryRun: Bool, canUndo: Bool) {
    let number = Human.count(UInt64(count), "snapshot")
    if isDryRun {
      console.remark("would forget \(number)")
    } else if count == 0 {
      console.remark("nothing to forget")
    } else if !canUndo {
      console.remark("forgot \(number)")
    } else {
      console.remark("forgot \(number); 'cairn forget --undo' takes that back until a prune has freed the space")
    }
  }

  private func section(_ verb: String, _ snapshots: [Snapshot], reasons: [[String]]? = nil) {
    guard !snapshots.isEmpty else { return }
    console.line("\(verb) \(Human.count(UInt64(snapshots.count), "snapshot")):")
    for line in table.lines(snapshots, reasons: reasons) { console.line(line) }
    console.line("")
  }

  func print(_ forgotten: ForgottenSnapshots, _ chosen: [Snapshot], _ mode: Undo) {
    if console.json { return table.print(chosen) }
    if !chosen.isEmpty && (mode == .list || !console.isQuiet) {
      for line in table.lines(chosen) { console.line(line) }
    }
    let number = Human.count(UInt64(chosen.count), "snapshot")
    switch mode {
    case .list:
      console.remark(number + " can be brought back: name them, or use --all")
      let lost = UInt64(forgotten.lostIDs.count)
      if lost > 0 { console.remark("\(Human.count(lost, "snapshot")) more cannot: a prune has freed space since") }
    case .plan: console.remark("would bring back \(number)")
    case .done: console.remark("brought back \(number)")
    }
  }

  // MARK: JSON

  /// restic's array of groups; snapshots that were named make one group with nothing kept.
  func printJSON(_ plan: ForgetPlan) {
    var line = JSONLine()
    line.array { line in
      for group in plan.groups { line.element { Self.write(group, to: &$0) } }
      guard plan.groups.isEmpty, plan.count > 0 else { return }
      line.element { line in
        line.member(null: "tags")
        line.member("host", "")
        line.member(null: "paths")
        line.member(null: "keep")
        Self.write("remove", plan.removed, to: &line)
        if !plan.unreadable.isEmpty { line.member("remove_unreadable", names: plan.unreadable.map { Array($0.utf8) }) }
        line.member(null: "reasons")
      }
    }
    console.line(line)
  }

  private static func write(_ group: ForgetPlan.Group, to line: inout JSONLine) {
    if let tags = group.key.tags { line.member("tags", names: tags) } else { line.member(null: "tags") }
    line.member("host", bytes: group.key.shown.host ?? [])
    if let paths = group.key.shown.paths { line.member("paths", names: paths) } else { line.member(null: "paths") }
    if let series = group.key.series { line.member("series", series) }
    let kept = group.retention.kept
    write("keep", kept.map(\.snapshot), to: &line)
    write("remove", group.retention.removed, to: &line)
    line.list("reasons") { line in
      for item in kept {
        line.element { line in
          line.member("snapshot") { SnapshotRecord.write(item.snapshot, to: &$0) }
          line.member("matches", names: item.reasons.map { Array($0.utf8) })
        }
      }
    }
  }

  /// An array, or null as restic writes no snapshots.
  private static func write(_ name: String, _ snapshots: [Snapshot], to line: inout JSONLine) {
    guard !snapshots.isEmpty else { return line.member(null: name) }
    line.list(name) { line in
      for snapshot in snapshots { line.element { SnapshotRecord.write(snapshot, to: &$0) } }
    }
  }
}
