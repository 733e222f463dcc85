import CairnTestSupport
import Foundation
import Glibc
import Testing

@testable import cairn

/// `cairn schedule install`, `list`, `next`, `run-now` and `remove`, with a stand-in for crontab; systemd does not run in tests.
@Suite(.timeLimit(.minutes(5))) struct ScheduleCommandTests {
  private let cairn: CairnProcess

  init() throws {
    var cairn = try CairnProcess.withRepository()
    for name in ["CAIRN_REPOSITORY", "CAIRN_KEY_FILE", "CAIRN_CACHE_DIR"] { cairn.environment[name] = nil }
    cairn.environment["CAIRN_CONFIG"] = cairn.path + "/cairn.toml"
    cairn.environment["PATH"] = cairn.path + "/bin:/usr/bin:/bin"
    self.cairn = cairn
    try FileManager.default.createDirectory(atPath: cairn.path + "/bin", withIntermediateDirectories: true)
    try program("crontab", "case $1 in -l) cat ~/tab 2>/dev/null || { echo no crontab for me >&2; exit 1; } ;; -) cat > ~/tab ;; esac")
    try cairn.makeSource()
  }

  private func program(_ name: String, _ script: String) throws {
    try cairn.write("bin/" + name, "#!/bin/sh\n\(script)\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: cairn.path + "/bin/" + name)
  }

  private func configure(_ lines: String, more: String = "") throws {
    try cairn.write(
      "cairn.toml",
      """
      [repository.main]
      path = "~/repository"
      key-file = "~/key"
      [profile.p]
      repository = "main"
      sources = ["~/source"]
      \(lines.isEmpty ? "" : "[profile.p.schedule]\n" + lines)
      \(more)
      """)
  }

  private var table: String? { (try? cairn.directory.read("tab")).map { String(decoding: $0, as: UTF8.self) } }

  @Test(arguments: [
    ["--memory", "64M"], ["--compression", "off"], ["--repo", "/x"], ["--no-cache"], ["--cache-dir", "/x"], ["--limit-upload", "5"],
    ["--key-file", "/x"], ["--insecure-no-password"],
  ])
  func optionsThatNoScheduledRunWouldHeedAreRefused(_ options: [String]) throws {
    try configure("every = \"daily\"")
    for command in [["install", "--dry-run"], ["run"], ["run-now"]] {
      let result = try cairn.run(bytes: (["schedule"] + command + ["-P", "p"] + options).map { Array($0.utf8) })
      #expect(result.status == 64 && result.errors.contains("\(options[0]) does not go with 'schedule'"), "\(result.errors)")
    }
    #expect(try cairn.run("schedule", "run", "p", "-P", "p").status == 64)
  }

  @Test func aScheduleIsInstalledListedAndRemoved() throws {
    try configure("every = \"daily\"\ntimes = [\"03:10\"]", more: "[profile.q]\ninherit = \"p\"\n")
    let dry = try cairn.run("schedule", "install", "-P", "p", "--crontab", "--dry-run")
    #expect(dry.status == 0 && table == nil)
    #expect(dry.text.contains("10 3 * * * ") && dry.text.contains("schedule run-now -P p --from-cron"))
    let result = try cairn.run("schedule", "install", "-P", "p", "--crontab")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.lines.first == "installed 'p' (crontab); it runs:")
    #expect(result.lines.last?.components(separatedBy: "03:10:00").count == 4, "the next three times")
    #expect(table?.contains("--config \(cairn.path)/cairn.toml") == true)
    let records = try cairn.run("schedule", "list", "--json").records
    #expect(records.map { $0["profile"] as? String } == ["p", "q"])
    #expect(records.map { $0["how"] as? String } == ["crontab", nil])
    #expect(records.map { $0["remark"] as? String } == ["", "not installed"])
    #expect((records.first?["next"] as? String)?.hasSuffix("T03:10:00Z") == true)
    try configure("every = \"daily\"\ntimes = [\"03:20\"]")
    #expect(try cairn.run("schedule", "list").text.contains("the profile has changed since: install it again"))
    #expect(try cairn.run("schedule", "install", "--all", "--crontab").status == 0)
    #expect(try cairn.run("schedule", "list", "--json").records.map { $0["remark"] as? String } == [""])
    try cairn.write("cairn.toml", "[repository.main]\npath = \"/r\"\n")
    #expect(try cairn.run("schedule", "list").text.contains("there is no such profile any more"))
    #expect(try cairn.run("schedule", "remove", "-P", "p").lines == ["removed 'p' (crontab)"])
    #expect(table == "")
    #expect(try cairn.run("schedule", "remove", "-P", "p").status == 1)
  }

  @Test func unitsAreWrittenWhereSystemdLooksForThem() throws {
    try program("systemctl", "echo \"$*\" >> ~/calls")
    try configure("every = \"weekly\"")
    let result = try cairn.run("schedule", "install", "-P", "p", "--user", "--systemd")
    #expect(result.status == 0, "\(result.errors)")
    let folder = cairn.path + "/.config/systemd/user"
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["cairn-p.service", "cairn-p.timer"])
    #expect(try String(contentsOfFile: folder + "/cairn-p.timer", encoding: .utf8).contains("OnCalendar=Mon *-*-* 02:00:00"))
    #expect(String(decoding: try cairn.directory.read("calls"), as: UTF8.self).contains("--user reenable cairn-p.timer"))
    #expect(try cairn.run("schedule", "list", "--json").records.map { $0["how"] as? String } == ["systemd (user)"])
    try program("systemctl", "exit 1")
    #expect(try cairn.run("schedule", "remove", "-P", "p").status == 1)
    try program("systemctl", "exit 0")
    #expect(try cairn.run("schedule", "remove", "-P", "p").status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test func nextTellsTimesInOrder() throws {
    try configure("times = [\"03:10\"]", more: "[profile.q]\ninherit = \"p\"\n[profile.q.schedule]\ntimes = [\"03:20\"]")
    let lines = try cairn.run("schedule", "next", "-n", "2").lines
    #expect(lines.count == 4 && lines == lines.sorted())
    #expect(lines.filter { $0.hasSuffix("03:10:00  p") }.count == 2)
    #expect(try cairn.run("schedule", "next", "-P", "q", "--json").records.map { $0["profile"] as? String } == ["q", "q", "q"])
  }

  @Test func whatCannotBeIsRefused() throws {
    try configure("every = \"daily\"", more: "[profile.bad]\ninherit = \"p\"\n[profile.bad.schedule]\ncron = [\"0 0 30 2 *\"]")
    let impossible = try cairn.run("schedule", "install", "-P", "bad", "--crontab")
    #expect(impossible.status == 64)
    #expect(impossible.errors.contains("cairn.toml:12: ") && impossible.errors.contains("names a day that never comes"))
    #expect(try cairn.run("schedule", "install", "-P", "none", "--crontab").status == 64)
    #expect(try cairn.run("schedule", "install", "--crontab").status == 64)
    #expect(try cairn.run("schedule", "install", "--all", "--crontab").status == 64, "one of them is wrong")
    #expect(try cairn.run("schedule", "install", "-P", "p", "--crontab", "--system").status == 64)
    try configure("")
    let never = try cairn.run("schedule", "install", "-P", "p", "--crontab")
    #expect(never.status == 64 && never.errors.contains("has no schedule"))
    #expect(table == nil)
    try configure("every = \"daily\"")
    try program("crontab", "echo you may not >&2; exit 1")
    let refused = try cairn.run("schedule", "install", "-P", "p", "--crontab")
    #expect(refused.status == 1 && refused.errors.contains("you may not"))
  }

  @Test func runNowRunsAndCronsLineOnlyWhenItIsDue() throws {
    try configure("every = \"daily\"\ntimes = [\"12:00\"]")
    let run = try cairn.run("schedule", "run-now", "-P", "p")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try cairn.run("snapshots", "--json", "-P", "p").array.count == 1)
    // Not on a day of this month, and at every minute.
    let date = Calendar(identifier: .gregorian).dateComponents(in: TimeZone(identifier: "UTC") ?? .current, from: Date())
    let month = ((date.month ?? 1) + 5) % 12 + 1
    try configure("cron = [\"* * 1 \(month) *\"]")
    #expect(try cairn.run("schedule", "run-now", "-P", "p", "--from-cron").status == 0)
    #expect(try cairn.run("schedule", "run-now", "-P", "p", "--missed").status == 0)
    #expect(try cairn.run("snapshots", "--json", "-P", "p").array.count == 1)
    try configure("cron = [\"* * * * *\"]")
    #expect(try cairn.run("schedule", "run-now", "-P", "p", "--from-cron").status == 0)
    #expect(try cairn.run("snapshots", "--json", "-P", "p").array.count == 2)
    // As if the machine had been off since then.
    try cairn.write(".local/state/cairn/profiles/p.schedule", "{\"schema\":1,\"covered\":1700000000}")
    #expect(try cairn.run("schedule", "run-now", "-P", "p", "--missed").status == 0)
    #expect(try cairn.run("snapshots", "--json", "-P", "p").array.count == 3)
  }

  private func snapshots() throws -> Int { try cairn.run("snapshots", "--json", "-P", "p").array.count }

  private func waitUntil(_ condition: @escaping () -> Bool) -> Bool {
    for _ in 0..<600 {
      if condition() { return true }
      usleep(50_000)
    }
    return false
  }

  /// Lets a line of cron begin, and ends it at once as soon as it has come to something.
  private func cutOff(_ lines: String, more: String = "", with signal: CInt, when condition: @escaping () -> Bool) throws {
    try configure("cron = [\"* * * * *\"]\n" + lines, more: more)
    for name in ["in", "out", "err"] { try cairn.write(name, "") }
    // The journal knows seconds: what ended before must not seem to have ended after it.
    usleep(1_100_000)
    let words = ["schedule", "run-now", "-P", "p", "--from-cron"].map { Array($0.utf8) }
    let child = try cairn.start(words, input: cairn.path + "/in", output: cairn.path + "/out", errors: cairn.path + "/err")
    #expect(waitUntil(condition))
    child.send(signal)
    _ = child.wait()
    // Not due any more.
    let date = Calendar(identifier: .gregorian).dateComponents(in: TimeZone(identifier: "UTC") ?? .current, from: Date())
    try configure("cron = [\"* * 1 \(((date.month ?? 1) + 5) % 12 + 1) *\"]")
  }

  @Test func aRunOfCronThatIsCutOffIsMadeUpForOnce() throws {
    let memory = ".local/state/cairn/profiles/p.schedule"
    try cutOff("random-delay = \"1000h\"", with: SIGKILL) { (try? cairn.directory.read(memory)) != nil }
    #expect(try snapshots() == 0)
    for _ in 0..<2 {
      #expect(try cairn.run("schedule", "run-now", "-P", "p", "--missed").status == 0)
      #expect(try snapshots() == 1)
    }
    for (number, signal) in [SIGKILL, SIGTERM].enumerated() {
      let hook = "[profile.p.hooks]\nbefore = [\"echo x > ~/begun-\(number); exec sleep 20\"]"
      try cutOff("", more: hook, with: signal) { (try? cairn.directory.read("begun-\(number)")) != nil }
      for _ in 0..<2 {
        #expect(try cairn.run("schedule", "run-now", "-P", "p", "--missed").status == 0)
        #expect(try snapshots() == number + 2)
      }
    }
  }
}
