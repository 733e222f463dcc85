import ArgumentParser
import CairnFormat
import CairnKit
import CairnSystem

/// `cairn browse`
struct Browse: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Shows snapshots on the full screen of a terminal: folders, versions, previews, restoring.",
    discussion: """
      Arrows and Enter lead through series, snapshots and folders; v shows the versions of an entry, p what is in a file, r restores what \
      Space has marked: a plan is shown before anything is written. ? explains all keys.

      EXAMPLES
        cairn browse -P home
        cairn browse latest:/home/anna
      """)

  @Argument(help: ArgumentHelp("The snapshot to begin with, and where in it.", valueName: "snapshot[:path]"))
  var snapshot: SnapshotArgument?

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "browse" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    guard !global.json else {
      throw CairnError(.usage, "The browser is for people; it writes no JSON.", guidance: "Use 'cairn ls --json'.")
    }
    guard Terminal.isTerminal(0), run.console.outputIsTerminal else {
      throw CairnError(
        .usage, "The browser needs a terminal for its keys and its screen.", guidance: "Look with 'cairn ls' and 'cairn history' instead.")
    }
    let capabilities = try ScreenCapabilities(run.environment)
    let repository = try run.openRepository()
    let view = try repository.loadView()
    let filter = filters.filter(run)
    let start = try snapshot.map { try (run.choose($0, from: view, filter), $0.path) }
    // A snapshot that was named is shown among those of its series, whatever the filter says.
    let shown = view.snapshots.filter { filter.matches($0) || $0.manifest.series == start?.0.manifest.series }
    guard !shown.isEmpty else {
      throw CairnError(.notFound, "There is no snapshot to look at.", guidance: "List what there is with 'cairn snapshots'.")
    }
    var place: (snapshot: Snapshot, path: [[UInt8]], selecting: [UInt8]?)?
    if let (chosen, path) = start {
      let isFolder = try view.node(at: path, in: chosen).type == .directory
      place = (chosen, isFolder ? path : path.dropLast(), isFolder ? nil : path.last)
    }
    return try show(run, repository, view, shown, place, capabilities)
  }

  private func show(
    _ run: Invocation, _ repository: Repository, _ view: RepositoryView, _ snapshots: [Snapshot],
    _ start: (snapshot: Snapshot, path: [[UInt8]], selecting: [UInt8]?)?, _ capabilities: ScreenCapabilities
  ) throws -> ExitStatus {
    Host.raiseOpenFileLimit()
    run.console.flush()
    let terminal = try FullScreenTerminal(input: 0, output: 1)
    let mailbox = BrowserSession.Mailbox(terminal)
    BrowserSession.watchSignals(mailbox)
    run.console.divert { text in mailbox.post(.event(.said(Escaping.terminal(Array(text.utf8))))) }
    defer { run.console.divert(to: nil) }
    let problem = view.problems.first.map { first in
      "\(Human.count(UInt64(view.problems.count), "object")) cannot be read, see 'cairn check': \(Escaping.terminal(first.path))"
    }
    let browser = Browser(
      repository: Escaping.terminal(try run.repositoryPath()), snapshots: snapshots, all: view.snapshots,
      size: ScreenSize(columns: terminal.size.columns, rows: terminal.size.rows), start: start, problem: problem)
    let reading = BrowserReading(
      repository: repository, view: view, snapshots: snapshots, memoryBytes: run.context.memoryBytes, home: run.environment.system("HOME"))
    return try BrowserSession(browser, reading, terminal: terminal, mailbox: mailbox, capabilities: capabilities).run()
  }
}
