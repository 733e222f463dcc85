import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct SetupCommandTests {
  private let cairn: CairnProcess

  /// An empty home but for `source`.
  init() throws {
    var cairn = CairnProcess()
    for name in ["CAIRN_REPOSITORY", "CAIRN_KEY_FILE", "CAIRN_CACHE_DIR"] { cairn.environment[name] = nil }
    self.cairn = cairn
    try cairn.makeSource()
  }

  private var file: String { cairn.path + "/.config/cairn/cairn.toml" }
  private func mode(_ path: String) throws -> UInt32 { try OpenFile.open(Array(path.utf8), .read).status().mode }
  private func content(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test func anEmptyHomeIsSetUpByOptionsAndBackedUp() throws {
    let made = try cairn.run("setup", "--yes", "--repo", "backup/repo", "source")
    #expect(made.status == 0, "\(made.errors)")
    #expect(made.text.contains("Keep a copy of \(cairn.path)/.config/cairn/key elsewhere"))
    #expect(made.text.contains("cairn backup -P home"))
    #expect(try mode(file) & 0o777 == 0o600)
    #expect(try mode(cairn.path + "/.config/cairn/key") & 0o777 == 0o600)
    let backup = try cairn.run("backup", "-P", "home")
    #expect(backup.status == 0, "\(backup.errors)")
    #expect(backup.text.contains("retention: 0 forgotten"))
    #expect(try cairn.run("snapshots", "-P", "home", "--json").array.count == 1)
    #expect(try cairn.run("config", "check").status == 0)
  }

  @Test(arguments: ["hourly", "daily", "weekly", "monthly", "never"], ["12h", "7d", "30d", "6m", "3y", "forever"])
  func everyAnswerMakesAConfigurationThatIsRight(every: String, keep: String) throws {
    let made = try cairn.run("setup", "--yes", "--repo", "r", "--every", every, "--keep", keep, "source")
    #expect(made.status == 0, "\(made.errors)")
    #expect(try cairn.run("config", "check").status == 0)
    #expect(try content(file).contains("every = \"\(every)\"") == (every != "never"))
    #expect(try content(file).contains("retention") == (keep != "forever"))
  }

  @Test func whatIsThereIsAddedToAndNeverReplaced() throws {
    #expect(try cairn.run("setup", "-y", "--repo", "r", "source").status == 0)
    let before = try content(file)
    let again = try cairn.run("setup", "-y", "--repo", "r", "source")
    #expect(again.status == 1 && again.errors.contains("There is a profile 'home' already"))
    let asked = try cairn.run("setup", "-P", "music", "--repo", "r", "source/sub")
    #expect(asked.status == 1 && asked.errors.contains("--yes"))
    #expect(try content(file) == before)
    let added = try cairn.run("setup", "-y", "-P", "music", "--repo", "r", "source/sub")
    #expect(added.status == 0, "\(added.errors)")
    let after = try content(file)
    #expect(after.hasPrefix(before) && after.contains("[profile.music]"))
    #expect(after.components(separatedBy: "[repository.").count == 2, "the repository is named once")
    // Another one is made, with the same key file.
    #expect(try cairn.run("setup", "-y", "-P", "third", "--repo", "r2", "source").status == 0)
    for profile in ["home", "music", "third"] { #expect(try cairn.run("backup", "-P", profile).status == 0) }
  }

  @Test func aRepositoryThatIsThereIsUsed() throws {
    try cairn.write("password", "secret\n")
    #expect(try cairn.run("init", "--repo", "r", "--password-file", "password").status == 0)
    let without = try cairn.run("setup", "-y", "--repo", "r", "source")
    #expect(without.status == 12 && without.errors.contains("--password-file"))
    #expect(!FileManager.default.fileExists(atPath: file))
    try cairn.write("wrong", "x\n")
    #expect(try cairn.run("setup", "-y", "--repo", "r", "--password-file", "wrong", "source").status == 12)
    #expect(!FileManager.default.fileExists(atPath: file))
    let used = try cairn.run("setup", "-y", "--repo", "r", "--password-file", "password", "source")
    #expect(used.status == 0 && !used.text.contains("created"))
    #expect(try cairn.run("backup", "-P", "home").status == 0)
  }

  @Test func whatIsMissingIsSaid() throws {
    let nothing = try cairn.run("setup", "--yes", "--repo", "r")
    #expect(nothing.status == 64 && nothing.errors.contains("Nothing to back up is named"))
    let nowhere = try cairn.run("setup", "--yes", "source")
    #expect(nowhere.status == 64 && nowhere.errors.contains("--repo"))
    let noSource = try cairn.run("setup", "--yes", "--repo", "r", "missing")
    #expect(noSource.status == 64 && noSource.errors.contains("There is no '\(cairn.path)/missing'"))
    #expect(try cairn.run("setup", "--yes", "--repo", "r", "--keep", "long", "source").status == 64)
    #expect(try cairn.run("setup", "--yes", "--repo", "r", "-P", "a/b", "source").status == 64)
    #expect(try cairn.run("setup", "--yes", "--repo", "r", "--insecure-no-password", "source").status == 64)
    #expect(!FileManager.default.fileExists(atPath: file) && !FileManager.default.fileExists(atPath: cairn.path + "/r"))
  }

  @Test func aWrongConfigurationIsNotAddedTo() throws {
    try FileManager.default.createDirectory(atPath: cairn.path + "/.config/cairn", withIntermediateDirectories: true)
    try cairn.write(".config/cairn/cairn.toml", "oops")
    let result = try cairn.run("setup", "-y", "--repo", "r", "source")
    #expect(result.status == 64 && result.errors.contains("cairn.toml:1:"))
    #expect(try content(file) == "oops")
  }

  @Test func aLinkToTheConfigurationStaysALink() throws {
    try FileManager.default.createDirectory(atPath: cairn.path + "/.config/cairn", withIntermediateDirectories: true)
    try cairn.write("dotfiles.toml", "# mine\n")
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: cairn.path + "/dotfiles.toml")
    #expect(try cairn.run("setup", "-y", "--repo", "r", "source").status == 0)
    #expect(try content(cairn.path + "/dotfiles.toml").contains("[profile.home]"))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: file) == cairn.path + "/dotfiles.toml")
  }

  @Test func theAnswerIsJSONWhereThatIsAskedFor() throws {
    let record = try #require(try cairn.run("setup", "--yes", "--json", "--repo", "r", "source").records.first)
    #expect(record["message_type"] as? String == "setup")
    #expect(record["created"] as? Bool == true)
  }

  // MARK: On a terminal

  /// Answers each question as it comes and returns what the terminal showed.
  private func answer(_ answers: [(String, String)], _ arguments: String...) throws -> (status: Int32, seen: String) {
    let terminal = try PseudoTerminal()
    let child = try cairn.start(
      (["setup"] + arguments).map { Array($0.utf8) }, input: terminal.name, output: terminal.name, errors: terminal.name)
    for (question, answer) in answers {
      guard terminal.wait(for: question) else { break }
      terminal.type(answer)
    }
    terminal.readToEnd()
    return (child.wait(), terminal.seen)
  }

  @Test func fiveQuestionsMakeAProfile() throws {
    let source = cairn.path + "/source"
    let prompt = "     Password for the new repository"
    let (status, seen) = try answer([
      ("1/5", "/none\n"), ("There is no '/none'", source + "\n"), ("Something else?", "~/source/sub\n"),
      ("Something else? [no]: ~/source/sub\r\n     Something else?", "\n"),
      ("2/5", "~/disk/repo\n"), ("3/5", "password\n"), ("repository: ", "zebra\n"), ("again: ", "zebru\n"),
      ("differ.\r\n\(prompt): ", "zebra\n"), ("differ.\r\n\(prompt): \r\n\(prompt) again: ", "zebra\n"),
      ("4/5", "sometimes\n"), ("Answer hourly", "weekly\n"), ("5/5", "6m\n"),
    ])
    #expect(status == 0, "\(seen)")
    #expect(!seen.contains("zebra"))
    let text = try content(file)
    #expect(text.contains("sources = [\"~/source\", \"~/source/sub\"]"), "\(text)")
    #expect(text.contains("password-file = \"~/.config/cairn/home.password\""))
    #expect(text.contains("every = \"weekly\"") && text.contains("keep-within-monthly = \"6m\""))
    #expect(try mode(cairn.path + "/.config/cairn/home.password") & 0o777 == 0o600)
    #expect(try cairn.run("backup", "-P", "home").status == 0)
  }

  @Test func whatOptionsAnswerIsNotAskedAndEnterIsTheDefault() throws {
    let (status, seen) = try answer([("3/5", "\n"), ("4/5", "\n"), ("5/5", "\n")], "--repo", "r", "source")
    #expect(status == 0, "\(seen)")
    #expect(!seen.contains("1/5") && !seen.contains("2/5"))
    #expect(try content(file).contains("every = \"daily\""))
  }

  @Test func theEndOfTheAnswersChangesNothing() throws {
    let (status, seen) = try answer([("4/5", "\u{4}")], "--repo", "r", "--key-file", "k", "source")
    #expect(status == 1)
    #expect(seen.contains("nothing was changed"))
    #expect(!FileManager.default.fileExists(atPath: cairn.path + "/k") && !FileManager.default.fileExists(atPath: cairn.path + "/r"))
  }

  @Test func addingIsAskedFor() throws {
    #expect(try cairn.run("setup", "-y", "--repo", "r", "source").status == 0)
    let before = try content(file)
    for (reply, status) in [("", 1), ("yes", 0)] as [(String, Int32)] {
      let result = try answer(
        [("Add the profile 'two'", reply + "\n")], "-P", "two", "--repo", "r", "--every", "daily", "--keep", "1y", "source")
      #expect(result.status == status, "\(result.seen)")
      #expect(try (content(file) == before) == (status != 0))
    }
    #expect(try content(file).hasPrefix(before))
  }
}
