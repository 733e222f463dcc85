/// `[profile.NAME.schedule]`: when the profile is to run. Times are those of local clocks.
///
/// Each of `rule`, `cron`, `atBoot`, `volumes` and `watch` starts a run by itself; `onMainsPower` holds for all of them.
package struct Schedule: Sendable, Equatable {
  /// Days and times by the calendar.
  package var rule: CalendarRule?
  package var cron: [CronExpression] = []
  /// Once after the machine has started.
  package var atBoot = false
  /// When one of these file systems appears.
  package var volumes: [Volume] = []
  /// When something below these paths changes.
  package var watch: Watch?
  /// Only while the machine is not on battery. A run that is due then waits for `schedule run`; systemd and cron leave it out.
  package var onMainsPower = false
  /// Runs of the calendar begin up to this many seconds later, so that many machines do not begin at once.
  package var randomDelay: Int64 = 0
  /// A run that was missed, because the machine was off or asleep, is made up for once as soon as it can be.
  package var catchUp = true

  package enum Volume: Sendable, Hashable {
    /// Of the file system, as `blkid` prints it.
    case uuid(String)
    case label(String)

    package var text: String {
      switch self {
      case .uuid(let uuid): "uuid:\(uuid)"
      case .label(let label): "label:\(label)"
      }
    }

    /// `uuid:…` or `label:…`
    package init?(text: String) {
      let parts = text.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, !parts[1].isEmpty, !parts[1].contains("/"), parts[1].utf8.count <= 255 else { return nil }
      switch parts[0] {
      case "uuid":
        guard parts[1].allSatisfy({ $0.isHexDigit || $0 == "-" }) else { return nil }
        self = .uuid(String(parts[1]))
      case "label": self = .label(String(parts[1]))
      default: return nil
      }
    }
  }

  package struct Watch: Sendable, Equatable {
    package let paths: [[UInt8]]
    /// Seconds without a change before the run begins. Where there is never quiet it begins after ten times as long, or after
    /// `minimumInterval` if that is more.
    package let quietPeriod: Int64
    /// Seconds between the beginnings of two runs that changes started.
    package let minimumInterval: Int64
  }

  package init() {}

  init(_ reader: inout SectionReader) {
    rule = CalendarRule(&reader)
    cron = reader.list("cron", "five fields (minute hour day month weekday), or a word such as @daily", CronExpression.init(_:)) ?? []
    for expression in cron where !expression.canOccur { reader.mistake("cron", "\"\(expression.text)\" names a day that never comes") }
    atBoot = reader.boolean("at-boot") ?? false
    volumes = reader.list("volumes", "\"uuid:…\" (see blkid) or \"label:…\"", Volume.init(text:)) ?? []
    let paths = reader.paths("watch") ?? []
    let quiet = reader.duration("quiet-period")
    let interval = reader.duration("minimum-interval")
    if paths.isEmpty {
      for key in ["quiet-period", "minimum-interval"] where reader.has(key) && !reader.has("watch") {
        reader.mistake(key, "needs 'watch'")
      }
    } else {
      watch = Watch(paths: paths, quietPeriod: quiet ?? 120, minimumInterval: interval ?? 3600)
    }
    onMainsPower = reader.boolean("on-mains-power") ?? false
    randomDelay = reader.duration("random-delay") ?? 0
    catchUp = reader.boolean("catch-up") ?? true
    let isTimed = rule != nil || !cron.isEmpty
    let keys = ["every", "days", "month-days", "times", "cron", "at-boot", "volumes", "watch"]
    if !isTimed && !atBoot && volumes.isEmpty && watch == nil && !keys.contains(where: { reader.has($0) && $0 != "at-boot" }) {
      reader.log.mistake(reader.place, "[\(reader.name)] never runs: name a time such as every = \"daily\"")
    }
    reader.finish()
  }
}

/// Days and times: `every`, `days`, `month-days`, `times`.
package struct CalendarRule: Sendable, Equatable {
  package enum Every: String, Sendable, CaseIterable {
    case hourly, daily, weekly, monthly
  }

  package enum Weekday: String, Sendable, CaseIterable {
    case mon, tue, wed, thu, fri, sat, sun

    /// 1 = Monday … 7 = Sunday, as ISO 8601 counts.
    package var number: Int { (Self.allCases.firstIndex(of: self) ?? 0) + 1 }
  }

  /// Minutes of the day: 0 … 1439.
  package struct Time: Sendable, Hashable, Comparable {
    package let minute: Int

    package init(minute: Int) { self.minute = minute }

    /// `2:30`, `02:30`
    package init?(text: String) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2 || (parts.count == 3 && parts[2] == "00"), (1...2).contains(parts[0].utf8.count), parts[1].utf8.count == 2,
        parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }), let hour = Int(parts[0]), let minute = Int(parts[1]),
        hour < 24, minute < 60
      else { return nil }
      self.minute = hour * 60 + minute
    }

    package static func < (a: Time, b: Time) -> Bool { a.minute < b.minute }
  }

  package let every: Every
  /// Of a weekly rule; not empty there, and empty elsewhere.
  package let weekdays: Set<Weekday>
  /// Of a monthly rule: 1 … 31, or -1 … -31 counted from the month's end. Months without the day have no run.
  package let monthDays: Set<Int>
  /// Sorted, not empty; of an hourly rule the minutes past the hour.
  package let times: [Time]

  package init(every: Every, weekdays: Set<Weekday> = [], monthDays: Set<Int> = [], times: [Time]) {
    self.every = every
    self.weekdays = weekdays
    self.monthDays = monthDays
    self.times = times.sorted()
  }

  /// nil when the section has none of the keys.
  init?(_ reader: inout SectionReader) {
    let given = reader.choice("every", Every.self)
    let days = reader.list("days", "\"mon\" to \"sun\", \"weekdays\" or \"weekend\"", Self.weekdays)
    let monthDays = reader.list("month-days", "a day from 1 to 31, or -1 for the last one") { text -> Int? in
      Int(text).flatMap { $0 != 0 && (-31...31).contains($0) ? $0 : nil }
    }
    let times = reader.list("times", "a time such as \"02:30\"", Time.init(text:))
    guard ["every", "days", "month-days", "times"].contains(where: reader.has) else { return nil }
    let every = given ?? (reader.has("days") ? .weekly : reader.has("month-days") ? .monthly : .daily)
    if reader.has("days") && every != .weekly { reader.mistake("days", "goes with every = \"weekly\" only") }
    if reader.has("month-days") && every != .monthly { reader.mistake("month-days", "goes with every = \"monthly\" only") }
    if every == .hourly, times?.contains(where: { $0.minute >= 60 }) == true {
      reader.mistake("times", "of an hourly schedule are minutes past the hour, such as \"00:15\"")
    }
    let weekdays = Set((days ?? []).flatMap { $0 })
    let midnight = Time(minute: every == .hourly ? 0 : 120)
    self.init(
      every: every, weekdays: every == .weekly ? (weekdays.isEmpty ? [.mon] : weekdays) : [],
      monthDays: every == .monthly ? (monthDays?.isEmpty == false ? Set(monthDays ?? []) : [1]) : [],
      times: times?.isEmpty == false ? Array(Set(times ?? [])) : [midnight])
  }

  private static func weekdays(_ text: String) -> [Weekday]? {
    switch text {
    case "weekdays": [.mon, .tue, .wed, .thu, .fri]
    case "weekend": [.sat, .sun]
    default: Weekday(rawValue: text).map { [$0] }
    }
  }
}
