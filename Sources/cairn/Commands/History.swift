import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn history`
struct History: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Shows which snapshots hold which version of a file.",
    discussion: """
      EXAMPLES
        cairn history /home/anna/thesis.odt
      """)

  @Argument(help: ArgumentHelp("The path as 'ls' shows it.", valueName: "path"))
  var file: PathArgument

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "history" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let path = try SnapshotSelector.components(file.bytes)
    let view = try run.openView()
    run.stopsOnSignals()
    let snapshots = view.snapshots.filter(filters.filter(run).matches)
    let history = try view.history(path, in: snapshots, context: run.context)
    for (snapshot, message) in history.unreadable {
      run.context.problem(file.bytes, during: "looking it up in snapshot \(snapshot.shortID)", message)
    }
    if history.versions.isEmpty && history.unreadable.isEmpty {
      throw CairnError(
        .notFound, "No snapshot holds \(Escaping.path(path)).",
        guidance: "Look for it with 'cairn find'; paths are as 'cairn ls' shows them.")
    }
    if run.console.json { run.console.line(json(history)) } else { table(history, run.console) }
    return run.status
  }

  private func table(_ history: FileHistory, _ console: Console) {
    var table = TextTable([
      ("Modified", .left), ("Type", .left), ("Size", .right), ("Snapshots", .right), ("First", .left), ("Last", .left),
    ])
    for version in history.versions {
      let node = version.node
      table.add([
        LocalTime.text(node.mtime.seconds), NodeRecord.typeName(node.type), Human.bytes(node.type == .file ? node.size : node.subtreeBytes),
        String(version.snapshots.count), title(version.snapshots.first), title(version.snapshots.last),
      ])
    }
    for line in table.lines() { console.line(line) }
    if !history.absent.isEmpty { console.line("not in \(Human.count(UInt64(history.absent.count), "snapshot"))") }
  }

  private func title(_ snapshot: Snapshot?) -> String {
    snapshot.map { "\($0.shortID) \(LocalTime.text($0.manifest.time.seconds))" } ?? ""
  }

  private func json(_ history: FileHistory) -> JSONLine {
    JSONLine.object { line in
      line.member("path", bytes: file.bytes)
      line.list("versions") { line in
        for version in history.versions {
          line.element { line in
            line.member("identity", version.identity.hexadecimal)
            line.list("snapshots") { line in for snapshot in version.snapshots { line.element(snapshot.idHex) } }
            line.member("node") { NodeRecord.write(version.node, path: file.bytes, to: &$0) }
          }
        }
      }
      line.list("absent") { line in for snapshot in history.absent { line.element(snapshot.idHex) } }
    }
  }
}
