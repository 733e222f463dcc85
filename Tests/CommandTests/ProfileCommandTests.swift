import CairnProfiles
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

/// The program with a configuration and nothing in the environment that names a repository.
@Suite(.timeLimit(.minutes(5))) struct ProfileCommandTests {
  private let cairn: CairnProcess

  init() throws {
    var cairn = try CairnProcess.withRepository()
    for name in ["CAIRN_REPOSITORY", "CAIRN_KEY_FILE", "CAIRN_CACHE_DIR"] { cairn.environment[name] = nil }
    cairn.environment["CAIRN_HOST"] = nil
    self.cairn = cairn
    try cairn.makeSource()
    try FileManager.default.createDirectory(atPath: cairn.path + "/.config/cairn", withIntermediateDirectories: true)
    try configure("")
  }

  /// Writes a configuration with the repository and a profile `home` that backs up `source`; `lines` are added to the profile.
  private func configure(_ lines: String, sources: String? = nil) throws {
    try cairn.write(
      ".config/cairn/cairn.toml",
      """
      [repository.main]
      path = "~/repository"
      key-file = "~/key"
      [profile.home]
      repository = "main"
      sources = ["\(sources ?? "~/source")"]
      host = "test"
      \(lines)
      """)
  }

  private func snapshots(_ arguments: String...) throws -> [[String: Any]] {
    try cairn.run(bytes: (["snapshots", "--json", "-P", "home"] + arguments).map { Array($0.utf8) }).array
  }

  // MARK: Backup

  @Test func aProfileIsAllThatABackupNeeds() throws {
    try configure("tags = [\"a\", \"b\"]\ndescription = \"mine\"\nexclude = [\"*.txt\"]\niexclude = [\"NEVER\"]")
    try cairn.write("source/keep", "x")
    let result = try cairn.run("backup", "-P", "home")
    #expect(result.status == 0, "\(result.errors)")
    let snapshot = try #require(try snapshots().first)
    #expect(snapshot["tags"] as? [String] == ["a", "b"])
    #expect(snapshot["hostname"] as? String == "test")
    #expect(snapshot["paths"] as? [String] == [cairn.path + "/source"])
    #expect(snapshot["series_name"] as? String == "home@test")
    let files = try cairn.run("ls", "latest", "-P", "home").text
    #expect(files.contains("keep") && !files.contains("a.txt"))
  }

  @Test(.enabled(if: Host.userID == 0)) func theConfigurationOfAnotherUserIsNotTrusted() throws {
    #expect(chown(cairn.path + "/.config/cairn/cairn.toml", 65534, 65534) == 0)
    let result = try cairn.run("backup", "-P", "home")
    #expect(result.status == 64 && result.errors.contains("belongs to another user (65534)"))
  }

  @Test func aProfilesSeriesIsThatOfTheHostThatIsNamed() throws {
    try configure("")
    #expect(try cairn.run("backup", "-P", "home", "--host", "nas").status == 0)
    #expect(try snapshots("--host", "nas").map { $0["series_name"] as? String } == ["home@nas"])
    #expect(try snapshots().isEmpty)
    #expect(try cairn.run("backup", "-P", "home").status == 0)
    #expect(try snapshots().map { $0["series_name"] as? String } == ["home@test"])
    #expect(try snapshots("--host", "nas", "--host", "test").count == 2)
  }

  @Test func aProfilesRetentionIsNotForOtherSeries() throws {
    try configure("[profile.home.retention]\nkeep-last = 1")
    for _ in 0..<2 { #expect(try cairn.run("backup", "-P", "home", "--series", "other").status == 0) }
    let result = try cairn.run("forget", "-P", "home", "--series", "other")
    #expect(result.status == 64 && result.errors.contains("is for its own series; nothing was forgotten"))
    #expect(try snapshots("--series", "other").count == 2)
    #expect(try cairn.run("forget", "-P", "home", "--series", "other", "--keep-last", "1").status == 0)
    #expect(try snapshots("--series", "other").count == 1)
  }

  @Test func flagsBeatVariablesAndVariablesBeatTheFile() throws {
    try configure("tags = [\"file\"]\nexclude = [\"*.txt\"]")
    #expect(try cairn.run("backup", "-P", "home", "--tag", "flag", "--exclude", "b.txt", setting: ["CAIRN_HOST": "variable"]).status == 0)
    let all = try cairn.run("snapshots", "--json", "--key-file", cairn.path + "/key", "-r", cairn.path + "/repository")
    let snapshot = try #require(all.array.first)
    #expect(snapshot["tags"] as? [String] == ["flag"])
    #expect(snapshot["hostname"] as? String == "variable")
    let id = try #require(snapshot["id"] as? String)
    let files = try cairn.run("ls", id, "-P", "home").text
    #expect(files.contains("a.txt") && !files.contains("b.txt"))
    // The repository too, and that is said.
    let other = try cairn.run("snapshots", "-P", "home", setting: ["CAIRN_REPOSITORY": cairn.path + "/other"])
    #expect(other.status == 10)
    #expect(other.errors.contains("warning: CAIRN_REPOSITORY is set"))
    #expect(try cairn.run("snapshots", "-P", "home", "--key-file", "/none").status == 12)
  }

  @Test func aProfileMayBackUpWhatACommandPrints() throws {
    try configure("[profile.db]\nrepository = \"main\"\nstdin-from-command = [\"echo\", \"hello\"]\nstdin-filename = \"dump.sql\"")
    #expect(try cairn.run("backup", "-P", "db").status == 0)
    #expect(try cairn.run("cat", "latest:dump.sql", "-P", "db").text == "hello\n")
  }

  @Test func aProfileSeesItsOwnSeries() throws {
    try configure("[profile.other]\nrepository = \"main\"\nsources = [\"~/source/sub\"]\nhost = \"test\"")
    #expect(try cairn.run("backup", "-P", "home").status == 0)
    #expect(try cairn.run("backup", "-P", "other").status == 0)
    #expect(try snapshots().count == 1)
    #expect(try cairn.run("restore", "latest", "-P", "home", "-t", "out").status == 0)
    #expect(FileManager.default.fileExists(atPath: cairn.path + "/out\(cairn.path)/source/a.txt"))
    // Whatever digits the name of a profile may be made of, it is never taken for the start of a series' id.
    #expect(try snapshots("--series", "other@test").count == 1)
  }

  @Test func theProfileMayBeNamedByTheEnvironmentAndTheFileByAnOption() throws {
    #expect(try cairn.run("backup", setting: ["CAIRN_PROFILE": "home"]).status == 0)
    try FileManager.default.moveItem(atPath: cairn.path + "/.config/cairn/cairn.toml", toPath: cairn.path + "/elsewhere.toml")
    #expect(try cairn.run("snapshots", "-P", "home").status == 64)
    #expect(try cairn.run("snapshots", "-P", "home", "--config", cairn.path + "/elsewhere.toml").status == 0)
    #expect(try cairn.run("snapshots", "-P", "home", setting: ["CAIRN_CONFIG": cairn.path + "/elsewhere.toml"]).status == 0)
    #expect(try cairn.run("snapshots", "-P", "home", "--config", "/none.toml").status == 64)
  }

  @Test func everyCommandTakesAProfile() throws {
    for command in try CommandDescription.ofProgram().flattened where !["cairn completions", "cairn help"].contains(command.fullName) {
      guard command.subcommands?.contains(where: { $0.commandName != "help" }) != true else { continue }
      let names = (command.arguments ?? []).flatMap { $0.names ?? [] }.map(\.text)
      #expect(names.contains("--profile") && names.contains("-P"), "\(command.fullName)")
    }
  }

  // MARK: What is wrong

  @Test func anUnknownProfileIsNamedWithWhatThereIs() throws {
    let result = try cairn.run("snapshots", "-P", "hme")
    #expect(result.status == 64)
    #expect(result.errors.contains("There is no profile 'hme'") && result.errors.contains("Did you mean 'home'?"))
  }

  @Test func aMistakeInTheProfileStopsItAndOneElsewhereDoesNot() throws {
    try configure("[profile.bad]\nrepository = \"main\"\nsources = 5")
    #expect(try cairn.run("backup", "-P", "home").status == 0)
    let result = try cairn.run("backup", "-P", "bad")
    #expect(result.status == 64)
    #expect(result.errors.contains(".config/cairn/cairn.toml:10: 'sources' must be a text"))
    try configure("oops")
    #expect(try cairn.run("backup", "-P", "home").status == 64)
    #expect(try cairn.run("version", setting: ["CAIRN_PROFILE": "home"]).status == 0, "it needs no configuration")
  }

  @Test func aFileThatEverybodyMayWriteToIsNotTrusted() throws {
    chmod(cairn.path + "/.config/cairn/cairn.toml", 0o666)
    let result = try cairn.run("backup", "-P", "home")
    #expect(result.status == 64)
    #expect(result.errors.contains("chmod o-w"))
  }

  @Test func aProfileMayBackUpTheImageOfADisk() throws {
    try cairn.write("disk.img", String(repeating: "disk", count: 5000))
    try configure("[profile.disk]\nrepository = \"main\"\nimage = \"~/disk.img\"\nskip-bad-sectors = true")
    let result = try cairn.run("backup", "-P", "disk")
    #expect(result.status == 0, "\(result.errors)")
    #expect(try cairn.run("cat", "latest:\(cairn.path)/disk.img", "-P", "disk").output.count == 20_000)
  }

  @Test func anEmptyProfileSaysSo() throws {
    try configure("[profile.none]\nrepository = \"main\"")
    let none = try cairn.run("backup", "-P", "none")
    #expect(none.status == 64 && none.errors.contains("names nothing to back up"))
  }

  // MARK: config

  @Test func checkExplainsMistakesWithLines() throws {
    #expect(try cairn.run("config", "check").status == 0)
    try configure("exlude = [\"a\"]\n[profile.bare]\nsources = [\"/\"]")
    let result = try cairn.run("config", "check")
    #expect(result.status == 64)
    let file = cairn.path + "/.config/cairn/cairn.toml"
    #expect(result.lines.first == "\(file):8: 'exlude' is not known in [profile.home]; did you mean 'exclude'?")
    #expect(result.lines.contains("\(file):9: notice: the profile 'bare' names no repository; --repo or CAIRN_REPOSITORY has to"))
    let record = try #require(try cairn.run("config", "check", "--json").records.first)
    let mistakes = try #require(record["mistakes"] as? [[String: Any]])
    #expect(mistakes.first?["line"] as? Int == 8)
    #expect((record["notices"] as? [[String: Any]])?.count == 1)
  }

  @Test func withoutAFileCheckSaysWhereItLooked() throws {
    try FileManager.default.removeItem(atPath: cairn.path + "/.config/cairn/cairn.toml")
    let result = try cairn.run("config", "check")
    #expect(result.status == 64)
    #expect(result.errors.contains(".config/cairn/cairn.toml") && result.errors.contains("'cairn setup'"))
  }

  @Test func theExampleIsAcceptedByCheck() throws {
    let example = try cairn.run("config", "example")
    try cairn.write("example.toml", example.text)
    let result = try cairn.run("config", "check", "--config", cairn.path + "/example.toml")
    #expect(result.status == 0, "\(result.text)")
  }

  @Test func showTellsWhereEachValueComesFrom() throws {
    try configure("tags = [\"t\"]\n[profile.home.scheme]\nfull = \"monthly\"")
    let result = try cairn.run(
      "config", "show", "-P", "home", "--json", "--memory", "64M", setting: ["CAIRN_COMPRESSION": "off", "CAIRN_KEY_FILE": "/k"])
    #expect(result.status == 0)
    let rows = try #require(result.records.first?["settings"] as? [[String: Any]])
    func row(_ key: String) throws -> [String: Any] { try #require(rows.first { $0["key"] as? String == key }, "\(key)") }
    #expect(try row("tags")["value"] as? String == "[\"t\"]")
    #expect(try row("tags")["line"] as? Int == 8)
    #expect(try row("repository.path")["line"] as? Int == 2)
    #expect(try row("repository.path")["origin"] as? String == "file")
    #expect(try row("repository.memory")["name"] as? String == "--memory")
    #expect(try row("repository.compression")["name"] as? String == "CAIRN_COMPRESSION")
    #expect(try row("password")["name"] as? String == "CAIRN_KEY_FILE")
    #expect(try row("repository.key-file")["value"] is NSNull)
    #expect(try row("series")["value"] as? String == "\"home@test\"")
    #expect(try row("scheme.full")["line"] as? Int == 10)
    #expect(try row("scheme.incremental")["origin"] as? String == "default")
    let text = try cairn.run("config", "show", "-P", "home").text
    #expect(text.contains("cairn.toml:8"))
    #expect(try cairn.run("config", "show").text.contains("home"))
  }
}
