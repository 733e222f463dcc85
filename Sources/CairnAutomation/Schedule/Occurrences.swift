package import CairnProfiles
import CairnKit

/// When the calendar part of a schedule wants a run: its rule and its cron expressions, by local clocks.
///
/// A time that clocks skip is the first moment after; one that they show twice is the first of the two. Whatever falls on one moment is
/// one run.
package struct Occurrences: Sendable {
  private let days: [DayRule]
  private let calendar: LocalCalendar

  /// Nothing that can occur is further away: eight years lie between two 29 Februaries where a century has none.
  private static let horizonDays: Int64 = 366 * 9

  package init(_ schedule: Schedule, _ calendar: LocalCalendar) {
    days = (schedule.rule.map { [DayRule($0)] } ?? []) + schedule.cron.map(DayRule.init)
    self.calendar = calendar
  }

  /// Whether there is nothing to wait for.
  package var isEmpty: Bool { days.isEmpty }

  /// The next one.
  ///
  /// - Parameter after: seconds since 1970; the result is later.
  /// - Returns: nil when there is none.
  package func next(after: Int64) -> Int64? {
    // Local clocks are reckoned in 64 bits; what lies further away is no moment that a clock shows.
    guard after > -(1 << 40), after < 1 << 40 else { return nil }
    return days.compactMap { next($0, after: after) }.min()
  }

  /// The next ones, at most `count`.
  package func next(_ count: Int, after: Int64) -> [Int64] {
    var found: [Int64] = []
    var moment = after
    while found.count < count, let next = next(after: moment) {
      found.append(next)
      moment = next
    }
    return found
  }

  /// How many there are later than `after` and up to `through`, at most `limit`.
  package func count(after: Int64, through: Int64, limit: Int) -> Int {
    var moment = after
    var count = 0
    while count < limit, let next = next(after: moment), next <= through {
      count += 1
      moment = next
    }
    return count
  }

  private func next(_ rule: DayRule, after: Int64) -> Int64? {
    // Readings of clocks up to that of `after` come no later than it: the first moment that shows one or a later one counts.
    let reading = after + Int64(calendar.offset(after)) * 60
    let today = Self.floor(reading, 86_400)
    for number in today..<(today + Self.horizonDays) {
      let day = CalendarDay(number: number)
      guard rule.matches(day, number) else { continue }
      for minute in rule.minutes {
        let wall = number * 86_400 + Int64(minute) * 60
        guard wall > reading else { continue }
        let moment = calendar.moment(ofReading: wall)
        if moment > after { return moment }
      }
    }
    return nil
  }

  private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 { (value - ((value % divisor + divisor) % divisor)) / divisor }
}

/// On which days something is due, and at which minutes of such a day.
private struct DayRule: Sendable {
  enum Days: Sendable {
    case rule(CalendarRule)
    case cron(CronExpression)
  }

  let days: Days
  /// 0 … 1439, in order.
  let minutes: [Int]

  init(_ rule: CalendarRule) {
    days = .rule(rule)
    let given = rule.times.map(\.minute)
    minutes = rule.every == .hourly ? (0..<24).flatMap { hour in given.map { hour * 60 + $0 % 60 } } : given
  }

  init(_ cron: CronExpression) {
    days = .cron(cron)
    minutes = cron.hours.flatMap { hour in cron.minutes.map { hour * 60 + $0 } }
  }

  func matches(_ day: CalendarDay, _ number: Int64) -> Bool {
    // 1970-01-01 was a Thursday; 0 = Monday.
    let weekday = Int(((number + 3) % 7 + 7) % 7)
    switch days {
    case .cron(let cron): return cron.matches(day: Int(day.day), month: Int(day.month), weekday: (weekday + 1) % 7)
    case .rule(let rule):
      switch rule.every {
      case .hourly, .daily: return true
      case .weekly: return rule.weekdays.contains { $0.number == weekday + 1 }
      case .monthly:
        let fromEnd = day.day - CalendarDay.daysIn(month: day.month, year: day.year) - 1
        return rule.monthDays.contains(Int(day.day)) || rule.monthDays.contains(Int(fromEnd))
      }
    }
  }
}

extension LocalCalendar {
  /// The first moment at which local clocks show `reading`, or, where they skip it, a later one.
  ///
  /// - Parameter reading: seconds since 1970 as if the clocks were those of UTC.
  func moment(ofReading reading: Int64) -> Int64 {
    var (low, high) = (reading - 86_400, reading + 86_400)
    let (before, after) = (Int64(offset(low)) * 60, Int64(offset(high)) * 60)
    guard before != after else { return reading - before }
    // Clocks are set once within these two days: by bisection, when.
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if Int64(offset(middle)) * 60 == before { low = middle } else { high = middle }
    }
    return reading - before < high ? reading - before : max(high, reading - after)
  }
}
