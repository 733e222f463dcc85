/// Five fields as in crontab(5): minute, hour, day of the month, month, day of the week; or `@hourly` and the like.
///
/// Lists, ranges, steps, names of months and days; 0 and 7 are Sunday. Where both days are restricted, either suffices, as with cron.
package struct CronExpression: Sendable, Equatable {
  /// As written.
  package let text: String
  /// A bit for each value; of the weekdays bit 0 is Sunday.
  private let minuteBits, hourBits, monthDayBits, monthBits, weekdayBits: UInt64
  /// Whether the field is restricted for the rule that either day suffices: it does not begin with `*`.
  package let hasMonthDays: Bool, hasWeekdays: Bool

  package init?(_ text: String) {
    let words = [
      "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
      "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]
    let fields = (words[text] ?? text).split(whereSeparator: { $0 == " " || $0 == "\t" })
    guard fields.count == 5, text.utf8.count <= 1000 else { return nil }
    let monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    guard let minutes = Self.field(fields[0], 0...59), let hours = Self.field(fields[1], 0...23),
      let monthDays = Self.field(fields[2], 1...31), let months = Self.field(fields[3], 1...12, monthNames, first: 1),
      let weekdays = Self.field(fields[4], 0...7, dayNames, first: 0)
    else { return nil }
    self.text = text
    minuteBits = minutes
    hourBits = hours
    monthDayBits = monthDays
    monthBits = months
    // 7 is Sunday too.
    weekdayBits = (weekdays | weekdays >> 7) & 0x7f
    hasMonthDays = !fields[2].hasPrefix("*")
    hasWeekdays = !fields[4].hasPrefix("*")
  }

  /// The values of each field, in order; of weekdays 0 = Sunday … 6 = Saturday.
  package var minutes: [Int] { Self.values(minuteBits) }
  package var hours: [Int] { Self.values(hourBits) }
  package var monthDays: [Int] { Self.values(monthDayBits) }
  package var months: [Int] { Self.values(monthBits) }
  package var weekdays: [Int] { Self.values(weekdayBits) }

  private static func values(_ bits: UInt64) -> [Int] { (0..<64).filter { has(bits, $0) } }

  /// - Parameter weekday: 0 = Sunday … 6 = Saturday.
  package func matches(minute: Int, hour: Int, day: Int, month: Int, weekday: Int) -> Bool {
    guard Self.has(minuteBits, minute), Self.has(hourBits, hour) else { return false }
    return matches(day: day, month: month, weekday: weekday)
  }

  /// Whether any minute of the day matches.
  package func matches(day: Int, month: Int, weekday: Int) -> Bool {
    guard Self.has(monthBits, month) else { return false }
    let byMonthDay = Self.has(monthDayBits, day)
    let byWeekday = Self.has(weekdayBits, weekday)
    return hasMonthDays && hasWeekdays ? byMonthDay || byWeekday : byMonthDay && byWeekday
  }

  /// Whether there is such a day at all: 30 February is none.
  package var canOccur: Bool {
    if hasWeekdays { return true }
    let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return longest.indices.contains { month in
      Self.has(monthBits, month + 1) && (1...longest[month]).contains { Self.has(monthDayBits, $0) }
    }
  }

  private static func has(_ bits: UInt64, _ value: Int) -> Bool { (0..<64).contains(value) && bits >> UInt64(value) & 1 == 1 }

  /// One field: values, ranges and steps with commas between.
  private static func field(_ text: Substring, _ range: ClosedRange<Int>, _ names: [String] = [], first: Int = 0) -> UInt64? {
    var bits: UInt64 = 0
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard let span = halves.first, let bounds = bounds(span, range, names, first, hasStep: halves.count == 2) else { return nil }
      var step = 1
      if halves.count == 2 {
        guard let number = number(halves[1]), (1...range.upperBound).contains(number) else { return nil }
        step = number
      }
      for value in stride(from: bounds.lowerBound, through: bounds.upperBound, by: step) { bits |= 1 << UInt64(value) }
    }
    return bits
  }

  private static func bounds(_ text: Substring, _ range: ClosedRange<Int>, _ names: [String], _ first: Int, hasStep: Bool)
    -> ClosedRange<Int>?
  {
    if text == "*" { return range }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { end in
      number(end) ?? names.firstIndex(of: end.lowercased()).map { $0 + first }
    }
    guard ends.count <= 2, let low = ends.first ?? nil, range.contains(low) else { return nil }
    guard ends.count == 2 else { return low...(hasStep ? range.upperBound : low) }
    guard let high = ends[1], range.contains(high), low <= high else { return nil }
    return low...high
  }

  private static func number(_ text: Substring) -> Int? {
    guard (1...2).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text)
  }
}
