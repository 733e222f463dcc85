import CairnAutomation
import CairnSystem
import CairnTestSupport
import Foundation
import Glibc
import Testing

@testable import cairn

/// `status`, `log`, the file of metrics, upkeep and limits.
@Suite(.timeLimit(.minutes(10))) struct StatusCommandTests {
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
      [profile.common]
      exclude = ["*.tmp"]
      [profile.p]
      repository = "main"
      sources = ["\(sources)"]
      host = "test"
      \(lines)
      """)
  }

  private func backUp(_ arguments: String...) throws -> CairnProcess.Result {
    try cairn.run(bytes: (["backup", "-P", "p"] + arguments).map { Array($0.utf8) })
  }

  private func status(_ arguments: String...) throws -> (status: Int32, profile: [String: Any], kinds: [String]) {
    let result = try cairn.run(bytes: (["status", "--json"] + arguments).map { Array($0.utf8) })
    let profiles = try #require(result.records.first?["profiles"] as? [[String: Any]], "\(result.errors)")
    let profile = try #require(profiles.first { $0["profile"] as? String == "p" })
    let findings = try #require(profile["findings"] as? [[String: Any]])
    return (result.status, profile, findings.compactMap { $0["kind"] as? String })
  }

  private let daily = "[profile.p.expect]\nevery = \"1d\"\n"

  // MARK: status

  @Test func aProfileIsWellOnceItWasBackedUp() throws {
    try configure(daily)
    let before = try status()
    #expect(before.status == 1 && before.kinds == ["never-run"])
    #expect(try backUp().status == 0)
    let after = try status()
    #expect(after.status == 0 && after.kinds.isEmpty)
    #expect(after.profile["source"] as? String == "repository" && after.profile["snapshots"] as? Int == 1)
    #expect(after.profile["last_success"] is String && (after.profile["repository_bytes"] as? Int ?? 0) > 0)
    let text = try cairn.run("status")
    #expect(text.lines.first == "p: well" && text.lines.last == "all is well with 1 profile", "\(text.text)")
    #expect(try cairn.run("status", "--quiet").output.isEmpty)
    let offline = try status("--offline")
    #expect(offline.status == 0 && offline.profile["source"] as? String == "journal")
  }

  @Test func anOldBackupIsOverdueAndASentenceSaysWhatToDo() throws {
    try configure(daily)
    #expect(try backUp("--time", "2020-01-01").status == 0)
    let found = try status()
    #expect(found.status == 1 && found.kinds == ["overdue"])
    let text = try cairn.run("status", "p")
    #expect(text.status == 1 && text.lines.first == "p: overdue")
    #expect(text.text.contains("Run 'cairn backup -P p'.") && text.errors.contains("1 profile needs attention: p."))
  }

  @Test func aFailedRunIsSaidUntilOneSucceeds() throws {
    try configure("[profile.p.hooks]\nbefore = \"test -e ~/disk\"")
    #expect(try backUp().status == 1)
    let failed = try status("--offline", "p")
    #expect(failed.status == 1 && failed.kinds == ["failed"])
    try cairn.write("disk", "")
    #expect(try backUp().status == 0)
    #expect(try status().status == 0)
  }

  @Test func aRepositoryThatCannotBeOpenedLeavesTheJournal() throws {
    try configure(daily)
    #expect(try backUp().status == 0)
    try FileManager.default.moveItem(atPath: cairn.path + "/repository", toPath: cairn.path + "/unplugged")
    let gone = try status()
    #expect(gone.status == 1 && gone.kinds == ["unreachable"] && gone.profile["source"] as? String == "journal")
    #expect(try status("--offline").status == 0)
    #expect((gone.profile["absence"] as? String)?.contains("no such directory") == true)
    try configure(daily, secret: "")
    let asking = try status()
    #expect((asking.profile["absence"] as? String)?.contains("Nothing is configured that opens it") == true)
  }

  @Test func aClockThatWasWrongIsNamed() throws {
    try configure(daily)
    #expect(try backUp("--time", "2099-01-01").status == 0)
    let found = try status()
    #expect(found.status == 1 && found.kinds == ["clock", "never-run"])
  }

  @Test func aRunThatWasKilledIsSaid() throws {
    try configure("[profile.p.hooks]\nbefore = \"touch ~/begun; while ! [ -e ~/go ]; do sleep 0.02; done\"")
    try cairn.write("in", "")
    let child = try cairn.start(
      ["backup", "-P", "p"].map { Array($0.utf8) }, input: cairn.path + "/in", output: cairn.path + "/out", errors: cairn.path + "/err")
    while !FileManager.default.fileExists(atPath: cairn.path + "/begun") { usleep(10_000) }
    #expect(try status().profile["running"] as? Bool == true)
    child.send(SIGKILL)
    _ = child.wait()
    try cairn.write("go", "")
    #expect(try status().kinds == ["died"])
  }

  @Test func whatIsWrongWithTheConfigurationIsAReasonToo() throws {
    try configure("kind = \"odd\"\n[profile.q]\nrepository = \"main\"\nsources = [\"~/source\"]")
    #expect(try status().kinds == ["configuration"])
    #expect(try cairn.run("status", "q").status == 0)
    #expect(try cairn.run("status", "r").status == 64)
    try configure("oops")
    #expect(try cairn.run("status").status == 64)
    try cairn.write("cairn.toml", "[profile.p]\n")
    #expect(try cairn.run("status").status == 64, "nothing backs up anything")
  }

  // MARK: log

  @Test func theLogShowsRunsNewestLast() throws {
    try configure("")
    #expect(try backUp().status == 0)
    #expect(try cairn.run("check", "-P", "p").status == 0)
    try configure("", sources: "~/gone")
    #expect(try backUp("--scheduled").status == 1)
    let log = try cairn.run("log")
    #expect(log.status == 0 && log.lines.last == "3 runs")
    let rows = log.lines.dropFirst(2)
    #expect(rows.map { row in ["backup  manual", "check", "backup   schedule"].filter(row.contains).count }.count >= 3)
    #expect(try cairn.run("log", "--json").records.map { $0["command"] as? String } == ["backup", "check", "backup"])
    #expect(try cairn.run("log", "--json", "-n", "1").records.map { $0["outcome"] as? String } == ["failure"])
    #expect(try cairn.run("log", "--json", "--failed").records.count == 1)
    #expect(try cairn.run("log", "--json", "-P", "other").records.isEmpty)
    #expect(try cairn.run("log", "--json", "-P", "p").records.count == 3)
    #expect(try cairn.run("log", "--json", "--since", "1h").records.count == 3)
    #expect(try cairn.run("log", "--json", "--since", "2099-01-01").records.isEmpty)
    #expect(try cairn.run("log", "--since", "yesterday").status == 64)
  }

  @Test func whateverIsInTheJournalDoesNotReachTheTerminal() throws {
    let line =
      #"{"asides":["\u001b]0;x\u0007"],"command":"backup","ended":5,"message":"a\u001b[31m\u009b\nb \\x1b","outcome":"failure","#
      + #""profile":"p\u202e","schema":1,"snapshot":{"id":"\u001b[2J","kind":"\u001b","files_new":0,"files_changed":0,"files_unmodified":0,"#
      + #""total_bytes":0,"added_bytes":0,"stored_bytes":0,"problems":0},"started":-9223372036854775808,"status":1}"#
    try FileManager.default.createDirectory(atPath: cairn.path + "/state", withIntermediateDirectories: true)
    try cairn.write("state/journal.jsonl", line + "\nrubbish \u{1b}[31m\n")
    for arguments in [["log"], ["log", "--json"]] {
      let result = try cairn.run(bytes: arguments.map { Array($0.utf8) })
      #expect(result.status == 0)
      #expect(!result.text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || (0x7f..<0xa0).contains($0.value) }, "\(result.text)")
      #expect(result.text.contains("failure"))
      #expect(result.errors.contains("1 line of the journal cannot be read"))
    }
    try configure("")
    #expect(try cairn.run("status", "--offline").status == 0)
  }

  // MARK: Metrics

  private func metrics(_ name: String) throws -> [String: Double] {
    var values: [String: Double] = [:]
    for line in String(decoding: try cairn.directory.read(name), as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      values[String(words[0])] = Double(words[1])
    }
    return values
  }

  @Test func metricsAreWrittenByTheRunAndByStatus() throws {
    try configure(daily + "[profile.p.upkeep]\nmetrics-file = \"~/run.prom\"\n[profile.p.hooks]\nbefore = \"test ! -e ~/broken\"")
    #expect(try backUp().status == 0)
    let good = try metrics("run.prom")
    #expect(good["cairn_last_run_status{profile=\"p\"}"] == 0 && good["cairn_overdue{profile=\"p\"}"] == 0)
    #expect(good["cairn_snapshot_bytes{profile=\"p\"}"] == 13 && (good["cairn_repository_bytes{profile=\"p\"}"] ?? 0) > 0)
    try cairn.write("broken", "")
    #expect(try backUp().status == 1)
    let bad = try metrics("run.prom")
    #expect(bad["cairn_last_run_status{profile=\"p\"}"] == 1 && bad["cairn_well{profile=\"p\"}"] == 0)
    #expect(bad["cairn_last_success_timestamp_seconds{profile=\"p\"}"] == good["cairn_last_success_timestamp_seconds{profile=\"p\"}"])
    #expect(try cairn.run("status", "--metrics", cairn.path + "/status.prom").status == 1)
    #expect(try metrics("status.prom")["cairn_up{profile=\"p\"}"] == 1)
    try configure("[profile.p.upkeep]\nmetrics-file = \"~/none/run.prom\"")
    let result = try backUp()
    #expect(result.status == 0 && result.errors.contains("warning: The metrics cannot be written"))
  }

  @Test func profilesThatShareAFileOfMetricsAreAllInIt() throws {
    try configure("[profile.p.upkeep]\nmetrics-file = \"~/all.prom\"\n[profile.q]\ninherit = \"p\"")
    #expect(try backUp().status == 0)
    #expect(try cairn.run("backup", "-P", "q").status == 0)
    let found = try metrics("all.prom")
    for name in ["p", "q"] { #expect(found["cairn_last_run_status{profile=\"\(name)\"}"] == 0, "\(name)") }
  }

  @Test func aSnapshotThatIsGoneIsNoticed() throws {
    try configure(daily)
    for _ in 0..<2 { #expect(try backUp().status == 0) }
    let snapshots = cairn.path + "/repository/snapshots"
    let newest = try #require(try cairn.run("snapshots", "-P", "p", "--json").array.last?["id"] as? String)
    for name in try FileManager.default.subpathsOfDirectory(atPath: snapshots) where name.contains(newest) {
      try FileManager.default.removeItem(atPath: snapshots + "/" + name)
    }
    let found = try status()
    #expect(found.status == 1 && found.kinds == ["snapshots"])
  }

  // MARK: Upkeep

  @Test func aCheckFollowsTheBackupWhenItIsDue() throws {
    try configure(
      "[profile.p.upkeep]\ncheck = \"yearly\"\nread-data-subset = \"1/2\"\nprove = \"yearly\"\n[profile.p.expect]\nchecked-every = \"1d\"")
    #expect(try backUp().status == 0)
    #expect(try backUp().status == 0)
    let records = try cairn.run("log", "--json").records
    #expect(records.map { $0["command"] as? String } == ["check", "prove", "backup", "backup"])
    #expect((records[0]["check"] as? [String: Any])?["subset"] as? String == "1/2")
    #expect((records[1]["proof"] as? [String: Any])?["files"] as? Int == 2)
    #expect(try status().status == 0)
  }

  @Test func damageIsToldApartFromTheBackup() throws {
    try configure("[profile.p.upkeep]\ncheck = \"always\"\nread-data-subset = \"100%\"")
    #expect(try backUp().status == 0)
    let folder = cairn.path + "/repository/packs"
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.contains("/") }
    for name in files {
      chmod(folder + "/" + name, 0o600)
      let handle = try #require(FileHandle(forUpdatingAtPath: folder + "/" + name))
      try handle.seek(toOffset: 80)
      try handle.write(contentsOf: [UInt8](repeating: 0xee, count: 40))
      try handle.close()
    }
    try cairn.write("source/new.txt", "new\n")
    let result = try backUp("--json", "--no-cache", "--force")
    #expect([33, 30].contains(result.status), "\(result.errors)")
    let again = try backUp("--json", "--force")
    #expect(again.status == 33, "\(again.errors)")
    #expect(again.summary["snapshot_id"] is String || again.records.contains { $0["snapshot_id"] is String })
    let found = try status()
    #expect(found.status == 1 && found.kinds == ["follow-up", "damaged"], "\(found.kinds)")
    #expect(try cairn.run("check", "-P", "p", "--read-data").status == 1)
  }

  // MARK: Limits

  /// Seconds that a backup of new bytes takes.
  private func seconds(_ bytes: Int, _ arguments: [[UInt8]] = []) throws -> Double {
    try cairn.directory.write("source/random", SystemRandom.bytes(bytes))
    let start = SystemClock.monotonicNanoseconds()
    let result = try cairn.run(bytes: ["backup", "-P", "p"].map { Array($0.utf8) } + arguments)
    #expect(result.status == 0, "\(result.errors)")
    return Double(SystemClock.monotonicNanoseconds() - start) / 1e9
  }

  @Test func aLimitSlowsTheRunDownAndAFlagLiftsIt() throws {
    try configure("[profile.p.limits]\nupload = \"100k\"")
    // The limit counts in KiB; a moment of silence is made up for.
    #expect(try seconds(500_000) > 4)
    // A machine that is busy is slow without a limit too, but not each time.
    let isLifted = try (0..<5).contains { _ in try seconds(500_000, ["--limit-upload", "0"].map { Array($0.utf8) }) < 4 }
    #expect(isLifted)
    #expect(try cairn.run("backup", "-P", "p", "--limit-upload", "x").status == 64)
  }

  @Test func hooksHaveThePriorityOfTheRun() throws {
    try configure("[profile.p.limits]\nnice = 19\nio-class = \"best-effort\"\nio-priority = 7\n[profile.p.hooks]\nbefore = \"nice\"")
    let result = try backUp()
    #expect(result.status == 0 && result.errors.contains("before: 19"), "\(result.errors)")
  }

  private static let canDropPrivileges = geteuid() != 0 || access("/usr/bin/setpriv", X_OK) == 0

  @Test(.enabled(if: canDropPrivileges, "root without setpriv may set any priority")) func aPriorityThatIsRefusedIsAWarning() throws {
    try configure("[profile.p.limits]\nnice = -20")
    let words = geteuid() == 0 ? "setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice " : ""
    try cairn.write("refused.sh", "exec \(words)'\(CairnProcess.binary)' backup -P p\n")
    let outcome = try BoundedCommand(
      .arguments(["sh", cairn.path + "/refused.sh"].map { Array($0.utf8) }),
      environment: cairn.environment.map { Array("\($0.key)=\($0.value)".utf8) }, timeLimit: 300
    ).run()
    let text = String(decoding: outcome.tail, as: UTF8.self)
    #expect(outcome.end == .exited(0), "\(text)")
    #expect(text.contains("The priority -20 cannot be set: ") && text.contains("The run goes on without."), "\(text)")
  }
}
