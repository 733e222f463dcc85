import CairnSystem
import CairnTestSupport
import Glibc
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct TerminalTests {
  /// Runs the program on a terminal of its own.
  private func start(_ cairn: CairnProcess, _ terminal: PseudoTerminal, _ arguments: String...) throws -> CairnProcess.Child {
    try cairn.start(arguments.map { Array($0.utf8) }, input: terminal.name, output: terminal.name, errors: terminal.name)
  }

  @Test func aPasswordIsAskedForTwiceAndNotShown() throws {
    var cairn = CairnProcess()
    cairn.environment["CAIRN_KEY_FILE"] = nil
    let terminal = try PseudoTerminal()
    let child = try start(cairn, terminal, "init")
    #expect(terminal.wait(for: "new repository: "))
    terminal.type("zebra\n")
    #expect(terminal.wait(for: "again: "))
    terminal.type("zebra\n")
    terminal.readToEnd()
    #expect(child.wait() == 0)
    #expect(!terminal.seen.contains("zebra"))
    #expect(try cairn.run("snapshots", setting: ["CAIRN_PASSWORD": "zebra"]).status == 0)
  }

  @Test func ctrlCAtThePromptEndsTheProgram() throws {
    var cairn = try CairnProcess.withRepository()
    cairn.environment["CAIRN_KEY_FILE"] = nil
    let terminal = try PseudoTerminal()
    let child = try start(cairn, terminal, "snapshots")
    #expect(terminal.wait(for: "repository at "))
    terminal.type("\u{3}")
    terminal.readToEnd()
    #expect(child.wait() == ExitStatus.interrupted.rawValue)
  }

  @Test(arguments: [("yes", Int32(0)), ("no", 64)]) func overwritingADiskIsAskedFor(_ answer: String, _ status: Int32) throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.directory.write("disk", [UInt8](repeating: 1, count: 100_000))
    #expect(try cairn.run("backup", "--image", "disk").status == 0)
    try cairn.directory.write("other", [2])
    let terminal = try PseudoTerminal()
    let child = try start(cairn, terminal, "restore", "latest", "--image", "other")
    #expect(terminal.wait(for: "This overwrites the file 'other' (1 bytes). Type yes to go on: "))
    terminal.type("\(answer)\n")
    terminal.readToEnd()
    #expect(child.wait() == status)
    #expect(try cairn.directory.read("other").count == (status == 0 ? 100_000 : 1))
  }

  @Test func namesNeverReachTheTerminalRaw() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    try cairn.write("source/\u{1b}]0;owned\u{7}", "1")
    try cairn.write("source/real\rFAKED", "1")
    for arguments in [["backup", "-vv", "source"], ["ls", "-l", "latest"], ["find", "*"], ["restore", "latest", "-t", "out", "-vv"]] {
      let terminal = try PseudoTerminal()
      let child = try cairn.start(
        arguments.map { Array($0.utf8) }, input: terminal.name, output: terminal.name, errors: terminal.name)
      terminal.readToEnd()
      #expect(child.wait() == 0)
      #expect(!terminal.seen.contains("\u{1b}]0;"))
      #expect(!terminal.seen.contains("\rFAKED"))
      #expect(terminal.seen.contains("\\x1b]0;owned\\x07"), "\(arguments)")
    }
  }

  @Test func anInterruptedBackupLeavesTheRepositoryConsistent() throws {
    let cairn = try CairnProcess.withRepository()
    let terminal = try PseudoTerminal()
    // More than is read before the interruption can have come.
    let child = try start(
      cairn, terminal, "backup", "-q", "--stdin-from-command", "--", "sh", "-c", "echo started >&2; exec head -c 2G /dev/zero")
    #expect(terminal.wait(for: "started"))
    child.send(SIGINT)
    terminal.readToEnd()
    #expect(child.wait() == ExitStatus.interrupted.rawValue)
    let says = terminal.seen.contains("run the same command again")
    #expect(says)
    #expect(try cairn.run("snapshots", "--json").array.isEmpty)
    #expect(try cairn.run("check").status == 0)
  }

  @Test func anArchiveIsNotSentToATerminal() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    _ = try cairn.backUp()
    let terminal = try PseudoTerminal()
    let child = try start(cairn, terminal, "cat", "latest:/source")
    terminal.readToEnd()
    #expect(child.wait() == ExitStatus.usage.rawValue)
  }
}

@Suite(.timeLimit(.minutes(5))) struct StreamTests {
  @Test func aFullDiskUnderStandardOutputIsAnError() throws {
    let cairn = try CairnProcess.withRepository()
    let files = TemporaryDirectory()
    let child = try cairn.start([Array("snapshots".utf8)], input: "/dev/null", output: "/dev/full", errors: files.string + "/err")
    #expect(child.wait() == ExitStatus.noSpace.rawValue)
    #expect(String(decoding: try files.read("err"), as: UTF8.self).contains("standard output"))
  }
}
