import CairnFormat
import CairnKit
import CairnProfiles

/// Where amounts of bytes lie on an axis, and at which of them it is marked.
struct ByteScale {
  let marks: [UInt64]
  private let isLogarithmic: Bool
  private let top: Double
  private let bottom: Double

  /// From nothing to a round number not below `largest`.
  static func linear(_ largest: UInt64) -> ByteScale {
    var step: UInt64 = 1
    // 1, 2, 5, 10, 20, 50, 100, 200, 500 of each unit: so that at most five marks are needed.
    outer: for unit in 0...6 {
      for factor in [1, 2, 5, 10, 20, 50, 100, 200, 500] as [UInt64] {
        step = factor << UInt64(10 * unit)
        if step >= UInt64.max / 8 || largest <= step * 5 { break outer }
      }
    }
    let count = max(1, largest / step + (largest % step == 0 ? 0 : 1))
    // The mark above the very largest amounts is no number any more.
    return ByteScale(marks: (0...min(count, 6)).map { $0 * step }, isLogarithmic: false, top: Double(count) * Double(step), bottom: 0)
  }

  /// From a power of 1024 (or an eighth of one) to another, for amounts of very different sizes.
  static func logarithmic(_ smallest: UInt64, _ largest: UInt64) -> ByteScale {
    var low = 0
    while low < 60, UInt64(1) << UInt64(low + 5) <= max(1, smallest) { low += 5 }
    var high = low + 5
    while high < 60, UInt64(1) << UInt64(high) < largest { high += 5 }
    let step = high - low > 25 ? 10 : 5
    let marks = stride(from: low, through: high, by: step).map { UInt64(1) << UInt64($0) }
    return ByteScale(marks: marks, isLogarithmic: true, top: Double(UInt64(1) << UInt64(high)), bottom: Double(UInt64(1) << UInt64(low)))
  }

  /// 0 at the bottom, 1 at the top.
  func share(_ bytes: UInt64) -> Double {
    guard isLogarithmic else { return top > 0 ? min(1, Double(bytes) / top) : 0 }
    guard bytes > 0 else { return 0 }
    return min(1, max(0, Self.log2(Double(bytes) / bottom) / Self.log2(top / bottom)))
  }

  /// The binary logarithm, to a thousandth: enough for where a mark is drawn.
  static func log2(_ value: Double) -> Double {
    guard value > 0, value.isFinite else { return 0 }
    var fraction = value.significand
    var result = Double(value.exponent)
    var bit = 0.5
    for _ in 0..<12 {
      fraction *= fraction
      if fraction >= 2 {
        fraction /= 2
        result += bit
      }
      bit /= 2
    }
    return result
  }
}

/// Where moments lie on an axis, and at which of them it is marked.
struct TimeScale {
  let start: Int64
  let end: Int64
  let marks: [(time: Int64, label: String)]

  /// - Parameter count: marks at the most, about.
  init(_ start: Int64, _ end: Int64, marks count: Int, _ clock: ReportClock) {
    // A single moment gets a day around it.
    let isMoment = end - start < 3600
    self.start = isMoment ? start - 43_200 : start
    self.end = isMoment ? end + 43_200 : end
    marks = Self.marks(self.start, self.end, max(2, count), clock)
  }

  func share(_ time: Int64) -> Double { min(1, max(0, Double(time - start) / Double(end - start))) }

  private static func marks(_ start: Int64, _ end: Int64, _ count: Int, _ clock: ReportClock) -> [(time: Int64, label: String)] {
    let (first, last) = (clock.day(start), clock.day(end))
    let days = last - first
    if days < Int64(count) { return hours(start, end, count, clock) }
    for step in [1, 2, 7, 14] as [Int64] where days / step <= Int64(count) {
      // Weeks begin on Monday, 1970-01-05.
      let from = step % 7 == 0 ? first + (7 - ReportClock.weekday(first)) % 7 : first + 1
      return stride(from: from, through: last, by: Int(step)).map { day in
        let date = CalendarDay(number: day)
        return (clock.calendar.moment(ofReading: day * 86_400), "\(date.day) \(ReportClock.months[Int(date.month) - 1])")
      }
    }
    for step in [1, 2, 3, 6, 12, 24, 60, 120, 240, 1200, 12_000] as [Int64] where days / 30 / step <= Int64(count) {
      return months(start, end, step, clock)
    }
    return []
  }

  private static func hours(_ start: Int64, _ end: Int64, _ count: Int, _ clock: ReportClock) -> [(time: Int64, label: String)] {
    let step = [1, 2, 3, 6, 12, 24].first { (end - start) / 3600 / $0 <= Int64(count) } ?? 24
    let midnight = clock.day(start) * 86_400
    return stride(from: 0, through: (end - start) / 3600 + 24, by: Int(step)).compactMap { hour in
      let reading = midnight + hour * 3600
      let time = clock.calendar.moment(ofReading: reading)
      guard time >= start, time <= end else { return nil }
      let date = CalendarDay(number: ReportClock.floored(reading, 86_400))
      return (time, hour % 24 == 0 ? "\(date.day) \(ReportClock.months[Int(date.month) - 1])" : "\(hour % 24):00")
    }
  }

  private static func months(_ start: Int64, _ end: Int64, _ step: Int64, _ clock: ReportClock) -> [(time: Int64, label: String)] {
    let date = CalendarDay(number: clock.day(start))
    var month = date.year * 12 + date.month - 1
    month = (ReportClock.floored(month, step) + 1) * step
    var marks: [(time: Int64, label: String)] = []
    while marks.count < 100 {
      let (year, index) = (ReportClock.floored(month, 12), Int(month - ReportClock.floored(month, 12) * 12))
      let time = clock.calendar.moment(ofReading: CalendarDay(year: year, month: Int64(index) + 1, day: 1).number * 86_400)
      if time > end { break }
      marks.append((time, step % 12 == 0 ? "\(year)" : "\(ReportClock.months[index]) \(year)"))
      month += step
    }
    return marks
  }
}
