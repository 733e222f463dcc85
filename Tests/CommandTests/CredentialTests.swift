import CairnSystem
import CairnTestSupport
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct CredentialTests {
  /// Without a key file, so that passwords count.
  private static func withPassword(_ text: String = "secret") throws -> CairnProcess {
    var cairn = CairnProcess()
    cairn.environment["CAIRN_KEY_FILE"] = nil
    try cairn.write("password", text)
    cairn.environment["CAIRN_PASSWORD_FILE"] = cairn.path + "/password"
    let made = try cairn.run("init")
    guard made.status == 0 else { throw CairnProcess.Unexpected(made) }
    return cairn
  }

  @Test func oneNewlineOfAPasswordFileIsDropped() throws {
    let cairn = try Self.withPassword("secret\n")
    #expect(try cairn.run("snapshots", setting: ["CAIRN_PASSWORD_FILE": nil, "CAIRN_PASSWORD": "secret"]).status == 0)
    #expect(try cairn.run("snapshots", setting: ["CAIRN_PASSWORD_FILE": nil, "CAIRN_PASSWORD": "secret\n"]).status == 12)
  }

  @Test(arguments: ["wrong-zebra", "", "secret "])
  func aWrongPasswordHasStatus12AndIsNotRepeated(password: String) throws {
    let cairn = try Self.withPassword()
    try cairn.write("other", password)
    for verb in ["snapshots", "check"] {
      let result = try cairn.run(verb, "-p", cairn.path + "/other")
      #expect(result.status == 12)
      #expect(!result.errors.contains("zebra"))
      #expect(result.errors.contains("password"))
    }
    let record = try #require(try cairn.run("snapshots", "--json", "-p", cairn.path + "/other").errorRecords.first)
    #expect(record["message_type"] as? String == "exit_error")
    #expect(record["code"] as? Int == 12)
  }

  @Test func theLevelsOfSourcesTakePrecedence() throws {
    let cairn = try Self.withPassword()
    let wrong = ["CAIRN_PASSWORD_FILE": nil, "CAIRN_PASSWORD": "wrong"] as [String: String?]
    #expect(try cairn.run("snapshots", setting: wrong).status == 12)
    #expect(try cairn.run("snapshots", "--password-command", "printf secret", setting: wrong).status == 0)
    let fallback = [
      "CAIRN_PASSWORD_FILE": nil, "CAIRN_REPOSITORY": nil, "RESTIC_PASSWORD": "secret", "RESTIC_REPOSITORY": cairn.path + "/repository",
    ]
    #expect(try cairn.run("snapshots", setting: fallback).status == 0)
    #expect(try cairn.run("snapshots", setting: ["RESTIC_PASSWORD": "wrong"]).status == 0)
  }

  @Test func severalSourcesAtOneLevelAreRefused() throws {
    let cairn = CairnProcess()
    let byVariables = try cairn.run("init", setting: ["CAIRN_PASSWORD": "a"])
    #expect(byVariables.status == 64)
    #expect(byVariables.errors.contains("CAIRN_PASSWORD, CAIRN_KEY_FILE"))
    #expect(try cairn.run("init", "--password-command", "true", "--password-file", "x").status == 64)
    #expect(try cairn.run("init", "--repo", "x", "--repository-file", "y").status == 64)
  }

  @Test func withoutASourceAndATerminalTheProgramSaysSo() throws {
    let cairn = try Self.withPassword()
    let result = try cairn.run("snapshots", setting: ["CAIRN_PASSWORD_FILE": nil])
    #expect(result.status == 12)
    #expect(result.errors.contains("--password-file"))
  }

  @Test func aFailingPasswordCommandHasStatus12() throws {
    let cairn = try Self.withPassword()
    let result = try cairn.run("snapshots", "--password-command", "echo secret; exit 3")
    #expect(result.status == 12)
    #expect(result.errors.contains("exit status 3"))
  }

  @Test func anEmptyPasswordIsForThoseWhoSayIt() throws {
    let cairn = CairnProcess()
    try cairn.write("empty", "\n")
    let none = ["CAIRN_KEY_FILE": nil] as [String: String?]
    #expect(try cairn.run("init", "-p", cairn.path + "/empty", setting: none).status == 64)
    #expect(try cairn.run("init", "--insecure-no-password", setting: none).status == 0)
    #expect(try cairn.run("snapshots", "--insecure-no-password", setting: none).status == 0)
    #expect(try cairn.run("snapshots", "--password-command", "echo x", setting: none).status == 12)
  }

  @Test func aGeneratedKeyFileIsPrivateAndNeverOverwritten() throws {
    let cairn = try CairnProcess.withRepository()
    let key = try OpenFile.open(cairn.directory.path("key"), .read).status()
    #expect(key.mode == 0o600)
    let again = try cairn.run("init", "--repo", cairn.path + "/other", "--generate-key-file")
    #expect(again.status == 1)
    #expect(again.errors.contains("exists already"))
  }

  @Test func keysAreAddedListedRemovedAndReplaced() throws {
    let cairn = try Self.withPassword()
    #expect(try cairn.run("key", "add", "--new-password-command", "printf other", "--label", "second").status == 0)
    let keys = try cairn.run("key", "list", "--json").array
    #expect(keys.count == 2)
    #expect(keys.filter { $0["current"] as? Bool == true }.count == 1)
    for name in ["id", "userName", "hostName", "created"] { #expect(keys.allSatisfy { $0[name] is String }) }
    #expect(try cairn.run("snapshots", "--password-command", "printf other").status == 0)
    let mine = try #require(keys.first { $0["current"] as? Bool == true }?["id"] as? String)
    #expect(try cairn.run("key", "remove", mine, "--password-command", "printf other").status == 0)
    #expect(try cairn.run("snapshots").status == 12)
    #expect(
      try cairn.run("key", "passwd", "--new-password-file", cairn.path + "/password", "--password-command", "printf other").status == 0)
    #expect(try cairn.run("snapshots").status == 0)
    let last = try cairn.run("key", "list", "--json").array
    #expect(last.count == 1)
    #expect(try cairn.run("key", "remove", try #require(last.first?["id"] as? String)).status != 0)
  }

  @Test func theExportedKeyOpensTheRepository() throws {
    let cairn = try Self.withPassword()
    #expect(try cairn.run("key", "export", "master").status == 0)
    #expect(try cairn.run("snapshots", "--key-file", cairn.path + "/master").status == 0)
    #expect(try cairn.run("key", "export", "master").status == 1)
  }
}
