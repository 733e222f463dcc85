import CairnKit
import CairnProfiles
import CairnTestSupport
import Testing

@testable import CairnAutomation

/// A machine with clocks that a test moves, and runs that take as long as it says.
final class AgentMachine: Agent.World {
  struct Start: Equatable {
    let profile: String
    let trigger: RunRecord.Trigger
    let time: Int64
  }

  var agent: Agent
  var wall: Int64
  var steady: Int64 = 1000
  var isOnMains = true
  var busy: Set<String> = []
  /// Seconds that a run takes, and the status with which it ends.
  var duration: Int64 = 60
  var status: Int32 = 0
  private(set) var starts: [Start] = []
  private(set) var notices: [AgentNotice] = []
  private(set) var memories: [String: AgentMemory] = [:]
  private(set) var steps = 0
  private var ends: (profile: String, at: Int64)?
  private let jobs: [Agent.Job]
  private let events: Set<Agent.Event>
  private let zone: Zone

  init(_ schedules: [(String, String)], events: Set<Agent.Event> = Set(Agent.Event.allCases), zone: Zone = .utc, at wall: Int64) throws {
    jobs = try schedules.map { Agent.Job(name: $0.0, schedule: try ScheduleFixture.schedule($0.1)) }
    self.events = events
    self.zone = zone
    self.wall = wall
    agent = Self.agent(jobs, events, zone, boot: "1", [:], Agent.Now(wall: wall, steady: 1000))
    for job in jobs { memories[job.name] = agent.memory(of: job.name) }
  }

  private static func agent(
    _ jobs: [Agent.Job], _ events: Set<Agent.Event>, _ zone: Zone, boot: String, _ memories: [String: AgentMemory], _ now: Agent.Now
  ) -> Agent {
    Agent(jobs, events: events, calendar: zone.calendar, machine: "m", boot: boot, memories: memories, now: now)
  }

  func isBusy(_ profile: String) -> Bool { busy.contains(profile) }
  var now: Agent.Now { Agent.Now(wall: wall, steady: steady) }

  /// Dies, and comes back after a while with what was remembered.
  func restart(after seconds: Int64, boot: String = "1") {
    advance(seconds)
    ends = nil
    agent = Self.agent(jobs, events, zone, boot: boot, memories, now)
  }

  /// Is asked to end, and the run with it.
  func stop() {
    agent.stop()
    if let end = ends { take(agent.noteEnd(end.profile, status: nil, at: now)) }
    ends = nil
  }

  private func advance(_ seconds: Int64) {
    wall += seconds
    steady += seconds
  }

  /// Goes on for so long, doing what the agent wants when it wants it.
  func run(for seconds: Int64) {
    let end = steady + seconds
    while true {
      step()
      let next = agent.nextLook(now)
      var wait =
        [next.wall.map { $0 - wall }, next.steady.map { $0 - steady }, ends.map { $0.at - steady }].compactMap(\.self).min() ?? .max
      wait = max(1, wait)
      guard wait < end - steady else { break }
      advance(wait)
    }
    advance(end - steady)
    step()
  }

  func step() {
    steps += 1
    if let end = ends, end.at <= steady {
      ends = nil
      take(agent.noteEnd(end.profile, status: status, at: now))
    }
    take(agent.step(now, self))
  }

  func take(_ actions: [Agent.Action]) {
    for action in actions {
      switch action {
      case .tell(let notice): notices.append(notice)
      case .remember(let profile): memories[profile] = agent.memory(of: profile)
      case .start(let profile, let trigger):
        #expect(ends == nil, "one run at a time")
        starts.append(Start(profile: profile, trigger: trigger, time: wall))
        ends = (profile, steady + duration)
      }
    }
  }

  func change(_ profile: String) { agent.noteChange(profile, at: now) }
  func see(_ volumes: String...) { take(agent.noteVolumes(Set(volumes.compactMap(Schedule.Volume.init)), at: now)) }

  /// `p schedule 2026-03-01 02:00`, and forgets them.
  func takeStarts() -> [String] {
    defer { starts = [] }
    return starts.map { "\($0.profile) \($0.trigger.rawValue) \(OccurrencesTests.text($0.time, zone))" }
  }

  func takeNotices(_ kind: AgentNotice.Kind) -> [AgentNotice] {
    defer { notices.removeAll { $0.kind == kind } }
    return notices.filter { $0.kind == kind }
  }
}

@Suite struct AgentTests {
  private static let day: Int64 = 86_400
  private static let noon = Zone.moment(2026, 3, 1, 720)

  @Test func runsByTheCalendar() throws {
    let machine = try AgentMachine([("p", "every = \"daily\""), ("q", "cron = [\"0 2 * * mon\"]")], at: Self.noon)
    machine.run(for: 2 * Self.day)
    // What becomes due together runs one after the other.
    #expect(machine.takeStarts() == ["p schedule 2026-03-02 02:00", "q schedule 2026-03-02 02:01", "p schedule 2026-03-03 02:00"])
    #expect(machine.steps < 20, "it does not look all the time")
  }

  @Test func aMissedRunIsMadeUpForOnce() throws {
    let machine = try AgentMachine([("p", "every = \"daily\""), ("q", "every = \"daily\"\ncatch-up = false")], at: Self.noon)
    machine.restart(after: 5 * Self.day)
    machine.run(for: Self.day)
    #expect(machine.takeStarts() == ["p catch-up 2026-03-06 12:00", "p schedule 2026-03-07 02:00", "q schedule 2026-03-07 02:01"])
    #expect(machine.takeNotices(.missed).map(\.count) == [5])
    #expect(machine.takeNotices(.leftOut).map(\.profile) == ["q"])
    // Asleep while the agent lives: the same.
    machine.wall += 3 * Self.day
    machine.run(for: 3600)
    #expect(machine.takeStarts() == ["p catch-up 2026-03-10 12:00"])
  }

  @Test func aRunThatIsAFewMinutesLateIsNotMissed() throws {
    let machine = try AgentMachine([("p", "every = \"daily\"\ncatch-up = false")], at: Self.noon)
    machine.restart(after: 14 * 3600 + 300)
    machine.step()
    #expect(machine.takeStarts() == ["p schedule 2026-03-02 02:05"])
  }

  @Test func aRunThatWasCutOffIsBegunAnewButNotForEver() throws {
    let machine = try AgentMachine([("p", "every = \"weekly\"")], at: Self.noon)
    machine.run(for: 14 * 3600 + 30)
    #expect(machine.takeStarts() == ["p schedule 2026-03-02 02:00"])
    for minute in [10, 20, 30] {
      machine.restart(after: minute == 10 ? 570 : 600)
      machine.step()
      #expect(machine.takeStarts() == ["p catch-up 2026-03-02 02:\(minute)"])
    }
    machine.restart(after: 600)
    machine.run(for: 3 * Self.day)
    #expect(machine.takeStarts().isEmpty)
    // One that ends, however, counts no longer.
    machine.run(for: 5 * Self.day)
    #expect(machine.takeStarts() == ["p schedule 2026-03-09 02:00"])
    #expect(machine.memories["p"]?.cutOff == nil)
  }

  @Test func aRunThatWaitsSurvivesARestart() throws {
    let machine = try AgentMachine([("p", "every = \"daily\""), ("q", "every = \"daily\"\ncatch-up = false")], at: Self.noon)
    machine.duration = 3600
    machine.run(for: 14 * 3600 + 60)
    #expect(machine.takeStarts() == ["p schedule 2026-03-02 02:00"])
    machine.restart(after: 7200)
    machine.run(for: 7200)
    #expect(machine.takeStarts() == ["p catch-up 2026-03-02 04:01", "q schedule 2026-03-02 05:01"])
  }

  @Test func whatBecomesDueDuringARunIsCoveredByIt() throws {
    let machine = try AgentMachine([("p", "every = \"hourly\"")], at: Self.noon)
    machine.duration = 5400
    machine.run(for: 4 * 3600 - 60)
    #expect(machine.takeStarts() == ["p schedule 2026-03-01 13:00", "p schedule 2026-03-01 15:00"])
  }

  @Test func aFailedRunIsNotRepeatedBeforeItsTime() throws {
    let machine = try AgentMachine([("p", "every = \"daily\"")], at: Self.noon)
    machine.status = 1
    machine.run(for: 2 * Self.day)
    #expect(machine.takeStarts() == ["p schedule 2026-03-02 02:00", "p schedule 2026-03-03 02:00"])
    #expect(machine.takeNotices(.ended).map(\.status) == [1, 1])
  }

  @Test func aClockThatJumpsMakesNoStormAndNoSilence() throws {
    let machine = try AgentMachine([("p", "every = \"hourly\"")], at: Self.noon)
    machine.run(for: 3600 + 60)
    #expect(machine.takeStarts() == ["p schedule 2026-03-01 13:00"])
    let jump = 200 * Self.day + 1800
    machine.wall += jump
    machine.run(for: 3600)
    #expect(machine.takeStarts() == ["p catch-up 2026-09-17 13:31", "p schedule 2026-09-17 14:00"])
    machine.wall -= jump
    machine.run(for: 3600)
    #expect(machine.takeStarts() == ["p schedule 2026-03-01 15:00"])
    let told = machine.takeNotices(.clockSetBack)
    #expect(told.count == 1 && told.first?.seconds.map { $0 > 199 * Self.day } == true)
    // A correction of some minutes repeats nothing.
    machine.wall -= 300
    machine.run(for: 3900)
    #expect(machine.takeStarts() == ["p schedule 2026-03-01 16:00"])
    #expect(machine.takeNotices(.clockSetBack).isEmpty)
    // Set back while nothing ran.
    machine.wall -= 300 * Self.day
    machine.restart(after: 0)
    machine.run(for: 3600)
    #expect(machine.takeStarts().count == 1)
  }

  @Test func clocksThatAreSetForSummerChangeNothing() throws {
    let machine = try AgentMachine([("p", "times = [\"02:30\"]")], zone: .berlin, at: Zone.moment(2026, 3, 28, 720))
    machine.run(for: 2 * Self.day)
    #expect(machine.takeStarts() == ["p schedule 2026-03-29 03:00", "p schedule 2026-03-30 02:30"])
    let autumn = try AgentMachine([("p", "times = [\"02:30\"]")], zone: .berlin, at: Zone.moment(2026, 10, 24, 720))
    autumn.run(for: 2 * Self.day)
    #expect(autumn.takeStarts() == ["p schedule 2026-10-25 02:30", "p schedule 2026-10-26 02:30"])
  }

  @Test func aRandomDelayIsOnceForARunAndHoldsAcrossRestarts() throws {
    let machine = try AgentMachine([("p", "every = \"daily\"\nrandom-delay = \"2h\"")], at: Self.noon)
    let due = Zone.moment(2026, 3, 2, 120)
    let delay = RandomDelay.seconds(7200, profile: "p", due: due, machine: "m")
    machine.run(for: due + delay - 30 - Self.noon)
    #expect(machine.starts.isEmpty)
    machine.restart(after: 10)
    machine.run(for: 3600)
    #expect(machine.starts.map(\.time) == [due + delay])
    #expect(machine.starts.map(\.trigger) == [.schedule])
  }

  @Test func onBatteryARunWaits() throws {
    let machine = try AgentMachine([("p", "every = \"daily\"\non-mains-power = true"), ("q", "every = \"daily\"")], at: Self.noon)
    machine.isOnMains = false
    machine.run(for: 20 * 3600)
    #expect(machine.takeStarts() == ["q schedule 2026-03-02 02:00"])
    #expect(machine.takeNotices(.onBattery).count == 1, "said once")
    machine.isOnMains = true
    machine.run(for: 120)
    #expect(machine.takeStarts().map { $0.prefix(10) } == ["p schedule"])
  }

  @Test func aProfileThatAnotherProcessRunsWaits() throws {
    let machine = try AgentMachine([("p", "every = \"daily\"")], at: Self.noon)
    machine.busy = ["p"]
    machine.run(for: 15 * 3600)
    #expect(machine.takeStarts().isEmpty)
    #expect(machine.takeNotices(.busy).count == 1)
    machine.busy = []
    machine.run(for: 120)
    #expect(machine.takeStarts().count == 1)
  }

  @Test func bootStartsOneRunForEachStartOfTheMachine() throws {
    let machine = try AgentMachine([("p", "at-boot = true")], at: Self.noon)
    machine.run(for: 3600)
    #expect(machine.takeStarts() == ["p boot 2026-03-01 12:00"])
    machine.restart(after: 60)
    machine.run(for: 3600)
    #expect(machine.takeStarts().isEmpty)
    machine.restart(after: 60, boot: "2")
    machine.run(for: 3600)
    #expect(machine.takeStarts().map { $0.prefix(6) } == ["p boot"])
  }

  @Test func aVolumeStartsARunWhenItAppears() throws {
    let machine = try AgentMachine([("p", "volumes = [\"label:A\", \"label:B\"]")], at: Self.noon)
    machine.see("label:A", "label:X")
    machine.run(for: 600)
    #expect(machine.takeStarts().isEmpty, "it was there before anybody looked")
    machine.see("label:A", "label:B")
    machine.see("label:A", "label:B")
    machine.run(for: 600)
    #expect(machine.takeStarts().map { $0.prefix(8) } == ["p volume"])
    machine.see("label:A")
    machine.run(for: 600)
    #expect(machine.takeStarts().isEmpty)
    // Away, and there again during the run that it started.
    machine.see("label:A", "label:B")
    machine.step()
    machine.see("label:A")
    machine.see("label:A", "label:B")
    machine.run(for: 600)
    #expect(machine.takeStarts().count == 2)
    // Across restarts: what was there stays no arrival, what was not is one.
    machine.restart(after: 60)
    machine.see("label:A", "label:B")
    machine.run(for: 600)
    #expect(machine.takeStarts().isEmpty)
    machine.see("label:B")
    machine.restart(after: 60)
    machine.see("label:A", "label:B")
    machine.run(for: 600)
    #expect(machine.takeStarts().count == 1)
  }

  @Test func changesStartARunAfterTheQuietPeriod() throws {
    let lines = "watch = [\"/w\"]\nquiet-period = \"2m\"\nminimum-interval = \"1h\""
    let machine = try AgentMachine([("p", lines)], at: Self.noon)
    for _ in 0..<5 {
      machine.change("p")
      machine.run(for: 60)
    }
    #expect(machine.takeStarts().isEmpty)
    machine.run(for: 59)
    #expect(machine.takeStarts().isEmpty)
    machine.run(for: 2)
    #expect(machine.takeStarts() == ["p watch 2026-03-01 12:06"])
    // During the run: for the next one, which keeps its distance.
    machine.change("p")
    machine.run(for: 3500)
    #expect(machine.takeStarts().isEmpty)
    machine.run(for: 200)
    #expect(machine.takeStarts() == ["p watch 2026-03-01 13:06"])
    machine.run(for: 2 * Self.day)
    #expect(machine.takeStarts().isEmpty, "no change, no run")
    // The distance holds across a restart too.
    machine.change("p")
    machine.run(for: 240)
    #expect(machine.takeStarts().count == 1)
    machine.restart(after: 600)
    machine.change("p")
    machine.run(for: 2400)
    #expect(machine.takeStarts().isEmpty)
    machine.run(for: 900)
    #expect(machine.takeStarts().count == 1)
  }

  @Test func changesWithoutEndStartARunAllTheSame() throws {
    let machine = try AgentMachine([("p", "watch = [\"/w\"]\nquiet-period = \"2m\"\nminimum-interval = \"1h\"")], at: Self.noon)
    for _ in 0..<(3 * 60) {
      machine.change("p")
      machine.run(for: 60)
    }
    #expect(machine.takeStarts().count == 3)
  }

  @Test func oneRunCoversEveryReason() throws {
    let machine = try AgentMachine(
      [("p", "every = \"daily\"\nwatch = [\"/w\"]\nvolumes = [\"label:A\"]\nquiet-period = \"1m\"")], at: Self.noon)
    machine.see()
    machine.busy = ["p"]
    machine.change("p")
    machine.see("label:A")
    machine.run(for: 20 * 3600)
    machine.busy = []
    machine.run(for: 3600)
    #expect(machine.takeStarts().count == 1)
  }

  @Test func onlyTheEventsThatAreAskedForCount() throws {
    let lines = "every = \"hourly\"\nat-boot = true\nwatch = [\"/w\"]\nvolumes = [\"label:A\"]\nquiet-period = \"1m\""
    let machine = try AgentMachine([("p", lines)], events: [.watch], at: Self.noon)
    machine.see()
    machine.see("label:A")
    machine.run(for: Self.day)
    #expect(machine.takeStarts().isEmpty)
    machine.change("p")
    machine.run(for: 3600)
    #expect(machine.takeStarts().map { $0.prefix(7) } == ["p watch"])
  }

  @Test func anotherConfigurationTakesEffectAtOnce() throws {
    let machine = try AgentMachine([("p", "every = \"daily\""), ("q", "every = \"daily\"")], at: Self.noon)
    machine.run(for: 2 * 3600)
    let jobs = [
      Agent.Job(name: "p", schedule: try ScheduleFixture.schedule("times = [\"13:00\", \"15:00\"]")),
      Agent.Job(name: "r", schedule: try ScheduleFixture.schedule("times = [\"16:00\"]")),
    ]
    machine.agent.replace(jobs, boot: "1", memories: [:], now: machine.now)
    machine.run(for: 22 * 3600)
    #expect(machine.takeStarts() == ["p schedule 2026-03-01 15:00", "r schedule 2026-03-01 16:00"])
  }

  @Test func afterTheStopNothingBegins() throws {
    let machine = try AgentMachine([("p", "every = \"hourly\"")], at: Self.noon)
    machine.run(for: 3600 + 10)
    machine.stop()
    machine.run(for: Self.day)
    #expect(machine.takeStarts().count == 1)
    // It was cut off: the next agent begins it anew.
    machine.restart(after: 60)
    machine.step()
    #expect(machine.takeStarts().map { $0.prefix(10) } == ["p catch-up"])
  }

  @Test func theMemoryOutlivesTheProcessAndDamage() throws {
    let directory = TemporaryDirectory()
    let state = StateFiles(state: directory.path)
    var memory = AgentMemory()
    memory.covered = 12
    memory.wanted = .catchUp
    memory.volumes = ["label:A"]
    try memory.save("p", state)
    #expect(AgentMemory("p", state) == memory)
    try state.write("p.schedule", Array("{\"schema\":1,\"covered\":".utf8))
    #expect(AgentMemory("p", state) == AgentMemory())
    try state.write("p.schedule", Array("{\"schema\":9,\"covered\":5,\"later\":[1]}".utf8))
    #expect(AgentMemory("p", state).covered == 5)
    #expect(AgentMemory("none", state) == AgentMemory())
    // Numbers that nobody can have written.
    for number in ["9223372036854775807", "-9223372036854775808"] {
      let members = ["covered", "taken", "cut_off", "began", "began_by_change"].map { "\"\($0)\":\(number)" }.joined(separator: ",")
      try state.write("p.schedule", Array("{\"schema\":1,\"running\":\"boot\",\(members)}".utf8))
      var expected = AgentMemory()
      expected.running = .boot
      #expect(AgentMemory("p", state) == expected)
    }
    // What another agent looks after is not overwritten.
    var other = AgentMemory()
    other.covered = 99
    other.volumes = []
    let merged = memory.merged(into: other, [.volume])
    #expect(merged.covered == 99 && merged.volumes == ["label:A"])
  }
}
