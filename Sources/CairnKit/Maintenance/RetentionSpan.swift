import CairnFormat

/// A length of time on the calendar: `2y5m7d3h` as restic writes it (`m` is months), also with `w` for weeks, or `P2Y5M1W7DT3H` of ISO 8601.
public struct RetentionSpan: Sendable, Hashable {
  let years: Int64
  let months: Int64
  let days: Int64
  let hours: Int64

  /// Each unit at most once, in any order; at least an hour in all.
  ///
  /// - Throws: `CairnError(.usage)` that says what is wrong with the text.
  public init(_ text: String) throws {
    var rest = text.lowercased()[...]
    if rest.first == "p" {
      rest.removeFirst()
      let halves = rest.split(separator: "t", maxSplits: 1, omittingEmptySubsequences: false)
      // After the T an M is minutes, which are too short for this.
      guard halves.count < 2 || halves.last?.allSatisfy({ $0 != "m" }) == true else { throw Self.invalid(text) }
      rest = halves.joined()[...]
    }
    var counts: [Character: Int64] = [:]
    while !rest.isEmpty {
      let digits = rest.prefix { ("0"..."9").contains($0) }
      rest = rest.dropFirst(digits.count)
      guard let unit = rest.popFirst(), let count = Int64(digits), count <= 1_000_000 else { throw Self.invalid(text) }
      guard "ymwdh".contains(unit) else {
        throw CairnError(.usage, "'\(unit)' is not a unit of time here: y, m (months), w, d and h are.")
      }
      guard counts.updateValue(count, forKey: unit) == nil else { throw Self.invalid(text) }
    }
    years = counts["y", default: 0]
    months = counts["m", default: 0]
    days = counts["w", default: 0] * 7 + counts["d", default: 0]
    hours = counts["h", default: 0]
    guard years + months + days + hours > 0 else { throw Self.invalid(text) }
  }

  /// With months of 30 and years of 365 days.
  package var approximateDays: Int64 { years * 365 + months * 30 + days }

  private static func invalid(_ text: String) -> CairnError {
    CairnError(.usage, "'\(Escaping.terminal(Array(text.utf8)))' is not a length of time such as 2y5m7d3h, 8w or P1M.")
  }

  /// The moment that lies this long before another, by the calendar: months and years first, where the month's last day stands in for
  /// days that it has not; then days; then hours.
  func start(before time: Timestamp, offsetMinutes: Int32) -> Timestamp {
    let local = LocalMoment(time, offsetMinutes: offsetMinutes)
    let month = local.day.year * 12 + local.day.month - 1 - years * 12 - months
    let year = month >= 0 ? month / 12 : (month - 11) / 12
    var day = CalendarDay(year: year, month: month - year * 12 + 1, day: 1)
    day.day = min(local.day.day, CalendarDay.daysIn(month: day.month, year: day.year))
    let seconds = Saturating.sum(Saturating.product(day.number - days, 86_400), local.secondOfDay - hours * 3600)
    return Timestamp(seconds: Saturating.sum(seconds, Int64(offsetMinutes) * -60), nanoseconds: time.nanoseconds)
  }
}

extension RetentionSpan: CustomStringConvertible {
  /// As restic writes it: `2y5m7d3h`.
  public var description: String {
    [(years, "y"), (months, "m"), (days, "d"), (hours, "h")].map { $0.0 > 0 ? "\($0.0)\($0.1)" : "" }.joined()
  }
}
