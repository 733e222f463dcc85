package import CairnProfiles
import CairnKit

/// Decides when profiles run; knows nothing of clocks, files and processes but what it is told.
///
/// One run at a time: what else is due waits, in the order in which it became due. A run covers every reason that there was for it when it
/// began.
package struct Agent: Sendable {
  /// What may start a run.
  package enum Event: String, Sendable, CaseIterable { case calendar, boot, volume, watch }

  /// A moment by the two clocks: what people see, which can be set, and one that only goes on.
  package struct Now: Sendable, Equatable {
    /// Seconds since 1970.
    package var wall: Int64
    package var steady: Int64

    package init(wall: Int64, steady: Int64) {
      self.wall = wall
      self.steady = steady
    }
  }

  /// What the machine is like at a moment.
  package protocol World {
    var isOnMains: Bool { get }
    /// Whether another process runs the profile.
    func isBusy(_ profile: String) -> Bool
  }

  package struct Job: Sendable {
    package let name: String
    package let schedule: Schedule

    package init(name: String, schedule: Schedule) {
      self.name = name
      self.schedule = schedule
    }
  }

  package enum Action: Sendable, Equatable {
    case start(profile: String, trigger: RunRecord.Trigger)
    /// The memory of the profile changed.
    case remember(profile: String)
    case tell(AgentNotice)
  }

  /// A run may begin so much late before it counts as missed.
  static let grace: Int64 = 600
  /// A clock that is behind what was dealt with by more than this was set back.
  static let clockTolerance: Int64 = 3600
  /// Seconds between two looks at what a run waits for.
  static let patience: Int64 = 60
  /// So many times in a row a run that was cut off is begun anew.
  static let maximumCutOff = 3

  private let events: Set<Event>
  private let calendar: LocalCalendar
  private let machine: String
  private var states: [AgentState] = []
  /// The profile that runs.
  package private(set) var running: String?
  /// No run begins any more.
  private var isStopping = false

  /// - Parameters:
  ///   - jobs: the profiles.
  ///   - memories: what was remembered of them.
  ///   - boot: tells this start of the machine from others; empty = unknown.
  package init(
    _ jobs: [Job], events: Set<Event>, calendar: LocalCalendar, machine: String, boot: String, memories: [String: AgentMemory], now: Now
  ) {
    self.events = events
    self.calendar = calendar
    self.machine = machine
    states = jobs.map { state($0, memories[$0.name] ?? AgentMemory(), boot, now) }
  }

  private func state(_ job: Job, _ memory: AgentMemory, _ boot: String, _ now: Now) -> AgentState {
    var state = AgentState(job, Occurrences(events.contains(.calendar) ? job.schedule : job.schedule.withoutCalendar, calendar), memory)
    if state.memory.covered == nil { state.memory.covered = now.wall }
    if state.memory.running != nil {
      state.memory.running = nil
      state.memory.cutOff = (state.memory.cutOff ?? 0) + 1
      if job.schedule.catchUp, state.memory.cutOff ?? 0 <= Self.maximumCutOff { state.memory.wanted = .catchUp }
    }
    if state.memory.wanted != nil { state.since = now.wall }
    if events.contains(.boot), job.schedule.atBoot, state.memory.boot != boot || boot.isEmpty {
      state.memory.boot = boot
      state.want(.boot, since: now.wall)
    }
    if events.contains(.watch), let watch = job.schedule.watch, let last = state.memory.beganByChange {
      let left = max(0, min(watch.minimumInterval, last + watch.minimumInterval - now.wall))
      state.changeAllowed = now.steady + left
    }
    return state
  }

  // MARK: What happens

  /// Something changed below a watched path.
  package mutating func noteChange(_ profile: String, at now: Now) {
    guard events.contains(.watch) else { return }
    with(profile) { state in
      guard state.job.schedule.watch != nil else { return }
      if state.firstChange == nil { state.firstChange = now.steady }
      state.lastChange = now.steady
    }
  }

  /// Which volumes there are. The first look of all says only which are there from the beginning.
  ///
  /// - Parameter present: of all volumes that the schedules name.
  package mutating func noteVolumes(_ present: Set<Schedule.Volume>, at now: Now) -> [Action] {
    guard events.contains(.volume) else { return [] }
    var actions: [Action] = []
    for index in states.indices where !states[index].job.schedule.volumes.isEmpty {
      let there = states[index].job.schedule.volumes.filter(present.contains).map(\.text)
      let known = states[index].memory.volumes
      guard Set(there) != Set(known ?? []) || known == nil else { continue }
      states[index].memory.volumes = there
      let name = states[index].job.name
      actions.append(.remember(profile: name))
      for volume in there where known.map({ !$0.contains(volume) }) == true {
        actions.append(.tell(AgentNotice(.arrived, name, at: now.wall, subject: volume)))
        states[index].want(.volume, since: now.wall)
      }
    }
    return actions
  }

  /// A run has ended.
  ///
  /// - Parameter status: its exit status; nil when it was cut off because the agent has to end.
  package mutating func noteEnd(_ profile: String, status: Int32?, at now: Now) -> [Action] {
    if running == profile { running = nil }
    guard let status else { return [.remember(profile: profile)] }
    with(profile) { state in
      state.memory.running = nil
      state.memory.cutOff = nil
      // What became due meanwhile is covered by this run.
      state.memory.covered = max(state.memory.covered ?? now.wall, now.wall)
    }
    return [.remember(profile: profile), .tell(AgentNotice(.ended, profile, at: now.wall, status: status))]
  }

  /// Takes over what the configuration says now.
  package mutating func replace(_ jobs: [Job], boot: String, memories: [String: AgentMemory], now: Now) {
    let old = states
    states = jobs.map { job in
      guard var state = old.first(where: { $0.job.name == job.name }) else {
        return state(job, memories[job.name] ?? AgentMemory(), boot, now)
      }
      let isSame = state.job.schedule == job.schedule
      state.job = job
      state.occurrences = Occurrences(events.contains(.calendar) ? job.schedule : job.schedule.withoutCalendar, calendar)
      // Times that the new schedule would have had were not missed.
      if !isSame { state.memory.covered = max(state.memory.covered ?? now.wall, now.wall) }
      if job.schedule.watch == nil { (state.firstChange, state.lastChange) = (nil, nil) }
      return state
    }
  }

  /// From now on no run begins.
  package mutating func stop() { isStopping = true }

  package func memory(of profile: String) -> AgentMemory? { states.first { $0.job.name == profile }?.memory }

  private mutating func with(_ profile: String, _ body: (inout AgentState) -> Void) {
    guard let index = states.firstIndex(where: { $0.job.name == profile }) else { return }
    body(&states[index])
  }

  // MARK: What to do

  /// Looks at everything, and says what is to be done now.
  package mutating func step(_ now: Now, _ world: some World) -> [Action] {
    guard !isStopping else { return [] }
    var actions: [Action] = []
    for index in states.indices {
      actions += states[index].mendClock(now)
      guard states[index].job.name != running else { continue }
      actions += states[index].lookAtCalendar(now, machine)
      states[index].lookAtChanges(now)
    }
    guard running == nil else { return actions }
    let waiting = states.indices.filter { states[$0].memory.wanted != nil && (states[$0].retry ?? now.steady) <= now.steady }
    for index in waiting.sorted(by: { (states[$0].since, $0) < (states[$1].since, $1) }) {
      let state = states[index]
      if let obstacle = obstacle(state.job, world) {
        states[index].retry = now.steady + Self.patience
        if state.obstacle != obstacle { actions.append(.tell(AgentNotice(obstacle, state.job.name, at: now.wall))) }
        states[index].obstacle = obstacle
        continue
      }
      let trigger = states[index].begin(now)
      running = state.job.name
      actions += [
        .remember(profile: state.job.name), .tell(AgentNotice(.started, state.job.name, at: now.wall, trigger: trigger)),
        .start(profile: state.job.name, trigger: trigger),
      ]
      break
    }
    return actions
  }

  private func obstacle(_ job: Job, _ world: some World) -> AgentNotice.Kind? {
    if job.schedule.onMainsPower && !world.isOnMains { return .onBattery }
    return world.isBusy(job.name) ? .busy : nil
  }

  /// When to look again at the latest: by the wall clock, and by the steady one.
  package func nextLook(_ now: Now) -> (wall: Int64?, steady: Int64?) {
    guard !isStopping else { return (nil, nil) }
    var wall: [Int64] = []
    var steady: [Int64] = []
    for state in states where state.job.name != running {
      if let due = state.nextStart(now, machine) { wall.append(due) }
      if let due = state.changeDue { steady.append(due) }
      if state.memory.wanted != nil, running == nil { steady.append(state.retry ?? now.steady) }
    }
    return (wall.min(), steady.min())
  }
}

extension Schedule {
  var withoutCalendar: Schedule {
    var other = self
    other.rule = nil
    other.cron = []
    return other
  }
}
