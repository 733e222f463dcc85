package import CairnProfiles

/// The calendar part of a schedule in the words of others.
extension Schedule {
  /// `OnCalendar=` of a systemd timer, an expression a line; empty without a calendar.
  package var onCalendar: [String] { (rule?.onCalendar ?? []) + cron.flatMap(\.onCalendar) }

  /// The five fields of crontab(5), a line each. Days counted from a month's end are left to the program: such a line comes on every
  /// day that may be meant.
  package var crontabFields: [String] { (rule?.crontabFields ?? []) + cron.map(\.crontabFields) }
}

extension CalendarRule {
  var onCalendar: [String] {
    switch every {
    case .hourly: ["*-*-* *:\(Digits.list(times.map { $0.minute % 60 })):00"]
    case .daily: clocks.map { "*-*-* \($0):00" }
    case .weekly:
      clocks.map { clock in
        let names = Weekday.allCases.filter(weekdays.contains).map { $0.rawValue.prefix(1).uppercased() + $0.rawValue.dropFirst() }
        return "\(names.joined(separator: ",")) *-*-* \(clock):00"
      }
    case .monthly:
      clocks.flatMap { clock in
        let fromEnd = monthDays.filter { (-28 ... -1).contains($0) }.map(-)
        let lists = [("-", monthDays.filter { $0 > 0 }.sorted()), ("~", fromEnd.sorted())].filter { !$0.1.isEmpty }
        return lists.map { "*-*\($0)\(Digits.list($1)) \(clock):00" }
          + monthDays.filter { $0 < -28 }.sorted().flatMap { Self.early($0, clock) }
      }
    }
  }

  var crontabFields: [String] {
    if every == .hourly { return ["\(Digits.plain(times.map { $0.minute % 60 })) * * * *"] }
    let fields = every == .weekly ? "* * \(Digits.plain(weekdays.map { $0.number % 7 }.sorted()))" : "\(cronDays) * *"
    return times.map { "\($0.minute % 60) \($0.minute / 60) \(fields)" }
  }

  /// Counted from a month's end systemd knows no more than 28 days: the months that are longer have the others at their beginning.
  private static func early(_ day: Int, _ clock: String) -> [String] {
    let months = [(31, "*-01,03,05,07,08,10,12"), (30, "*-04,06,09,11"), (29, "2000/4-02")].filter { $0.0 >= -day }
    return months.map { "\($0.1)-\(Digits.two($0.0 + day + 1)) \(clock):00" }
  }

  /// Every day that one of `monthDays` can be: the last day of a month is one of 28 to 31.
  private var cronDays: String {
    guard every == .monthly else { return "*" }
    let days = Set(monthDays.flatMap { $0 > 0 ? [$0] : Array(max(1, 29 + $0)...(32 + $0)) })
    return Digits.plain(days.sorted())
  }

  private var clocks: [String] { times.map { "\(Digits.two($0.minute / 60)):\(Digits.two($0.minute % 60))" } }
}

extension CronExpression {
  /// Two expressions where either day suffices: systemd wants both.
  var onCalendar: [String] {
    let clock = "\(Digits.list(hours, all: 24)):\(Digits.list(minutes, all: 60)):00"
    let month = Digits.list(months, all: 12)
    let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let week = weekdays.count == 7 ? "" : weekdays.map { names[$0] }.joined(separator: ",") + " "
    let days = Digits.list(monthDays, all: 31)
    guard hasMonthDays && hasWeekdays else { return ["\(week)*-\(month)-\(days) \(clock)"] }
    // A weekday field that names every day makes the other one idle.
    return weekdays.count == 7 || days == "*" ? ["*-\(month)-* \(clock)"] : ["\(week)*-\(month)-* \(clock)", "*-\(month)-\(days) \(clock)"]
  }

  /// Written out, because not every cron knows names, `5/10` and words such as `@daily`. A day field that begins with `*` still does:
  /// cron reads it so that both days have to match.
  var crontabFields: String {
    let fields = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    func open(_ field: Int) -> String { fields.count == 5 ? fields[field] : "*" }
    return [
      Digits.plain(minutes, all: 60), Digits.plain(hours, all: 24), hasMonthDays ? Digits.plain(monthDays) : open(2),
      Digits.plain(months, all: 12), hasWeekdays ? Digits.plain(weekdays) : open(4),
    ].joined(separator: " ")
  }
}

private enum Digits {
  static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  /// `01,15`, or `*` for all there are.
  static func list(_ numbers: [Int], all: Int? = nil) -> String {
    numbers.count == all ? "*" : numbers.map(two).joined(separator: ",")
  }

  static func plain(_ numbers: [Int], all: Int? = nil) -> String {
    numbers.count == all ? "*" : numbers.map(String.init).joined(separator: ",")
  }
}
