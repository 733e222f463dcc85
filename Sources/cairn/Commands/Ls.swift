import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn ls`
struct Ls: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Lists the files of a snapshot.",
    discussion: """
      Everything below the path is listed; with --no-recursive only what lies directly in it.

      EXAMPLES
        cairn ls latest
        cairn ls -l latest:/home/anna/letters
      """)

  @Argument(help: ArgumentHelp("Which snapshot, and where in it.", valueName: "snapshot[:path]"))
  var snapshot: SnapshotArgument

  @Argument(help: ArgumentHelp("Only these files and directories.", valueName: "path"))
  var paths: [PathArgument] = []

  @Flag(name: [.short, .long], help: "Show mode, owner, size and time; of the image of a disk its partitions.")
  var long = false

  @Flag(inversion: .prefixedNo, help: "List directories below too.")
  var recursive = true

  @OptionGroup(title: "Filters for 'latest'") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  func validate() throws {
    if snapshot.hasPath && !paths.isEmpty { throw ValidationError("Give paths either behind the colon or as arguments.") }
  }

  var phase: String { "ls" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let places = try paths.isEmpty ? [snapshot.path] : paths.map { try SnapshotSelector.components($0.bytes) }
    let view = try run.openView()
    run.stopsOnSignals()
    let chosen = try run.choose(snapshot, from: view, filters.filter(run))
    for place in places { _ = try view.node(at: place, in: chosen) }
    title(chosen, run.console)
    for place in places {
      try view.list(chosen, path: place, recursive: recursive, context: run.context) { entry in
        show(entry, run.console)
        try run.console.check()
      }
    }
    return run.status
  }

  private func title(_ snapshot: Snapshot, _ console: Console) {
    guard console.json else { return console.remark("\(SnapshotRecord.title(snapshot)):") }
    console.line(
      JSONLine.object { line in
        SnapshotRecord.write(snapshot, to: &line)
        line.member("message_type", "snapshot")
        line.member("struct_type", "snapshot")
      })
  }

  private func show(_ entry: ListedNode, _ console: Console) {
    guard console.json else {
      console.line(long ? NodeRecord.long(entry.node, path: entry.path) : Escaping.terminal(entry.path))
      if long, let image = ImageView(entry.node) { for line in image.lines { console.line("  " + line) } }
      return
    }
    console.line(
      JSONLine.object { line in
        NodeRecord.write(entry.node, path: entry.path, to: &line)
        line.member("message_type", "node")
        line.member("struct_type", "node")
      })
  }
}
