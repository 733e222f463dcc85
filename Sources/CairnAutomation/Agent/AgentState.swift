import CairnProfiles

/// Where a profile stands between two runs.
struct AgentState: Sendable {
  var job: Agent.Job
  var occurrences: Occurrences
  var memory: AgentMemory
  /// Since when the run that is wanted is.
  var since: Int64 = 0
  /// When to look again at what keeps it from beginning, by the steady clock.
  var retry: Int64?
  var obstacle: AgentNotice.Kind?
  /// Of changes that no run covers yet, by the steady clock.
  var firstChange: Int64?
  var lastChange: Int64?
  /// No run begins by changes before, by the steady clock.
  var changeAllowed: Int64 = .min

  init(_ job: Agent.Job, _ occurrences: Occurrences, _ memory: AgentMemory) {
    self.job = job
    self.occurrences = occurrences
    self.memory = memory
  }

  /// Wants a run; the first reason is the one that is named.
  mutating func want(_ trigger: RunRecord.Trigger, since: Int64) {
    guard memory.wanted == nil else { return }
    memory.wanted = trigger
    self.since = since
  }

  /// The run begins.
  mutating func begin(_ now: Agent.Now) -> RunRecord.Trigger {
    let trigger = memory.wanted ?? .schedule
    memory.wanted = nil
    memory.running = trigger
    memory.began = now.wall
    memory.covered = max(memory.covered ?? now.wall, now.wall)
    if trigger == .watch, let watch = job.schedule.watch {
      memory.beganByChange = now.wall
      changeAllowed = now.steady + watch.minimumInterval
    }
    (firstChange, lastChange, retry, obstacle) = (nil, nil, nil, nil)
    return trigger
  }

  // MARK: The calendar

  /// A clock that was set back must not make the profile wait for the time that it had shown.
  mutating func mendClock(_ now: Agent.Now) -> [Agent.Action] {
    var actions: [Agent.Action] = []
    if let covered = memory.covered, covered > now.wall + Agent.clockTolerance {
      memory.covered = now.wall
      actions = [.tell(AgentNotice(.clockSetBack, job.name, at: now.wall, seconds: covered - now.wall)), .remember(profile: job.name)]
    }
    return actions
  }

  /// When the next run by the calendar begins; nil when there is none.
  func nextStart(_ now: Agent.Now, _ machine: String) -> Int64? {
    guard memory.wanted == nil, let due = occurrences.next(after: memory.covered ?? now.wall) else { return nil }
    return due + delay(due, machine)
  }

  private func delay(_ due: Int64, _ machine: String) -> Int64 {
    RandomDelay.seconds(job.schedule.randomDelay, profile: job.name, due: due, machine: machine)
  }

  /// Wants a run that is due; of many that were missed, one.
  mutating func lookAtCalendar(_ now: Agent.Now, _ machine: String) -> [Agent.Action] {
    guard let covered = memory.covered, let due = occurrences.next(after: covered) else { return [] }
    let start = due + delay(due, machine)
    guard start <= now.wall else { return [] }
    let isLate = now.wall - start > Agent.grace
    let count = isLate ? occurrences.count(after: covered, through: now.wall, limit: 1000) : 1
    // The newest may be due in time although others were missed.
    let wasMissed = isLate && !isInTime(now)
    memory.covered = now.wall
    guard wasMissed else {
      want(.schedule, since: start)
      return [.remember(profile: job.name)]
    }
    if job.schedule.catchUp { want(.catchUp, since: start) }
    let kind: AgentNotice.Kind = job.schedule.catchUp ? .missed : .leftOut
    return [.remember(profile: job.name), .tell(AgentNotice(kind, job.name, at: now.wall, count: count))]
  }

  private func isInTime(_ now: Agent.Now) -> Bool { occurrences.next(after: now.wall - Agent.grace).map { $0 <= now.wall } == true }

  // MARK: Changes

  /// When changes start a run: after the quiet period, or, where there is never quiet, after a while all the same.
  var changeDue: Int64? {
    guard memory.wanted == nil, let watch = job.schedule.watch, let first = firstChange, let last = lastChange else { return nil }
    let atLast = first + max(watch.minimumInterval, watch.quietPeriod * 10)
    return max(min(last + watch.quietPeriod, atLast), changeAllowed)
  }

  mutating func lookAtChanges(_ now: Agent.Now) {
    if let due = changeDue, due <= now.steady { want(.watch, since: now.wall) }
  }
}

/// Something that the agent has to say.
package struct AgentNotice: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case started, ended, missed, arrived, busy, interrupted, problem, stopping, stopped, waiting, reloaded
    case leftOut = "left-out"
    case onBattery = "on-battery"
    case clockSetBack = "clock-set-back"
  }

  package let kind: Kind
  /// nil = all.
  package let profile: String?
  /// Seconds since 1970.
  package let time: Int64
  package var trigger: RunRecord.Trigger?
  /// The exit status of a run.
  package var status: Int32?
  /// Runs that were missed.
  package var count: Int?
  /// How far the clock was set back.
  package var seconds: Int64?
  /// A volume; or a sentence about a problem.
  package var subject: String?

  package init(
    _ kind: Kind, _ profile: String?, at time: Int64, trigger: RunRecord.Trigger? = nil, status: Int32? = nil, count: Int? = nil,
    seconds: Int64? = nil, subject: String? = nil
  ) {
    self.kind = kind
    self.profile = profile
    self.time = time
    self.trigger = trigger
    self.status = status
    self.count = count
    self.seconds = seconds
    self.subject = subject
  }
}
