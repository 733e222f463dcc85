import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles

/// `cairn schedule list`
struct ScheduleList: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Shows what is installed, when it runs next, and when it last did.",
    discussion: """
      Profiles that have a schedule and are not installed are named too, and what was installed from a profile that has changed since.

      EXAMPLES
        cairn schedule list
      """)

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  private struct Row {
    let profile: String
    let place: InstalledSchedule.Place?
    let next: Int64?
    let last: RunRecord?
    let remark: String
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let setting = try ScheduleSetting(run)
    let rows = try rows(setting)
    if run.console.json {
      for row in rows { run.console.line(Self.record(row)) }
      return .success
    }
    var table = TextTable([("Profile", .left), ("How", .left), ("Next", .left), ("Last run", .left), ("", .left)])
    for row in rows {
      let last = row.last.map { "\(LocalTime.text($0.started)) \($0.outcome.rawValue)" } ?? "-"
      table.add([row.profile, row.place?.words ?? "-", row.next.map(LocalTime.text) ?? "-", last, row.remark])
    }
    for line in table.lines() { run.console.line(line) }
    return .success
  }

  private func rows(_ setting: ScheduleSetting) throws -> [Row] {
    let wanted = global.profile ?? setting.run.environment.value(.profile)
    if let wanted { _ = try setting.configuration.usable(wanted) }
    let installed = try setting.installed().filter { wanted == nil || $0.profile == wanted }
    let missing = setting.configuration.profiles.filter { profile in
      profile.schedule != nil && (wanted == nil || profile.name == wanted) && !installed.contains { $0.profile == profile.name }
    }
    let last = try lastRuns(setting)
    func row(_ name: String, _ place: InstalledSchedule.Place?, _ remark: String) -> Row {
      let schedule = setting.configuration.profile(name)?.schedule
      let next = place == nil ? nil : schedule.flatMap { Occurrences($0, setting.calendar).next(after: setting.now) }
      return Row(profile: name, place: place, next: next, last: last[name], remark: remark)
    }
    return installed.map { row($0.profile, $0.place, remark($0, setting)) } + missing.map { row($0.name, nil, "not installed") }
  }

  private func remark(_ item: InstalledSchedule, _ setting: ScheduleSetting) -> String {
    guard let profile = setting.configuration.profile(item.profile) else { return "there is no such profile any more" }
    guard profile.schedule != nil else { return "the profile has no schedule any more" }
    return setting.isCurrent(item) ? "" : "the profile has changed since: install it again"
  }

  /// The newest record of a backup of each profile.
  private func lastRuns(_ setting: ScheduleSetting) throws -> [String: RunRecord] {
    var found: [String: RunRecord] = [:]
    var left = Set(setting.configuration.profiles.map(\.name))
    try Journal(state: setting.state).forEachNewestFirst { record in
      if record.command == .backup, record.outcome != .skipped, let name = record.profile, left.remove(name) != nil { found[name] = record }
      return !left.isEmpty
    }
    return found
  }

  private static func record(_ row: Row) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "schedule")
      line.member("profile", row.profile)
      line.member("installed", row.place != nil)
      if let place = row.place { line.member("how", place.words) }
      if let next = row.next { line.member("next", LocalTime.rfc3339(next, 0)) }
      if let last = row.last {
        line.member("last", LocalTime.rfc3339(last.started, 0))
        line.member("last_outcome", last.outcome.rawValue)
      }
      line.member("remark", row.remark)
    }
  }
}

/// `cairn schedule next`
struct ScheduleNext: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "next", abstract: "Prints when profiles are to run, by the calendar.",
    discussion: """
      EXAMPLES
        cairn schedule next
        cairn schedule next -P home -n 10
      """)

  @Option(name: [.customShort("n"), .customLong("count")], help: ArgumentHelp("How many times of each profile.", valueName: "number"))
  var count = 3

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func validate() throws {
    if !(1...1000).contains(count) { throw ValidationError("--count must be 1 to 1000.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let setting = try ScheduleSetting(run)
    let times = try setting.profiles().flatMap { profile -> [(time: Int64, profile: String)] in
      guard let schedule = profile.schedule else {
        throw CairnError(.usage, "The profile '\(profile.name)' (\(profile.place.text)) has no schedule.")
      }
      return Occurrences(schedule, setting.calendar).next(count, after: setting.now).map { ($0, profile.name) }
    }
    for (time, profile) in times.sorted(by: { $0.time < $1.time }) {
      if run.console.json {
        run.console.line(
          JSONLine.object { line in
            line.member("message_type", "schedule_time")
            line.member("profile", profile)
            line.member("time", LocalTime.rfc3339(time, 0))
          })
      } else {
        run.console.line("\(LocalTime.text(time))  \(profile)")
      }
    }
    return .success
  }
}
