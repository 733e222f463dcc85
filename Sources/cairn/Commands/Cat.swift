import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn cat`
struct Cat: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Writes a file of a snapshot to standard output, a directory as a tar archive.",
    discussion: """
      EXAMPLES
        cairn cat latest:/etc/fstab
        cairn cat latest:/home/anna | tar -x
      """,
    aliases: ["dump"])

  @Argument(help: ArgumentHelp("Which snapshot, and what in it.", valueName: "snapshot[:path]"))
  var snapshot: SnapshotArgument

  @Argument(help: ArgumentHelp("The path, if it does not stand behind a colon.", valueName: "path"))
  var path: PathArgument?

  @OptionGroup(title: "Filters for 'latest'") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "cat" }

  func validate() throws {
    if snapshot.hasPath && path != nil { throw ValidationError("Give the path either behind the colon or as an argument.") }
    if !snapshot.hasPath && path == nil {
      throw ValidationError("Say what to write: SNAPSHOT:PATH; 'SNAPSHOT:/' is all of it as a tar archive.")
    }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let place = try path.map { try SnapshotSelector.components($0.bytes) } ?? snapshot.path
    let view = try run.openView()
    run.stopsOnSignals()
    let chosen = try run.choose(snapshot, from: view, filters.filter(run))
    let node = try view.node(at: place, in: chosen)
    let write = { (bytes: UnsafeRawBufferPointer) throws in
      run.console.write(bytes)
      try run.console.check()
    }
    if node.type == .file {
      try view.writeFile(node, context: run.context, to: write)
    } else {
      guard !run.console.outputIsTerminal else {
        throw CairnError(.usage, "A tar archive is not for a terminal.", guidance: "Send it to a file or to 'tar -t'.")
      }
      _ = try view.writeTar(node, prefix: place, context: run.context, to: write)
    }
    return run.status
  }
}
