import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(2))) struct UsageTests {
  private let cairn = CairnProcess()

  @Test(arguments: [
    ["--nonsense"], ["nonsense"], ["snapshots", "--nonsense"], ["-o", "x=y", "snapshots"], ["backup"], ["restore", "latest"],
    ["restore", "latest", "--target", "a", "--in-place"], ["backup", "--stdin", "x"], ["backup", "--kind", "odd", "x"], ["cat", "latest"],
    ["snapshots", "--memory", "1k"], ["snapshots", "-q", "-v"], ["check", "--read-data-subset", "3/2"], ["ls", "latest:/a/../b"],
    ["tag", "latest"], ["backup", "--exclude-larger-than", "big", "x"], ["init", "--kdf-memory", "1M"],
    ["forget", "--wait", "--keep-last", "1"], ["forget", "--max-unused", "5%", "latest"],
  ])
  func aWrongCommandLineHasStatus64(arguments: [String]) throws {
    let result = try cairn.run(bytes: arguments.map { Array($0.utf8) })
    #expect(result.status == ExitStatus.usage.rawValue, "\(arguments): \(result.errors)")
    #expect(result.output.isEmpty)
    #expect(result.errors.hasPrefix("cairn: "))
  }

  @Test func aWrongCommandLineIsJSONWhereThatIsAskedFor() throws {
    let result = try cairn.run("snapshots", "--json", "--nonsense")
    #expect(result.errorRecords.first?["code"] as? Int == 64)
    #expect(result.errorRecords.first?["message_type"] as? String == "exit_error")
  }

  @Test func theHelpShowsEveryExitStatusAndVariable() throws {
    let help = try cairn.run("--help")
    #expect(help.status == 0)
    for status in ExitStatus.allCases { #expect(help.text.contains(" \(status.rawValue)  \(status.meaning)")) }
    for name in EnvironmentVariables.Name.allCases { #expect(help.text.contains("CAIRN_" + name.rawValue)) }
  }

  @Test func theVersionIsAnswered() throws {
    #expect(try cairn.run("version").text.hasPrefix("cairn "))
    #expect(try cairn.run("--version").text.hasPrefix("cairn "))
    let record = try #require(try cairn.run("version", "--json").records.first)
    #expect(record["message_type"] as? String == "version")
    #expect(record["version"] is String)
  }

  @Test(arguments: [("create", "backup"), ("dump", "cat"), ("extract", "restore"), ("verify", "check")])
  func theOtherToolsNamesWork(alias: String, verb: String) throws {
    #expect(try cairn.run(alias, "--help").text.contains("USAGE: cairn \(verb)"))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completionsNameTheCommands(shell: String) throws {
    let script = try cairn.run("completions", shell)
    #expect(script.status == 0)
    for name in ["backup", "restore", "one-file-system"] {
      let isThere = script.text.contains(name)
      #expect(isThere, "\(name)")
    }
  }

  @Test func everyCommandHasAManualPage() throws {
    let result = try cairn.run("manual", cairn.path)
    #expect(result.status == 0)
    for command in try CommandDescription.ofProgram().flattened {
      let page = String(decoding: try cairn.directory.read(ManualPage.fileName(command)), as: UTF8.self)
      #expect(page.hasPrefix(".TH "))
      #expect(page.contains(".SH SYNOPSIS"))
    }
  }

  /// Set CAIRN_UPDATE_HELP=1 to write the files anew; look at the difference before you keep it.
  @Test func theHelpIsAsRecorded() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Help")
    let isUpdate = ProcessInfo.processInfo.environment["CAIRN_UPDATE_HELP"] != nil
    if isUpdate { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    for command in try CommandDescription.ofProgram().flattened {
      let words = command.fullName.split(separator: " ").dropFirst().map { Array($0.utf8) }
      let help = try cairn.run(bytes: words + [Array("--help".utf8)], setting: ["COLUMNS": "100"]).text
      let file = folder.appendingPathComponent(ManualPage.fileName(command).replacingOccurrences(of: ".1", with: ".txt"))
      if isUpdate { try Data(help.utf8).write(to: file) }
      #expect(try String(contentsOf: file, encoding: .utf8) == help, "\(command.fullName)")
    }
  }
}
