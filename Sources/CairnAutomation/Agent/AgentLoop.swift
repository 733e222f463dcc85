import CairnKit
import CairnProfiles
package import CairnSystem
import Glibc

/// Keeps an agent going: the clocks, signals, changes, volumes and processes of a machine.
package final class AgentLoop {
  package struct Effects {
    /// The profiles that the configuration names now, and whole paths of what their backups write by themselves.
    package let load: () throws -> (jobs: [Agent.Job], excluded: [[UInt8]])
    package let spawn: (_ profile: String, _ trigger: RunRecord.Trigger) throws -> ChildProcess
    package let tell: (AgentNotice) -> Void
    /// A failure as a sentence.
    package let explain: (any Error) -> String

    package init(
      load: @escaping () throws -> (jobs: [Agent.Job], excluded: [[UInt8]]),
      spawn: @escaping (String, RunRecord.Trigger) throws -> ChildProcess, tell: @escaping (AgentNotice) -> Void,
      explain: @escaping (any Error) -> String
    ) {
      self.load = load
      self.spawn = spawn
      self.tell = tell
      self.explain = explain
    }
  }

  /// What a run that takes too long over its end is sent when the agent is to end, and after how many seconds: less than systemd gives
  /// both. The second request makes it end at once, with what it has begun.
  private static let endings: [(after: Int64, signal: CInt)] = [(830, SIGTERM), (840, SIGKILL)]

  private let effects: Effects
  private let events: Set<Agent.Event>
  private let files: StateFiles
  private let signals: CInt
  private let timer: WallTimer
  private var agent: Agent
  private var jobs: [Agent.Job]
  private var excluded: [[UInt8]]
  private let changes: TreeWatch?
  private var volumes = VolumeLook()
  private var nextVolumes: Int64 = 0
  private var child: (profile: String, process: ChildProcess)?
  private var isEnding = false
  /// What the run is still to be sent, by the steady clock.
  private var endings: [(at: Int64, signal: CInt)] = []
  private var said: Set<String> = []

  package init(_ events: Set<Agent.Event>, _ files: StateFiles, _ effects: Effects) throws {
    self.events = events
    self.files = files
    self.effects = effects
    guard let signals = SignalWatch.pipe([SIGTERM, SIGINT, SIGHUP, SIGCHLD]) else {
      throw CairnError(.failed, "Signals cannot be caught.")
    }
    self.signals = signals
    timer = try WallTimer()
    (jobs, excluded) = try effects.load()
    agent = Agent(
      jobs, events: events, calendar: .system, machine: Host.name, boot: Host.bootID, memories: Self.memories(jobs, files), now: Self.now)
    changes = events.contains(.watch) ? try TreeWatch() : nil
  }

  private static func memories(_ jobs: [Agent.Job], _ files: StateFiles) -> [String: AgentMemory] {
    Dictionary(uniqueKeysWithValues: jobs.map { ($0.name, AgentMemory($0.name, files)) })
  }

  private static var now: Agent.Now {
    Agent.Now(wall: SystemClock.now().seconds, steady: Int64(clamping: SystemClock.monotonicNanoseconds() / 1_000_000_000))
  }

  /// Goes on until SIGTERM or SIGINT.
  package func run() throws {
    for job in jobs { remember(job.name) }
    // While a run is under way its end is told by a signal too.
    changes?.isInterrupted = { [unowned self] in child == nil && Waiting.isReadable(signals) }
    watchFiles()
    lookAtVolumes(Self.now)
    tell(.waiting, nil)
    while true {
      lookAtSignals()
      lookAtChild()
      let now = Self.now
      if isEnding && child == nil { break }
      while let next = endings.first, next.at <= now.steady {
        child?.process.send(next.signal)
        endings.removeFirst()
      }
      if !isEnding {
        // The rules of the zone may be others than at the start.
        tzset()
        lookAtChanges(now)
        lookAtVolumes(now)
        perform(agent.step(now, self))
      }
      // What was just begun may have failed already.
      if !isEnding && child == nil && agent.running != nil { continue }
      try wait()
    }
    tell(.stopped, nil)
  }

  private func wait() throws {
    let now = Self.now
    let next = agent.nextLook(now)
    try timer.set(next.wall)
    var steady = [next.steady, endings.first?.at].compactMap(\.self)
    if !isEnding {
      if hasVolumes { steady.append(nextVolumes) }
      if changes?.looksByItself == true { steady.append(now.steady + TreeWatch.lookInterval) }
    }
    let seconds = min(3600, steady.min().map { max(0, $0 - now.steady) } ?? 3600)
    Waiting.forAny(
      [signals, timer.file.descriptor] + (!isEnding ? [changes?.descriptor].compactMap(\.self) : []), seconds: Double(seconds))
    _ = timer.wasClockSet()
  }

  // MARK: What is told

  private func tell(_ kind: AgentNotice.Kind, _ profile: String?, subject: String? = nil) {
    effects.tell(AgentNotice(kind, profile, at: Self.now.wall, subject: subject))
  }

  /// A problem once, however often it comes.
  private func complain(_ profile: String?, _ sentence: String) {
    if said.insert((profile ?? "") + sentence).inserted { tell(.problem, profile, subject: sentence) }
  }

  private func remember(_ profile: String) {
    guard let memory = agent.memory(of: profile) else { return }
    do { try memory.merged(into: AgentMemory(profile, files), events).save(profile, files) } catch { complain(nil, effects.explain(error)) }
  }

  // MARK: Signals and processes

  private func lookAtSignals() {
    for signal in SignalWatch.arrived(signals) {
      switch signal {
      case SIGHUP: reload()
      case SIGTERM, SIGINT:
        if !isEnding {
          tell(.stopping, child?.profile)
          agent.stop()
          isEnding = true
          let now = Self.now.steady
          endings = Self.endings.map { (now + $0.after, $0.signal) }
        }
        child?.process.send(SIGTERM)
      default: Orphans.reap(except: child?.process.processID)
      }
    }
  }

  private func reload() {
    guard !isEnding else { return }
    do {
      (jobs, excluded) = try effects.load()
      agent.replace(jobs, boot: Host.bootID, memories: Self.memories(jobs, files), now: Self.now)
      watchFiles()
      tell(.reloaded, nil)
    } catch { tell(.problem, nil, subject: effects.explain(error)) }
  }

  private func perform(_ actions: [Agent.Action]) {
    for action in actions {
      switch action {
      case .tell(let notice): effects.tell(notice)
      case .remember(let profile): remember(profile)
      case .start(let profile, let trigger):
        do { child = (profile, try effects.spawn(profile, trigger)) } catch {
          tell(.problem, profile, subject: effects.explain(error))
          perform(agent.noteEnd(profile, status: 1, at: Self.now))
        }
      }
    }
  }

  private func lookAtChild() {
    guard let (profile, process) = child else { return }
    let end: ExitStatus
    do {
      guard let found = try process.poll() else { return }
      end = found
    } catch { end = .exited(1) }
    child = nil
    let status: Int32 =
      switch end {
      case .exited(let status): status
      case .signaled(let signal): 128 + signal
      }
    // 130: it was interrupted, and so it says.
    let wasCutOff = isEnding && status >= 128
    if wasCutOff { tell(.interrupted, profile) }
    perform(agent.noteEnd(profile, status: wasCutOff ? nil : status, at: Self.now))
  }

  // MARK: Files and volumes

  private func watchFiles() {
    guard let changes else { return }
    changes.begin(Set(jobs.map(\.name)), excluding: excluded)
    for job in jobs {
      guard let watch = job.schedule.watch else {
        changes.forget(job.name)
        continue
      }
      let since = agent.memory(of: job.name)?.began
      if changes.set(job.name, watch.paths, changedSince: since) { agent.noteChange(job.name, at: Self.now) }
    }
  }

  private func lookAtChanges(_ now: Agent.Now) {
    guard let changes else { return }
    let names = Set(jobs.map(\.name))
    for profile in changes.takeChanges(now: now.steady) where names.contains(profile) { agent.noteChange(profile, at: now) }
    for (profile, sentence) in changes.takeProblems() { complain(profile, sentence) }
  }

  private var hasVolumes: Bool { events.contains(.volume) && jobs.contains { !$0.schedule.volumes.isEmpty } }

  private func lookAtVolumes(_ now: Agent.Now) {
    guard hasVolumes, now.steady >= nextVolumes else { return }
    nextVolumes = now.steady + VolumeLook.interval
    if let present = volumes.present(Set(jobs.flatMap(\.schedule.volumes)), now: now.steady) {
      perform(agent.noteVolumes(present, at: now))
    } else if let problem = volumes.problem {
      complain(nil, problem)
    }
  }
}

extension AgentLoop: Agent.World {
  package var isOnMains: Bool { PowerSupply.isOnMains() }
  package func isBusy(_ profile: String) -> Bool { RunTurn.current(profile: profile, files)?.isAlive == true }
}
