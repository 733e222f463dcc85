import CairnAutomation
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

/// `backup -P`: hooks, the lock, the journal.
@Suite(.timeLimit(.minutes(10))) struct RunCommandTests {
  private let cairn: CairnProcess

  init() throws {
    var cairn = try CairnProcess.withRepository()
    for name in ["CAIRN_REPOSITORY", "CAIRN_KEY_FILE"] { cairn.environment[name] = nil }
    cairn.environment["CAIRN_CONFIG"] = cairn.path + "/cairn.toml"
    cairn.environment["CAIRN_STATE_DIR"] = cairn.path + "/state"
    self.cairn = cairn
    try cairn.makeSource()
  }

  private func configure(_ lines: String, sources: String = "~/source", secret: String = "key-file = \"~/key\"") throws {
    try cairn.write(
      "cairn.toml",
      """
      [repository.main]
      path = "~/repository"
      \(secret)
      [profile.p]
      repository = "main"
      sources = ["\(sources)"]
      host = "test"
      \(lines)
      """)
  }

  private func backUp(_ arguments: String..., setting: [String: String?] = [:]) throws -> CairnProcess.Result {
    try cairn.run(bytes: (["backup", "-P", "p"] + arguments).map { Array($0.utf8) }, setting: setting)
  }

  /// Oldest first.
  private func journal() throws -> [RunRecord] {
    var records: [RunRecord] = []
    try Journal(state: Array("\(cairn.path)/state".utf8)).forEachNewestFirst {
      records.append($0)
      return true
    }
    return records.reversed()
  }

  private func text(_ name: String) -> String { (try? cairn.directory.read(name)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  /// Hooks that write down what they know.
  private func recordingHooks(_ more: String = "") -> String {
    let keys = ["before", "after", "on-failure", "finally"]
    return "[profile.p.hooks]\n"
      + keys.map { "\($0) = [\"echo $CAIRN_HOOK $CAIRN_STATUS $CAIRN_EXIT_STATUS $CAIRN_SNAPSHOT_KIND $CAIRN_FILES_NEW >>~/log\"]" }
      .joined(separator: "\n") + more
  }

  // MARK: How runs end

  @Test func aRunThatSucceedsIsInTheJournal() throws {
    try configure(recordingHooks())
    let result = try backUp("--trigger", "catch-up")
    #expect(result.status == 0, "\(result.errors)")
    #expect(text("log") == "before\nafter success 0 full 2\nfinally success 0 full 2\n")
    let record = try #require(try journal().first)
    #expect(record.command == .backup && record.outcome == .success && record.status == 0 && record.trigger == .catchUp)
    #expect(record.profile == "p" && record.series == "p@test" && record.host == "test" && record.repository?.utf8.count == 32)
    #expect(record.snapshot?.kind == "full" && record.snapshot?.filesNew == 2 && record.snapshot?.id?.utf8.count == 32)
    #expect(record.snapshot?.totalBytes == 13 && record.message == nil && record.ended >= record.started)
    #expect(try backUp("--scheduled").status == 0)
    #expect(try journal().last?.trigger == .schedule)
    #expect(try backUp("--dry-run").status == 0)
    #expect(try journal().count == 2, "a dry run is no run")
    #expect(try backUp(cairn.path + "/source/sub").status == 0)
    #expect(try journal().count == 2, "nor is one of other sources")
  }

  @Test func anIncompleteRunNamesWhatIsMissing() throws {
    try configure(recordingHooks(), sources: "~/source\", \"~/missing")
    let result = try backUp()
    #expect(result.status == 3)
    #expect(text("log") == "before\non-failure incomplete 3 full 2\nfinally incomplete 3 full 2\n")
    let record = try #require(try journal().first)
    #expect(record.outcome == .incomplete && record.snapshot?.problems == 1)
    #expect(record.message?.contains("1 problem, the first: ") == true && record.message?.contains("missing") == true)
  }

  @Test(arguments: [
    ("password-command = \"exit 4\"", Int32(12)), ("key-file = \"~/none\"", 12), ("key-file = \"~/wrong\"", 12), ("", 12),
  ])
  func aRepositoryThatDoesNotOpenIsAFailureInTheJournal(secret: String, status: Int32) throws {
    #expect(try cairn.run("init", "-r", cairn.path + "/other", "--key-file", cairn.path + "/wrong", "--generate-key-file").status == 0)
    try configure(recordingHooks(), secret: secret)
    let result = try backUp()
    #expect(result.status == status, "\(result.errors)")
    #expect(text("log") == "before\non-failure failure \(status)\nfinally failure \(status)\n")
    let record = try #require(try journal().first)
    #expect(record.outcome == .failure && record.status == status && record.message?.isEmpty == false)
    #expect(result.errors.contains(record.message ?? "?"))
  }

  @Test func noSourceAndNoRepositoryAreFailures() throws {
    try configure("", sources: "~/nowhere")
    #expect(try backUp().status == 1)
    try FileManager.default.moveItem(atPath: cairn.path + "/repository", toPath: cairn.path + "/gone")
    #expect(try backUp("--json").status == 10)
    #expect(try journal().map(\.status) == [1, 10])
  }

  @Test func aMissingStateDirectoryIsSaidAndTheRunWorks() throws {
    try configure(recordingHooks())
    let result = try backUp(setting: ["CAIRN_STATE_DIR": nil, "HOME": nil, "CAIRN_CACHE_DIR": cairn.path + "/cache"])
    #expect(result.status == 64, "~ has no meaning")
    try cairn.write("file", "")
    let other = try backUp(setting: ["CAIRN_STATE_DIR": cairn.path + "/file"])
    #expect(other.status == 0)
    #expect(other.errors.contains("warning: What is to be known about runs cannot be kept"))
    let none = try backUp("--no-cache")
    #expect(none.status == 0)
    #expect(none.errors.contains("warning: There is no state directory"))
  }

  @Test func aScheduledRunThatCannotBeginIsInTheJournal() throws {
    try configure("kind = \"odd\"")
    #expect(try backUp().status == 64)
    #expect(try journal().isEmpty, "whoever typed that sees it")
    #expect(try backUp("--scheduled").status == 64)
    #expect(try cairn.run("backup", "-P", "gone", "--trigger", "volume").status == 64)
    try FileManager.default.removeItem(atPath: cairn.path + "/cairn.toml")
    #expect(try backUp("--scheduled").status == 64)
    #expect(try journal().map(\.profile) == ["p", "gone", "p"] && journal().allSatisfy { $0.status == 64 && $0.outcome == .failure })
    #expect(try journal().first?.message?.contains("cairn.toml:8") == true)
  }

  // MARK: Hooks

  @Test func aFailingBeforeStopsTheRun() throws {
    try configure(
      "[profile.p.hooks]\nbefore = [\"echo no disk here; exit 5\", \"touch ~/second\"]\non-failure = \"echo $CAIRN_MESSAGE >>~/log\"")
    let result = try backUp()
    #expect(result.status == 1)
    let sentence = "The hook 'before' (echo no disk here; exit 5) failed with exit status 5: no disk here"
    #expect(result.errors.contains("before: no disk here\n") && result.errors.contains("cairn: \(sentence)\n"))
    #expect(text("log") == sentence + "\n")
    #expect(!FileManager.default.fileExists(atPath: cairn.path + "/second"))
    #expect(try cairn.run("snapshots", "--json", "-P", "p").array.isEmpty)
    #expect(try journal().map(\.message) == [sentence])
  }

  @Test func aFailingHookAfterwardsIsTold() throws {
    try configure("[profile.p.hooks]\nafter = \"exit 1\"\nfinally = \"echo $CAIRN_STATUS >~/log\"")
    let result = try backUp("--json")
    #expect(result.status == 33)
    #expect(result.summary["snapshot_id"] is String)
    #expect(result.errorRecords.contains { ($0["message"] as? String)?.contains("The hook 'after' (exit 1) failed") == true })
    #expect(text("log") == "incomplete\n")
    let record = try #require(try journal().first)
    #expect(record.outcome == .incomplete && record.asides?.count == 1 && record.snapshot?.id != nil)
  }

  @Test func aHookThatHangsAndOneThatLeavesSomethingBehindDoNotHoldTheRun() throws {
    try configure(
      "[profile.p.hooks]\nbefore = \"sleep 100 & echo $! >~/pid; echo begun\"\nfinally = \"sleep 101\"\ntime-limit = \"1s\"")
    let result = try backUp()
    #expect(result.status == 33, "\(result.errors)")
    #expect(result.errors.contains("before: begun") && result.errors.contains("took longer than 1 s and was ended"))
    let process = try #require(Int32(text("pid").filter { $0 != "\n" }))
    #expect(kill(process, SIGKILL) == 0, "it goes on")
  }

  @Test func outputOfHooksNeverGetsIntoTheJSON() throws {
    try configure("[profile.p.hooks]\nbefore = \"echo {; echo } >&2\"")
    let result = try backUp("--json")
    #expect(result.status == 0)
    #expect(result.lines.count == result.records.count)
    let said = result.errorRecords.filter { $0["message_type"] as? String == "hook_output" }
    #expect(said.map { $0["line"] as? String } == ["{", "}"] && said.first?["hook"] as? String == "before")
    #expect(try backUp("--quiet").errors.isEmpty)
  }

  @Test func aHookMayUseTheProgramButNotRunItsOwnProfile() throws {
    try configure(
      """
      [profile.p.hooks]
      after = ["\(CairnProcess.binary) snapshots --json >~/list", "! \(CairnProcess.binary) backup -P p"]
      [profile.q]
      repository = "second"
      sources = ["~/source"]
      [repository.second]
      path = "~/second"
      key-file = "~/key2"
      """)
    let result = try backUp()
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("The profile 'p' is running already"))
    #expect(text("list").contains("p@test"))
    #expect(try journal().map(\.outcome) == [.skipped, .success])
  }

  @Test func hooksGoByTheSameConfiguration() throws {
    try configure("[profile.p.hooks]\nafter = \"\(CairnProcess.binary) config show >~/list\"")
    let result = try cairn.run("backup", "-P", "p", "--config", "cairn.toml", setting: ["CAIRN_CONFIG": nil])
    #expect(result.status == 0, "\(result.errors)")
    #expect(text("list").contains("cairn.toml:3"))
  }

  @Test func aHookThatRunsAnotherProfileUsesThatOnesRepository() throws {
    #expect(try cairn.run("init", "-r", cairn.path + "/second", "--key-file", cairn.path + "/key2", "--generate-key-file").status == 0)
    try configure(
      """
      [profile.p.hooks]
      after = ["\(CairnProcess.binary) backup -P q"]
      [profile.q]
      repository = "second"
      sources = ["~/source"]
      [repository.second]
      path = "~/second"
      key-file = "~/key2"
      """)
    let result = try backUp()
    #expect(result.status == 0, "\(result.errors)")
    #expect(try cairn.run("snapshots", "--json", "-P", "q").array.count == 1)
    #expect(try cairn.run("snapshots", "--json", "-P", "p").array.count == 1)
  }

  // MARK: Notices

  @Test func everyoneIsToldAndNobodyCanFailTheBackup() throws {
    let listener = HTTPListener()
    let hangs = HTTPListener(answer: nil)
    try cairn.write("sendmail", "#!/bin/sh\ncat >~/mail\n")
    chmod(cairn.path + "/sendmail", 0o755)
    func notify(_ webhook: String, _ limit: String) -> String {
      """
      [profile.p.hooks]
      before = "test ! -e ~/broken"
      [profile.p.notify]
      time-limit = "\(limit)"
      [profile.p.notify.webhook]
      url = "\(webhook)"
      on = ["start", "success", "failure"]
      [profile.p.notify.ping]
      start = "\(listener.url)/start"
      success = "\(listener.url)/success"
      fail = "\(listener.url)/fail"
      [profile.p.notify.mail]
      to = "root"
      sendmail = "~/sendmail"
      """
    }
    try configure(notify(listener.url + "/hook", "30s"))
    #expect(try backUp().status == 0)
    #expect(listener.requests.map { "\($0.method) \($0.path)" } == ["POST /hook", "GET /start", "POST /hook", "GET /success"])
    #expect(listener.requests[2].body.contains("\"event\":\"success\"") && listener.requests[2].body.contains("\"snapshot\":{"))
    #expect(!FileManager.default.fileExists(atPath: cairn.path + "/mail"))
    try cairn.write("broken", "")
    #expect(try backUp().status == 1)
    #expect(listener.requests.suffix(2).map(\.path) == ["/hook", "/fail"])
    #expect(listener.requests.suffix(2).first?.body.contains("\"event\":\"failure\"") == true)
    #expect(text("mail").contains("Subject: cairn: p on test: backup failed\n"))
    try FileManager.default.removeItem(atPath: cairn.path + "/broken")
    // One that hangs, and one without curl.
    try configure(notify(hangs.url, "1s"))
    let slow = try backUp()
    #expect(slow.status == 0 && slow.errors.contains("warning: The webhook could not be sent: there was no answer within 1 s."))
    let none = try backUp(setting: ["PATH": cairn.path])
    #expect(none.status == 0)
    #expect(none.errors.contains("The webhook could not be sent: run 'curl': No such file or directory."))
    #expect(try journal().map(\.outcome) == [.success, .failure, .success, .success])
    #expect(try journal()[2].asides?.count == 2)
  }

  @Test func whatIsMissingOnThisMachineIsANotice() throws {
    try configure(
      """
      [profile.p.hooks]
      before = ["/no/such/program --now", "/bin/sh -c true", "echo /no", "/no/$X"]
      [profile.p.notify.webhook]
      url = "http://localhost/"
      [profile.p.notify.mail]
      to = "root"
      sendmail = "/no/sendmail"
      [profile.p.upkeep]
      metrics-file = "/no/where/cairn.prom"
      """)
    let result = try cairn.run("config", "check", setting: ["PATH": cairn.path])
    #expect(result.status == 0)
    #expect(result.lines.filter { $0.contains(": notice: ") }.count == 4, "\(result.text)")
    for word in ["'curl'", "/no/sendmail", "'before' runs /no/such/program,", "/no/where"] {
      #expect(result.text.contains(word), "\(word)")
    }
  }

  // MARK: At once, and cut short

  /// Starts a run whose first hook waits for the file `go`.
  private func startWaitingRun(_ hooks: String = "") throws -> CairnProcess.Child {
    try configure("[profile.p.hooks]\nbefore = \"touch ~/begun; while ! [ -e ~/go ]; do sleep 0.02; done\"\n" + hooks)
    try cairn.write("in", "")
    let child = try cairn.start(
      ["backup", "-P", "p"].map { Array($0.utf8) }, input: cairn.path + "/in", output: cairn.path + "/out", errors: cairn.path + "/err")
    while !FileManager.default.fileExists(atPath: cairn.path + "/begun") { usleep(10_000) }
    return child
  }

  @Test func aSecondRunOfTheProfileIsSkipped() throws {
    let first = try startWaitingRun("on-failure = \"touch ~/failed\"")
    let second = try backUp()
    #expect(second.status == 1)
    #expect(second.errors.contains("The profile 'p' is running already since ") && second.errors.contains("(process \(first.process))"))
    try cairn.write("go", "")
    #expect(first.wait() == 0)
    #expect(try journal().map(\.outcome) == [.skipped, .success])
    #expect(!FileManager.default.fileExists(atPath: cairn.path + "/failed"))
    #expect(try backUp().status == 0)
  }

  @Test func anInterruptedRunPutsThingsInOrder() throws {
    let child = try startWaitingRun(
      "on-failure = \"sleep 0.2; echo failed $CAIRN_STATUS $CAIRN_EXIT_STATUS >>~/log\"\nfinally = \"echo finally >>~/log\"")
    child.send(SIGTERM)
    #expect(child.wait() == 130)
    #expect(text("log") == "failed interrupted 130\nfinally\n")
    #expect(try journal().map(\.outcome) == [.interrupted])
    #expect(text("err").contains("cairn: interrupted."))
  }

  @Test func aRunThatIsInterruptedWhileItBacksUpIsInTheJournal() throws {
    try configure(
      "[profile.slow]\nrepository = \"main\"\nstdin-from-command = [\"sh\", \"-c\", \"touch ~/begun; sleep 2\"]\n"
        + "[profile.slow.hooks]\nfinally = \"echo finally $CAIRN_STATUS >>~/log\"")
    try cairn.write("in", "")
    let child = try cairn.start(
      ["backup", "-P", "slow"].map { Array($0.utf8) }, input: cairn.path + "/in", output: cairn.path + "/out", errors: cairn.path + "/err")
    while !FileManager.default.fileExists(atPath: cairn.path + "/begun") { usleep(10_000) }
    child.send(SIGTERM)
    #expect(child.wait() == 130)
    #expect(text("log") == "finally interrupted\n")
    #expect(try journal().map(\.outcome) == [.interrupted])
  }

  @Test func aRunThatWasKilledIsToldByTheNext() throws {
    let child = try startWaitingRun()
    child.send(SIGKILL)
    #expect(child.wait() == 128 + SIGKILL)
    try cairn.write("go", "")
    let result = try backUp()
    #expect(result.status == 0)
    #expect(result.errors.contains("ended without a word"))
    #expect(try journal().map(\.outcome) == [.failure, .success])
  }
}
