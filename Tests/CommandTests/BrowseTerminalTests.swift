import CairnSystem
import CairnTestSupport
import Glibc
import Testing

@testable import cairn

/// The browser on a terminal, as a process of its own.
@Suite(.timeLimit(.minutes(5))) struct BrowseTerminalTests {
  private func prepared() throws -> CairnProcess {
    var cairn = try CairnProcess.withRepository()
    cairn.environment["TERM"] = "xterm"
    try cairn.makeSource()
    try cairn.write("source/\u{1b}]0;owned\u{7}", "1")
    _ = try cairn.backUp()
    try cairn.write("source/a.txt", "changed\n")
    _ = try cairn.backUp()
    return cairn
  }

  private func start(_ cairn: CairnProcess, _ terminal: PseudoTerminal, _ arguments: String...) throws -> CairnProcess.Child {
    terminal.resize(columns: 80, rows: 24)
    return try cairn.start(
      (["browse"] + arguments).map { Array($0.utf8) }, input: terminal.name, output: terminal.name, errors: terminal.name)
  }

  @Test func aWholeSession() throws {
    let cairn = try prepared()
    let terminal = try PseudoTerminal()
    let before = terminal.settings
    let child = try start(cairn, terminal)
    #expect(terminal.wait { $0.isAlternate && $0.contains("2 snapshots") })
    #expect(terminal.settings != before)
    terminal.type("\r")
    #expect(terminal.wait { $0.contains("source/") })
    terminal.type("\u{1b}[C")
    #expect(terminal.wait { $0.contains("a.txt") && $0.contains("sub/") && $0.contains("\\x1b]0;owned\\x07") })
    terminal.type("/a.t\r")
    #expect(terminal.wait { $0.lines[0].contains("2/3") })
    terminal.type("v")
    #expect(terminal.wait { $0.contains("2 versions") })
    terminal.type("jp")
    #expect(terminal.wait { $0.lines[1] == "first" })
    terminal.type("q")
    #expect(terminal.wait { $0.contains("2 versions") })
    terminal.type("\u{1b}[D")
    #expect(terminal.wait { $0.contains("a.txt") })
    // Both are marked, and searched for below.
    terminal.type("  ")
    #expect(terminal.wait { $0.contains("2 marked") })
    terminal.type("rf")
    #expect(terminal.wait { $0.contains("to folder:") && $0.showsCursor })
    terminal.type("\u{1b}[200~out\u{1b}[201~\r")
    #expect(terminal.wait { $0.contains("nothing is written yet") && $0.contains("written anew    2") })
    #expect(access(cairn.path + "/out", F_OK) != 0)
    terminal.type("y")
    #expect(terminal.wait { $0.contains("restored: 2 files") })
    terminal.resize(columns: 40, rows: 10)
    child.send(SIGWINCH)
    #expect(terminal.wait { $0.contains("restored: 2 files") && $0.lines.count == 10 })
    terminal.type("qq")
    #expect(terminal.wait { !$0.isAlternate })
    #expect(child.wait() == 0)
    #expect(terminal.screen.strange.isEmpty, "\(terminal.screen.strange)")
    #expect(terminal.settings == before)
    #expect(try cairn.directory.read("out/a.txt") == Array("changed\n".utf8))
    #expect(try cairn.directory.read("out/sub/b.txt") == Array("second\n".utf8))
  }

  @Test(arguments: [SIGTERM, SIGHUP, SIGINT]) func aSignalGivesTheTerminalBack(signal: CInt) throws {
    let cairn = try prepared()
    let terminal = try PseudoTerminal()
    let before = terminal.settings
    let child = try start(cairn, terminal, "latest:/source")
    #expect(terminal.wait { $0.contains("a.txt") })
    child.send(signal)
    #expect(terminal.wait { !$0.isAlternate && $0.showsCursor })
    #expect(child.wait() == ExitStatus.interrupted.rawValue)
    #expect(terminal.settings == before)
  }

  @Test func aFaultOfTheProgramGivesTheTerminalBack() throws {
    let cairn = try prepared()
    let terminal = try PseudoTerminal()
    let before = terminal.settings
    let child = try start(cairn, terminal)
    #expect(terminal.wait { $0.contains("2 snapshots") })
    child.send(SIGILL)
    #expect(terminal.wait { !$0.isAlternate })
    #expect(child.wait() == 128 + SIGILL)
    #expect(terminal.settings == before)
  }

  @Test func ctrlCEndsIt() throws {
    let cairn = try prepared()
    let terminal = try PseudoTerminal()
    let child = try start(cairn, terminal)
    #expect(terminal.wait { $0.contains("2 snapshots") })
    terminal.type("\u{3}")
    #expect(terminal.wait { !$0.isAlternate })
    #expect(child.wait() == ExitStatus.interrupted.rawValue)
  }

  @Test func withoutATerminalItSaysSo() throws {
    let cairn = try prepared()
    for (arguments, setting) in [(["browse"], nil), (["browse", "--json"], nil)] as [([String], String?)] {
      let result = try cairn.run(bytes: arguments.map { Array($0.utf8) }, setting: ["TERM": setting ?? "xterm"])
      #expect(result.status == ExitStatus.usage.rawValue && result.output.isEmpty && result.errors.contains("browser"))
    }
    let terminal = try PseudoTerminal()
    let child = try cairn.start(
      [Array("browse".utf8)], setting: ["TERM": "dumb"], input: terminal.name, output: terminal.name, errors: terminal.name)
    terminal.wait(for: "cannot show a full screen")
    #expect(child.wait() == ExitStatus.usage.rawValue)
  }
}
