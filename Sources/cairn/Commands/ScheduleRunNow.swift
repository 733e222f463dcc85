import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles
import CairnSystem
import Glibc

/// `cairn schedule run-now`
struct ScheduleRunNow: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "run-now", abstract: "Runs a profile at once, as its timer would.",
    discussion: """
      Where systemd runs the profile, its service is started, and this waits for the end.

      EXAMPLES
        cairn schedule run-now -P home
      """)

  @Flag(help: ArgumentHelp("Only if the calendar wants it; for lines of a crontab.", visibility: .hidden))
  var fromCron = false

  @Flag(help: ArgumentHelp("Only if a run was missed; for lines of a crontab.", visibility: .hidden))
  var missed = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let setting = try ScheduleSetting(run)
    let profile = try setting.profile()
    try ScheduledRun.check(profile)
    guard let schedule = profile.schedule else { return .success }
    if fromCron || missed {
      guard try isWanted(profile, schedule, setting) else { return .success }
      return try start(profile, setting, missed ? .catchUp : .schedule)
    }
    for case .units(let scope) in try setting.installed().filter({ $0.profile == profile.name }).map(\.place)
    where setting.host.isSystemdRunning {
      let words = (scope == .user ? ["--user"] : []) + ["start", "--wait", "cairn-\(profile.name).service"]
      run.console.remark("running cairn-\(profile.name).service; its words are in the journal of systemd")
      run.console.flush()
      throw ChildProcess.become([setting.host.systemctl] + words.map { Array($0.utf8) })
    }
    return try start(profile, setting, .schedule)
  }

  /// Whether the calendar wants a run, for somebody who knows the calendar only roughly.
  private func isWanted(_ profile: Profile, _ schedule: Schedule, _ setting: ScheduleSetting) throws -> Bool {
    let now = setting.now
    let occurrences = Occurrences(schedule, setting.calendar)
    var memory = AgentMemory(profile.name, setting.files)
    let since = missed ? min(memory.covered ?? now, now) : now - 3600
    let due = occurrences.next(after: since).flatMap { $0 <= now ? $0 : nil }
    guard try due != nil || (missed && wasCutOff(profile.name, memory, setting)) else { return false }
    if schedule.onMainsPower, !PowerSupply.isOnMains() {
      setting.run.console.complain("cairn: The profile '\(profile.name)' is due, and the machine is on battery: the run is left out.")
      return false
    }
    (memory.covered, memory.taken) = (now, now)
    try memory.save(profile.name, setting.files)
    if let due, !missed { sleep(UInt32(clamping: RandomDelay.seconds(schedule.randomDelay, profile: profile.name, due: due))) }
    return true
  }

  /// Whether the run that was taken up last did not come to an end of its own: during the delay, or under way.
  private func wasCutOff(_ profile: String, _ memory: AgentMemory, _ setting: ScheduleSetting) throws -> Bool {
    guard let taken = memory.taken else { return false }
    var hasEnded = false
    try Journal(state: setting.state).forEachNewestFirst { record in
      let isOfProfile = record.command == .backup && record.profile == profile && record.ended >= taken
      hasEnded = isOfProfile && record.outcome != .interrupted && record.outcome != .skipped
      return !hasEnded && record.ended >= taken
    }
    return !hasEnded
  }

  /// The process becomes the run.
  private func start(_ profile: Profile, _ setting: ScheduleSetting, _ trigger: RunRecord.Trigger) throws -> ExitStatus {
    setting.run.console.flush()
    throw ChildProcess.become(try ChildCommand(setting.run, program: ScheduleSetting.program()).words(profile.name, trigger))
  }
}

/// `cairn schedule remove`
struct ScheduleRemove: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Takes the schedule of a profile away from systemd and cron.",
    discussion: """
      A run that is under way goes on to its end. The profile stays in the configuration; it need not be there any more.

      EXAMPLES
        cairn schedule remove -P home
        cairn schedule remove --all
      """)

  @Flag(help: "All that are installed.")
  var all = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func validate() throws {
    if all && global.profile != nil { throw ValidationError("--all and --profile exclude each other.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let setting = try ScheduleSetting(run)
    let name = all ? nil : global.profile ?? run.environment.value(.profile)
    if !all && name == nil { throw CairnError(.usage, "No profile is named.", guidance: "Use --profile NAME, or --all.") }
    let items = try setting.installed().filter { name == nil || $0.profile == name }
    guard !items.isEmpty else {
      guard let name else { return .success }
      throw CairnError(
        .notFound, "No schedule of a profile '\(Escaping.terminal(Array(name.utf8)))' is installed.",
        guidance: "'cairn schedule list' tells.")
    }
    for item in items {
      switch item.place {
      case .units(let scope): _ = try UnitInstaller(setting.host, scope).remove(item.profile)
      case .crontab: try setting.crontab.change { $0.remove(item.profile) }
      }
      if run.console.json {
        run.console.line(
          JSONLine.object { line in
            line.member("message_type", "schedule_removed")
            line.member("profile", item.profile)
            line.member("how", item.place.words)
          })
      } else {
        run.console.remark("removed '\(item.profile)' (\(item.place.words))")
      }
    }
    return .success
  }
}
