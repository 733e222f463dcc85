import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles
import CairnSystem

/// `cairn schedule`
struct ScheduleGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Lets profiles run by themselves.",
    subcommands: [ScheduleInstall.self, ScheduleList.self, ScheduleNext.self, ScheduleRunNow.self, ScheduleRemove.self, ScheduleRun.self])
}

/// `cairn schedule install`
struct ScheduleInstall: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Hands the schedule of a profile to systemd or cron.",
    discussion: """
      With systemd: a service and a timer, of the user or, as root, of the machine. Else lines in the user's crontab. What is installed \
      already is replaced; when a step fails nothing is changed. A user's timers run while that user is logged in, or always after \
      'loginctl enable-linger'. Where there is neither, as in a container, 'cairn schedule run' stays and runs what is due.

      EXAMPLES
        cairn schedule install -P home
        cairn schedule install --all --system
        cairn schedule install -P home --crontab --dry-run
      """)

  @Flag(help: "All profiles that have a schedule.")
  var all = false

  @Flag(help: "Timers of this user.")
  var user = false

  @Flag(help: "Timers of the machine; the default for root.")
  var system = false

  @Flag(help: "With systemd, also where it is not running.")
  var systemd = false

  @Flag(help: "In the crontab, also where systemd is running.")
  var crontab = false

  @Flag(name: [.customShort("n"), .long], help: "Print what would be written, and change nothing.")
  var dryRun = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func validate() throws {
    if user && system { throw ValidationError("--user and --system exclude each other.") }
    if systemd && crontab { throw ValidationError("--systemd and --crontab exclude each other.") }
    if crontab && (user || system) { throw ValidationError("--user and --system go with systemd.") }
    if all && global.profile != nil { throw ValidationError("--all and --profile exclude each other.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let setting = try ScheduleSetting(run)
    if !all { _ = try setting.profile() }
    let usesCrontab = crontab || (!systemd && !user && !system && !setting.host.isSystemdRunning)
    let scope: UnitFiles.Scope = system || (!user && Host.userID == 0) ? .system : .user
    for profile in try setting.runnable(all: all) {
      guard let schedule = profile.schedule else { continue }
      if usesCrontab { try inCrontab(profile, schedule, setting) } else { try asUnits(profile, scope, setting) }
      if !dryRun { tell(profile, schedule, usesCrontab ? .crontab : .units(scope), setting) }
    }
    return .success
  }

  private func inCrontab(_ profile: Profile, _ schedule: Schedule, _ setting: ScheduleSetting) throws {
    let block = CrontabText.block(profile, schedule, try setting.scheduledRun(profile, setsHome: false))
    if dryRun { return show([("crontab", block.joined(separator: "\n") + "\n")], profile, setting) }
    var memory = AgentMemory(profile.name, setting.files)
    if memory.covered == nil {
      memory.covered = setting.now
      try memory.save(profile.name, setting.files)
    }
    try setting.crontab.change { $0.put(profile.name, block, fingerprint: CrontabText.fingerprint(profile, schedule)) }
  }

  private func asUnits(_ profile: Profile, _ scope: UnitFiles.Scope, _ setting: ScheduleSetting) throws {
    let installer = try UnitInstaller(setting.host, scope)
    guard let units = UnitFiles(profile, scope, try setting.scheduledRun(profile, setsHome: scope == .system)) else { return }
    if dryRun {
      let files = units.files.map { (String(decoding: installer.path($0.name), as: UTF8.self), $0.text) }
      return show(files, profile, setting)
    }
    try installer.install(units.files, profile: profile.name)
  }

  private func show(_ files: [(path: String, text: String)], _ profile: Profile, _ setting: ScheduleSetting) {
    for file in files {
      if setting.run.console.json {
        setting.run.console.line(
          JSONLine.object { line in
            line.member("message_type", "schedule_file")
            line.member("profile", profile.name)
            line.member("path", file.path)
            line.member("text", file.text)
          })
      } else {
        setting.run.console.line("# \(Escaping.terminal(Array(file.path.utf8)))")
        setting.run.console.write(Array((file.text + "\n").utf8))
      }
    }
  }

  private func tell(_ profile: Profile, _ schedule: Schedule, _ place: InstalledSchedule.Place, _ setting: ScheduleSetting) {
    let console = setting.run.console
    let occurrences = Occurrences(schedule, setting.calendar)
    if console.json {
      return console.line(
        JSONLine.object { line in
          line.member("message_type", "schedule_installed")
          line.member("profile", profile.name)
          line.member("how", place.words)
          line.list("next") { line in for time in occurrences.next(3, after: setting.now) { line.element(LocalTime.rfc3339(time, 0)) } }
        })
    }
    console.remark("installed '\(profile.name)' (\(place.words)); it runs:")
    for words in schedule.words(occurrences, now: setting.now) { console.remark("  \(words)") }
    for note in notes(schedule, place, setting.host) { console.remark(note) }
  }

  private func notes(_ schedule: Schedule, _ place: InstalledSchedule.Place, _ host: ScheduleHost) -> [String] {
    switch place {
    case .crontab:
      schedule.hasEvents ? ["Volumes and files are watched from the next start of the machine on; until then by 'cairn schedule run'."] : []
    case .units(let scope):
      (host.isSystemdRunning ? [] : ["systemd is not running here: the timer begins when it does."])
        + (scope == .user && !host.isLingering
          ? ["While you are not logged in nothing runs, unless 'loginctl enable-linger \(Host.userName)' allows it."] : [])
    }
  }
}
