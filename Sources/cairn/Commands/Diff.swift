import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn diff`
struct Diff: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Shows what differs between two snapshots.",
    discussion: """
      + added   - removed   M content changed   U metadata changed (with --metadata)   T type changed
      ? content changed although size, times and inode did not: the source's disk may be failing

      EXAMPLES
        cairn diff latest~1 latest
        cairn diff 1a2b3c4d:/etc 5e6f7a8b:/etc
      """)

  @Argument(help: ArgumentHelp("The older one.", valueName: "snapshot[:path]"))
  var old: SnapshotArgument

  @Argument(help: ArgumentHelp("The newer one.", valueName: "snapshot[:path]"))
  var new: SnapshotArgument

  @Flag(help: "Also show where only metadata changed.")
  var metadata = false

  @OptionGroup(title: "Filters for 'latest'") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "diff" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let view = try run.openView()
    run.stopsOnSignals()
    let filter = filters.filter(run)
    let (a, b) = (try run.choose(old, from: view, filter), try run.choose(new, from: view, filter))
    var options = DiffOptions()
    options.metadata = metadata
    if !run.console.json { run.console.remark("comparing snapshot \(a.shortID) to \(b.shortID):\n") }
    let statistics = try view.diff((a, old.path), (b, new.path), options: options, context: run.context) { entry in
      show(entry, run.console)
      try run.console.check()
    }
    if run.console.json { run.console.line(json(statistics, a, b)) } else { for line in text(statistics) { run.console.remark(line) } }
    return run.status
  }

  private func show(_ entry: DiffEntry, _ console: Console) {
    let modifier = entry.modifier
    let path = entry.path + ((entry.new ?? entry.old)?.type == .directory ? [0x2f] : [])
    guard console.json else {
      return console.line(modifier + String(repeating: " ", count: 5 - modifier.utf8.count) + Escaping.terminal(path))
    }
    console.line(
      JSONLine.object { line in
        line.member("message_type", "change")
        line.member("path", bytes: path)
        line.member("modifier", modifier)
      })
  }

  private func text(_ s: DiffStatistics) -> [String] {
    func row(_ title: String, _ added: UInt64, _ removed: UInt64, _ tail: String = "") -> String {
      title + String(repeating: " ", count: max(1, 13 - title.utf8.count)) + "\(column(added)) new, \(column(removed)) removed\(tail)"
    }
    return [
      "", row("Files:", s.added.files, s.removed.files, ", \(column(s.changedFiles)) changed"),
      row("Dirs:", s.added.directories, s.removed.directories), row("Others:", s.added.others, s.removed.others),
      row("Data blobs:", s.added.dataBlobs, s.removed.dataBlobs), row("Tree blobs:", s.added.treeBlobs, s.removed.treeBlobs),
      "  Added:   \(Human.bytes(s.added.bytes))", "  Removed: \(Human.bytes(s.removed.bytes))",
    ]
  }

  private func column(_ n: UInt64) -> String {
    let digits = String(n)
    return String(repeating: " ", count: max(0, 7 - digits.utf8.count)) + digits
  }

  private func json(_ s: DiffStatistics, _ a: Snapshot, _ b: Snapshot) -> JSONLine {
    func side(_ side: DiffStatistics.Side) -> (inout JSONLine) -> Void {
      { line in
        line.member("files", side.files)
        line.member("dirs", side.directories)
        line.member("others", side.others)
        line.member("data_blobs", side.dataBlobs)
        line.member("tree_blobs", side.treeBlobs)
        line.member("bytes", side.bytes)
      }
    }
    return JSONLine.object { line in
      line.member("message_type", "statistics")
      line.member("source_snapshot", a.idHex)
      line.member("target_snapshot", b.idHex)
      line.member("changed_files", s.changedFiles)
      line.member("added", side(s.added))
      line.member("removed", side(s.removed))
    }
  }
}

extension DiffEntry {
  /// restic's letter for the change.
  var modifier: String {
    switch change {
    case .added: "+"
    case .removed: "-"
    case .modified: isSuspicious ? "M?" : "M"
    case .metadata: "U"
    case .typeChanged: "T"
    }
  }
}
