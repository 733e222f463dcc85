import CairnAutomation
import CairnKit
import CairnProfiles
import CairnTestSupport
import Foundation
import Glibc
import Testing

@testable import cairn

/// The agent with real repositories: through days that are made up, and as a process of its own.
@Suite(.timeLimit(.minutes(10))) struct AgentCommandTests {
  private let cairn: CairnProcess

  init() throws {
    var cairn = try CairnProcess.withRepository()
    for name in ["CAIRN_REPOSITORY", "CAIRN_KEY_FILE"] { cairn.environment[name] = nil }
    cairn.environment["CAIRN_CONFIG"] = cairn.path + "/cairn.toml"
    self.cairn = cairn
    try cairn.makeSource()
  }

  private func configure(_ lines: String) throws {
    try cairn.write(
      "cairn.toml",
      """
      [repository.main]
      path = "~/repository"
      key-file = "~/key"
      [profile.p]
      repository = "main"
      sources = ["~/source"]
      \(lines)
      """)
  }

  private func listed() throws -> [[String: Any]] { try cairn.run("snapshots", "--json", "-P", "p").array }

  // MARK: Sixty days

  private struct Machine: Agent.World {
    var isOnMains: Bool { true }
    func isBusy(_: String) -> Bool { false }
  }

  /// A snapshot as it has to be.
  private struct Expected: Equatable {
    let time: Int64
    let kind: String
    let base: Int64?
  }

  /// Reckons kinds, bases and retention by itself, in words as plain as those of the configuration.
  private struct Reckoning {
    private(set) var all: [Expected] = []
    private(set) var kept: [Expected] = []
    private var calendar = Calendar(identifier: .iso8601)

    init() { calendar.timeZone = TimeZone(identifier: "UTC") ?? .current }

    private func part(_ time: Int64, _ components: Set<Calendar.Component>) -> DateComponents {
      calendar.dateComponents(components, from: Date(timeIntervalSince1970: TimeInterval(time)))
    }
    private func month(_ time: Int64) -> DateComponents { part(time, [.year, .month]) }
    private func week(_ time: Int64) -> DateComponents { part(time, [.yearForWeekOfYear, .weekOfYear]) }
    private func day(_ time: Int64) -> DateComponents { part(time, [.year, .month, .day]) }

    mutating func run(_ time: Int64) {
      let hasFull = all.contains { $0.kind == "full" && month($0.time) == month(time) }
      let hasStrong = all.contains { $0.kind != "incremental" && week($0.time) == week(time) }
      let kind = !hasFull ? "full" : !hasStrong ? "differential" : "incremental"
      let base = kind == "full" ? nil : kind == "differential" ? kept.last { $0.kind == "full" }?.time : kept.last?.time
      let made = Expected(time: time, kind: kind, base: base)
      all.append(made)
      kept = retained(kept + [made])
    }

    /// keep-daily = 5, keep-weekly = 3, keep-monthly = 2; and the newest full and differential ones.
    private func retained(_ snapshots: [Expected]) -> [Expected] {
      var keep: Set<Int64> = []
      for (count, name) in [(5, day), (3, week), (2, month)] {
        var names: [DateComponents] = []
        for snapshot in snapshots.reversed() where names.count < count && !names.contains(name(snapshot.time)) {
          names.append(name(snapshot.time))
          keep.insert(snapshot.time)
        }
        // As long as there are fewer, the oldest stays.
        if names.count < count, let oldest = snapshots.first { keep.insert(oldest.time) }
      }
      for kind in ["full", "differential"] { if let newest = snapshots.last(where: { $0.kind == kind }) { keep.insert(newest.time) } }
      return snapshots.filter { keep.contains($0.time) }
    }
  }

  private func snapshots() throws -> [Expected] {
    let formatter = ISO8601DateFormatter()
    let all = try listed()
    var times: [String: Int64] = [:]
    for item in all {
      if let id = item["id"] as? String, let text = item["time"] as? String, let date = formatter.date(from: text) {
        times[id] = Int64(date.timeIntervalSince1970)
      }
    }
    return all.map { item in
      let base = (item["base"] as? String).flatMap { known[$0] ?? times[$0] }
      return Expected(time: times[item["id"] as? String ?? ""] ?? 0, kind: item["kind"] as? String ?? "", base: base)
    }
  }

  /// The time of every snapshot that was ever made, by id: bases are forgotten too.
  private final class Ledger { var times: [String: Int64] = [:] }
  private let ledger = Ledger()
  private var known: [String: Int64] { ledger.times }

  @Test func sixtyDaysOfMonthlyWeeklyDaily() throws {
    try configure(
      """
      [profile.p.scheme]
      full = "monthly"
      differential = "weekly"
      incremental = "daily"
      [profile.p.retention]
      keep-daily = 5
      keep-weekly = 3
      keep-monthly = 2
      [profile.p.schedule]
      every = "daily"
      times = ["02:00"]
      """)
    let text = try cairn.directory.read("cairn.toml")
    let configuration = Configuration([.init(path: Array("/c".utf8), text: text)], home: Array(cairn.path.utf8))
    let schedule = try #require(configuration.profile("p")?.schedule)
    let state = StateFiles(state: Array((cairn.path + "/agent").utf8))
    let utc = LocalCalendar { _ in 0 }
    // 2026-03-01 is a Sunday.
    let start = CalendarDay(year: 2026, month: 3, day: 1).number * 86_400
    var now = start
    func makeAgent() -> Agent {
      Agent(
        [Agent.Job(name: "p", schedule: schedule)], events: [.calendar], calendar: utc, machine: "m", boot: "b",
        memories: ["p": AgentMemory("p", state)], now: Agent.Now(wall: now, steady: now))
    }
    var agent = makeAgent()
    try #require(agent.memory(of: "p")).save("p", state)
    // Off from 8 to 18 March, 12:00, and from 30 March, 01:00, to 3 April, 23:00; and the agent alone begins anew on 10 and 20 April.
    func moment(_ day: Int64, _ hour: Int64, _ minute: Int64 = 0) -> Int64 { start + day * 86_400 + hour * 3600 + minute * 60 }
    let off: [(from: Int64, to: Int64)] = [
      (moment(7, 0), moment(17, 12)), (moment(29, 1), moment(33, 23)), (moment(40, 0), moment(40, 0)), (moment(50, 0), moment(50, 0, 1)),
    ]
    var reckoning = Reckoning()
    var triggers: [String] = []
    while now < start + 60 * 86_400 {
      for action in agent.step(Agent.Now(wall: now, steady: now), Machine()) {
        switch action {
        case .tell: break
        case .remember: try #require(agent.memory(of: "p")).save("p", state)
        case .start(let profile, let trigger):
          try cairn.write("source/a.txt", "day \(now)\n")
          let date = Date(timeIntervalSince1970: TimeInterval(now))
          let time = ISO8601DateFormatter().string(from: date)
          let result = try cairn.run("backup", "--json", "-P", profile, "--trigger", trigger.rawValue, "--time", time)
          #expect(result.status == 0, "\(result.errors)")
          ledger.times[try #require(result.summary["snapshot_id"] as? String)] = now
          triggers.append(trigger.rawValue)
          reckoning.run(now)
          #expect(result.summary["kind"] as? String == reckoning.all.last?.kind)
          #expect(try snapshots() == reckoning.kept, "\(date)")
          now += 60
          for action in agent.noteEnd(profile, status: result.status, at: Agent.Now(wall: now, steady: now)) {
            if case .remember = action { try #require(agent.memory(of: "p")).save("p", state) }
          }
        }
      }
      let next = try #require(agent.nextLook(Agent.Now(wall: now, steady: now)).wall)
      if let gap = off.first(where: { now < $0.from && $0.from <= next }) {
        now = gap.to
        agent = makeAgent()
      } else {
        now = max(next, now + 1)
      }
    }
    #expect(triggers.filter { $0 == "catch-up" }.count == 2, "once for each time that it was off")
    // 1 to 7, 18, 19 to 29 March; 3, 4 to 29 April.
    #expect(triggers.count == 46)
    let kinds = reckoning.all.map { $0.kind.prefix(1) }.joined()
    #expect(kinds.hasPrefix("fdiiiii" + "diiii" + "diiiiii" + "fii" + "diiiiii"), "\(kinds)")
    #expect(try cairn.run("check", "-P", "p").status == 0)
    #expect(try cairn.run("cat", "latest:\(cairn.path)/source/a.txt", "-P", "p").text.hasPrefix("day "))
  }

  // MARK: The process

  /// A running agent, and what it has said so far.
  private struct Running {
    let child: CairnProcess.Child
    let directory: TemporaryDirectory

    var events: [[String: Any]] {
      let text = (try? directory.read("out")).map { String(decoding: $0, as: UTF8.self) } ?? ""
      return text.split(separator: "\n").compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    func count(_ event: String, _ trigger: String? = nil) -> Int {
      events.filter { $0["event"] as? String == event && (trigger == nil || $0["trigger"] as? String == trigger) }.count
    }

    /// Waits until something was said so many times; for half a minute at most.
    func waits(for event: String, _ count: Int = 1) -> Bool {
      for _ in 0..<600 {
        if self.count(event) >= count { return true }
        usleep(50_000)
      }
      return false
    }

    func stop(_ signal: CInt = SIGTERM) -> Int32 {
      child.send(signal)
      return child.wait()
    }
  }

  private func agent(_ arguments: String...) throws -> Running {
    let files = TemporaryDirectory()
    try files.write("in", [])
    let words = (["schedule", "run", "--json"] + arguments).map { Array($0.utf8) }
    let child = try cairn.start(words, input: files.string + "/in", output: files.string + "/out", errors: files.string + "/err")
    return Running(child: child, directory: files)
  }

  /// What must not happen gets this long to happen: more than all the waits of these profiles.
  private func letTimePass() { usleep(4_000_000) }

  @Test func aChangedFileStartsOneBackup() throws {
    try configure("[profile.p.schedule]\nwatch = [\"~/source\"]\nquiet-period = \"1s\"\nminimum-interval = \"1s\"")
    let agent = try agent()
    #expect(agent.waits(for: "waiting"))
    for text in ["one", "two"] { try cairn.write("source/sub/b.txt", text) }
    #expect(agent.waits(for: "ended"))
    letTimePass()
    #expect(agent.count("started", "watch") == 1)
    #expect(try listed().count == 1)
    #expect(try cairn.run("cat", "latest:\(cairn.path)/source/sub/b.txt", "-P", "p").text == "two")
    // A directory that was not there before, and what is written to it later.
    try FileManager.default.createDirectory(atPath: cairn.path + "/source/new/deep", withIntermediateDirectories: true)
    #expect(agent.waits(for: "ended", 2))
    try cairn.write("source/new/deep/c.txt", "c")
    #expect(agent.waits(for: "ended", 3))
    // And one that moves away.
    try FileManager.default.moveItem(atPath: cairn.path + "/source/new/deep", toPath: cairn.path + "/deep")
    #expect(agent.waits(for: "ended", 4))
    try cairn.write("deep/c.txt", "d")
    letTimePass()
    #expect(agent.count("started") == 4)
    #expect(agent.stop() == 0)
    #expect(agent.count("stopped") == 1)
    // What changes while nobody watches is noticed by the next one.
    let quiet = try self.agent()
    #expect(quiet.waits(for: "waiting"))
    letTimePass()
    #expect(quiet.stop(SIGINT) == 0 && quiet.count("started") == 0)
    try cairn.write("source/a.txt", "changed")
    let next = try self.agent()
    #expect(next.waits(for: "ended"))
    #expect(next.stop() == 0)
  }

  @Test func whatABackupWritesItselfIsNoChange() throws {
    // The repository, the state and the cache lie in the home that is watched.
    try configure("[profile.p.schedule]\nwatch = [\"~\"]\nquiet-period = \"1s\"\nminimum-interval = \"1s\"")
    let agent = try agent()
    #expect(agent.waits(for: "waiting"))
    try cairn.write("source/a.txt", "changed")
    #expect(agent.waits(for: "ended"))
    letTimePass()
    #expect(agent.count("started") == 1, "\(agent.events)")
    #expect(agent.stop() == 0)
  }

  @Test func anotherRepositoryIsNoChangeEither() throws {
    let lines = "[profile.p.schedule]\nwatch = [\"~\"]\nquiet-period = \"1s\"\nminimum-interval = \"1s\""
    try configure(lines)
    let agent = try agent()
    #expect(agent.waits(for: "waiting"))
    try FileManager.default.copyItem(atPath: cairn.path + "/repository", toPath: cairn.path + "/other")
    #expect(agent.waits(for: "ended"))
    try configure(lines)
    let text = String(decoding: try cairn.directory.read("cairn.toml"), as: UTF8.self)
    try cairn.write("cairn.toml", text.replacing("~/repository", with: "~/other"))
    agent.child.send(SIGHUP)
    #expect(agent.waits(for: "reloaded"))
    let before = agent.count("ended")
    #expect(agent.waits(for: "ended", before + 1))
    letTimePass()
    let settled = agent.count("started")
    letTimePass()
    #expect(agent.count("started") == settled, "\(agent.events)")
    #expect(agent.stop() == 0)
  }

  /// Only root sets up loop devices, and not in every container.
  private static let hasLoopDevices = geteuid() == 0 && shell("d=$(losetup -f) && [ -b \"$d\" ] && command -v mkfs.ext4") != nil

  @Test(.enabled(if: hasLoopDevices, "needs loop devices")) func aVolumeThatAppearsStartsOneBackup() throws {
    let image = cairn.path + "/volume.img"
    let script = """
      truncate -s 8M '\(image)' && mkfs.ext4 -q -L CAIRN-SHOWN '\(image)' && losetup -f --show '\(image)'
      """
    try configure("[profile.p.schedule]\nvolumes = [\"label:CAIRN-SHOWN\"]")
    var setting = cairn
    setting.environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    let files = AgentCommandTests(cairn: setting)
    let agent = try files.agent()
    #expect(agent.waits(for: "waiting"))
    guard let device = Self.shell(script) else {
      _ = agent.stop()
      Issue.record("no loop device")
      return
    }
    defer { _ = Self.shell("losetup -d \(device)") }
    #expect(agent.waits(for: "ended"))
    letTimePass()
    #expect(agent.count("started", "volume") == 1)
    #expect(try listed().count == 1)
    #expect(agent.stop() == 0)
  }

  private init(cairn: CairnProcess) { self.cairn = cairn }

  /// What a script prints on its last line; nil when it fails.
  private static func shell(_ script: String) -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) : nil
  }

  @Test func aRunIsEndedInGoodOrderAndBegunAnew() throws {
    try configure(
      "[profile.p.schedule]\nat-boot = true\n[profile.p.hooks]\nbefore = [\"echo begun >> ~/begun; [ -e ~/fast ] || sleep 60\"]")
    let agent = try agent()
    for _ in 0..<600 where (try? cairn.directory.read("begun")) == nil { usleep(50_000) }
    #expect(agent.stop() == 0)
    #expect(agent.count("interrupted") == 1 && agent.count("stopped") == 1)
    #expect(try listed().isEmpty)
    try cairn.write("fast", "")
    let next = try self.agent()
    #expect(next.waits(for: "ended"))
    #expect(next.count("started", "catch-up") == 1)
    #expect(next.stop() == 0)
    #expect(try listed().count == 1)
  }

  @Test func ctrlCEndsARunInGoodOrderToo() throws {
    try configure(
      """
      [profile.p.schedule]
      at-boot = true
      [profile.p.hooks]
      before = ["echo begun >> ~/begun; sleep 60"]
      finally = ["echo done >> ~/finally"]
      """)
    let agent = try agent()
    for _ in 0..<600 where (try? cairn.directory.read("begun")) == nil { usleep(50_000) }
    // A terminal tells its whole group.
    kill(-agent.child.process, SIGINT)
    #expect(agent.child.wait() == 0)
    #expect(agent.count("interrupted") == 1 && agent.count("stopped") == 1)
    #expect(try cairn.directory.read("finally") == Array("done\n".utf8))
  }

  @Test func theConfigurationIsReadAgain() throws {
    try configure("[profile.p.schedule]\nevery = \"monthly\"")
    let agent = try agent()
    #expect(agent.waits(for: "waiting"))
    try configure("[profile.p.schedule]\nevery = \"never\"")
    agent.child.send(SIGHUP)
    #expect(agent.waits(for: "problem"))
    try configure("[profile.p.schedule]\nwatch = [\"~/source\"]\nquiet-period = \"1s\"")
    agent.child.send(SIGHUP)
    #expect(agent.waits(for: "reloaded"))
    try cairn.write("source/a.txt", "changed")
    #expect(agent.waits(for: "ended"))
    #expect(agent.stop() == 0)
  }

  @Test func aProfileThatIsNamedTwiceCountsOnce() throws {
    try configure("[profile.p.schedule]\nevery = \"monthly\"")
    let agent = try agent("p", "p")
    #expect(agent.waits(for: "waiting"))
    #expect(agent.stop() == 0)
  }

  @Test func whatItCannotRunIsRefused() throws {
    try configure("")
    #expect(try cairn.run("schedule", "run").status == 64)
    #expect(try cairn.run("schedule", "run", "-P", "p").status == 64)
    #expect(try cairn.run("schedule", "run", "none").status == 64)
    #expect(try cairn.run("schedule", "run", "--events", "moon").status == 64)
  }
}
