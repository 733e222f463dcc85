package import CairnFormat

/// A day of the Gregorian calendar, which is taken to have held for ever; every day that fits an `Int64` of seconds has one.
package struct CalendarDay: Hashable, Sendable {
  package var year: Int64
  /// 1 … 12
  package var month: Int64
  /// 1 … 31
  package var day: Int64

  package init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// - Parameter number: days since 1970-01-01, at most those of an `Int64` of seconds. (Hinnant's `civil_from_days`.)
  package init(number: Int64) {
    let shifted = number + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days since 1970-01-01.
  package var number: Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let yearOfEra = y - era * 400
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// 1 … 4
  var quarter: Int64 { (month + 2) / 3 }

  /// The week after ISO 8601: it begins on Monday and belongs to the year that has its Thursday.
  var week: (year: Int64, week: Int64) {
    let number = number
    let fromMonday = ((number + 3) % 7 + 7) % 7
    let thursday = number - fromMonday + 3
    let year = CalendarDay(number: thursday).year
    return (year, (thursday - CalendarDay(year: year, month: 1, day: 1).number) / 7 + 1)
  }

  package static func daysIn(month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

/// What clocks showed at a moment, where the zone was so far east of UTC.
package struct LocalMoment: Sendable {
  package let day: CalendarDay
  /// 0 … 86 399
  package let secondOfDay: Int64

  package init(_ time: Timestamp, offsetMinutes: Int32) {
    let seconds = Saturating.sum(time.seconds, Int64(offsetMinutes) * 60)
    let rest = seconds % 86_400
    secondOfDay = rest < 0 ? rest + 86_400 : rest
    day = CalendarDay(number: seconds / 86_400 - (rest < 0 ? 1 : 0))
  }

  var hour: Int64 { secondOfDay / 3600 }
}

/// Sums that stop at the ends of the numbers: times in a repository can be any.
enum Saturating {
  static func sum(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? (b > 0 ? .max : .min) : sum
  }

  static func product(_ a: Int64, _ b: Int64) -> Int64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? ((a > 0) == (b > 0) ? .max : .min) : product
  }
}
