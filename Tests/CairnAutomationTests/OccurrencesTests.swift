import CairnFormat
import CairnKit
import CairnProfiles
import CairnTestSupport
import Testing

@testable import CairnAutomation

/// Local time with clocks set by a list.
struct Zone {
  let standard: Int32
  /// From when on clocks are set to which minutes east of UTC; in order.
  let changes: [(at: Int64, offset: Int32)]

  func offset(_ moment: Int64) -> Int32 { changes.last { $0.at <= moment }?.offset ?? standard }
  var calendar: LocalCalendar { LocalCalendar { offset($0) } }

  static let utc = Zone(standard: 0, changes: [])
  /// Berlin from 2026 to 2028.
  static let berlin = Zone(
    standard: 60,
    changes: [
      (moment(2026, 3, 29, 60), 120), (moment(2026, 10, 25, 60), 60), (moment(2027, 3, 28, 60), 120), (moment(2027, 10, 31, 60), 60),
      (moment(2028, 3, 26, 60), 120), (moment(2028, 10, 29, 60), 60),
    ])
  /// Clocks that are set at midnight, forward to one and back to eleven the day before.
  static let midnight = Zone(
    standard: 120,
    changes: [(moment(2026, 3, 28, 22 * 60), 180), (moment(2026, 10, 24, 21 * 60), 120), (moment(2027, 3, 27, 22 * 60), 180)])
  /// Half an hour, south of the equator; and an odd number of minutes.
  static let lordHowe = Zone(
    standard: 660,
    changes: [(moment(2026, 4, 4, 15 * 60), 630), (moment(2026, 10, 3, 15 * 60 + 30), 660), (moment(2027, 4, 3, 15 * 60), 630)])
  static let kathmandu = Zone(standard: 345, changes: [])
  /// A day that is left out: from 30 December 2026, 00:00, clocks go on with the 31st.
  static let dateLine = Zone(standard: -600, changes: [(moment(2026, 12, 30, 600), 840)])

  /// - Parameter minute: of the day, by UTC.
  static func moment(_ year: Int64, _ month: Int64, _ day: Int64, _ minute: Int64 = 0) -> Int64 {
    CalendarDay(year: year, month: month, day: day).number * 86_400 + minute * 60
  }
}

@Suite struct OccurrencesTests {
  static func schedule(_ rule: CalendarRule? = nil, cron: String...) -> Schedule {
    var schedule = Schedule()
    schedule.rule = rule
    schedule.cron = cron.compactMap(CronExpression.init)
    return schedule
  }

  private static func time(_ text: String) -> CalendarRule.Time { CalendarRule.Time(text: text) ?? .init(minute: 0) }

  /// Local times of the next ones: `2026-03-29 03:00`.
  private static func next(_ count: Int, _ schedule: Schedule, _ zone: Zone, after: Int64) -> [String] {
    Occurrences(schedule, zone.calendar).next(count, after: after).map { text($0, zone) }
  }

  static func text(_ moment: Int64, _ zone: Zone) -> String {
    let local = LocalMoment(Timestamp(seconds: moment, nanoseconds: 0), offsetMinutes: zone.offset(moment))
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let clock = "\(two(local.secondOfDay / 3600)):\(two(local.secondOfDay / 60 % 60))"
    return "\(local.day.year)-\(two(local.day.month))-\(two(local.day.day)) \(clock)"
  }

  @Test func rulesByTheCalendar() {
    let start = Zone.moment(2026, 1, 29, 180)
    let two = [Self.time("02:00")]
    #expect(Self.next(2, Self.schedule(.init(every: .daily, times: two)), .utc, after: start) == ["2026-01-30 02:00", "2026-01-31 02:00"])
    #expect(
      Self.next(3, Self.schedule(.init(every: .weekly, weekdays: [.mon, .sat], times: two)), .utc, after: start)
        == ["2026-01-31 02:00", "2026-02-02 02:00", "2026-02-07 02:00"])
    #expect(
      Self.next(4, Self.schedule(.init(every: .monthly, monthDays: [1, -1], times: two)), .utc, after: start)
        == ["2026-01-31 02:00", "2026-02-01 02:00", "2026-02-28 02:00", "2026-03-01 02:00"])
    // Months without the day have no run.
    #expect(
      Self.next(3, Self.schedule(.init(every: .monthly, monthDays: [31], times: two)), .utc, after: start)
        == ["2026-01-31 02:00", "2026-03-31 02:00", "2026-05-31 02:00"])
    #expect(
      Self.next(3, Self.schedule(.init(every: .monthly, monthDays: [-31, -30], times: two)), .utc, after: start)
        == ["2026-03-01 02:00", "2026-03-02 02:00", "2026-04-01 02:00"])
    #expect(
      Self.next(3, Self.schedule(.init(every: .hourly, times: [Self.time("00:15"), Self.time("00:45")])), .utc, after: start)
        == ["2026-01-29 03:15", "2026-01-29 03:45", "2026-01-29 04:15"])
  }

  @Test func theMomentItselfIsNotNext() {
    let daily = Self.schedule(.init(every: .daily, times: [Self.time("02:00")]))
    let due = Zone.moment(2026, 5, 5, 120)
    let occurrences = Occurrences(daily, Zone.utc.calendar)
    #expect(occurrences.next(after: due - 1) == due)
    #expect(occurrences.next(after: due) == due + 86_400)
    #expect(occurrences.count(after: due - 1, through: due + 86_399, limit: 10) == 1)
    #expect(occurrences.count(after: due - 1, through: due + 86_400, limit: 10) == 2)
    #expect(occurrences.count(after: 0, through: due, limit: 7) == 7)
  }

  @Test func cronExpressions() {
    let start = Zone.moment(2026, 1, 29, 180)
    #expect(Self.next(2, Self.schedule(cron: "30 2 * * sun"), .utc, after: start) == ["2026-02-01 02:30", "2026-02-08 02:30"])
    // Either day suffices.
    #expect(
      Self.next(4, Self.schedule(cron: "0 4 13 * fri"), .utc, after: start)
        == ["2026-01-30 04:00", "2026-02-06 04:00", "2026-02-13 04:00", "2026-02-20 04:00"])
    // Both have to match where one begins with a star.
    #expect(
      Self.next(2, Self.schedule(cron: "0 4 */10 * fri"), .utc, after: start) == ["2026-05-01 04:00", "2026-07-31 04:00"])
    #expect(Self.next(2, Self.schedule(cron: "0 0 29 2 *"), .utc, after: start) == ["2028-02-29 00:00", "2032-02-29 00:00"])
    #expect(Self.next(1, Self.schedule(cron: "0 0 29 2 *"), .utc, after: Zone.moment(2096, 3, 1)) == ["2104-02-29 00:00"])
    // Of several the earliest; what falls together is one.
    #expect(
      Self.next(3, Self.schedule(cron: "0 5 * * *", "0 4,5 * * *"), .utc, after: start)
        == ["2026-01-29 04:00", "2026-01-29 05:00", "2026-01-30 04:00"])
    #expect(Self.next(2, Self.schedule(cron: "0 0 30 2 *"), .utc, after: start) == [])
    #expect(Self.next(2, Self.schedule(), .utc, after: start) == [])
  }

  @Test func aTimeThatClocksSkipIsTheFirstMomentAfter() {
    let before = Zone.moment(2026, 3, 27, 720)
    #expect(
      Self.next(3, Self.schedule(cron: "30 2 * * *"), .berlin, after: before)
        == ["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"])
    // All of the hour that is left out is one run.
    #expect(
      Self.next(4, Self.schedule(cron: "*/20 1-3 * * *"), .berlin, after: Zone.moment(2026, 3, 29, 35))
        == ["2026-03-29 01:40", "2026-03-29 03:00", "2026-03-29 03:20", "2026-03-29 03:40"])
    #expect(
      Self.next(2, Self.schedule(cron: "0 0 * * *"), .midnight, after: Zone.moment(2026, 3, 28))
        == ["2026-03-29 01:00", "2026-03-30 00:00"])
    #expect(
      Self.next(3, Self.schedule(cron: "0 12 * * *"), .dateLine, after: Zone.moment(2026, 12, 28))
        == ["2026-12-28 12:00", "2026-12-29 12:00", "2026-12-31 00:00"])
  }

  @Test func aTimeThatComesTwiceIsOneRun() {
    let all = Occurrences(Self.schedule(cron: "30 2 * * *"), Zone.berlin.calendar).next(3, after: Zone.moment(2026, 10, 24, 720))
    #expect(all == [Zone.moment(2026, 10, 25, 30), Zone.moment(2026, 10, 26, 90), Zone.moment(2026, 10, 27, 90)])
    // Asked between the two.
    let between = Zone.moment(2026, 10, 25, 70)
    #expect(Occurrences(Self.schedule(cron: "30 2 * * *"), Zone.berlin.calendar).next(after: between) == Zone.moment(2026, 10, 26, 90))
    #expect(
      Self.next(2, Self.schedule(cron: "0,30 23 * * *"), .midnight, after: Zone.moment(2026, 10, 24, 20 * 60 + 15))
        == ["2026-10-24 23:30", "2026-10-25 23:00"])
  }

  @Test func momentsOutOfReachHaveNone() {
    let occurrences = Occurrences(Self.schedule(cron: "* * * * *"), Zone.utc.calendar)
    for moment in [Int64.min, -(1 << 40), 1 << 40, .max] { #expect(occurrences.next(after: moment) == nil) }
  }

  /// Two years minute by minute, with nothing of the code under test: a run is due at the first minute at which clocks show a time that
  /// fits, or have gone past one that they never showed before.
  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func asAClockWatcherWouldTell(zoneNumber: Int) {
    let zone = [Zone.utc, .berlin, .midnight, .lordHowe, .kathmandu, .dateLine][zoneNumber]
    let two = Self.time("02:30"), late = Self.time("23:45"), midnight = Self.time("00:00")
    typealias Fits = (_ minute: Int, _ hour: Int, _ day: CalendarDay, _ weekday: Int) -> Bool
    func last(_ day: CalendarDay, _ back: Int64) -> Bool { CalendarDay(number: day.number + back).day == 1 }
    let cases: [(Schedule, Fits)] = [
      (Self.schedule(.init(every: .daily, times: [two, late])), { m, h, _, _ in (h == 2 && m == 30) || (h == 23 && m == 45) }),
      (Self.schedule(.init(every: .daily, times: [midnight])), { m, h, _, _ in h == 0 && m == 0 }),
      (
        Self.schedule(.init(every: .weekly, weekdays: [.sun, .wed], times: [two])),
        { m, h, _, w in h == 2 && m == 30 && (w == 0 || w == 3) }
      ),
      (
        Self.schedule(.init(every: .monthly, monthDays: [15, -1, -3], times: [late])),
        { m, h, day, _ in h == 23 && m == 45 && (day.day == 15 || last(day, 1) || last(day, 3)) }
      ),
      (Self.schedule(cron: "5-50/15 1-4 * * *"), { m, h, _, _ in (1...4).contains(h) && [5, 20, 35, 50].contains(m) }),
      (
        Self.schedule(cron: "0 */6 1,31 */2 1-5"),
        { m, h, day, w in
          m == 0 && h % 6 == 0 && day.month % 2 == 1 && ([1, 31].contains(day.day) || (1...5).contains(w))
        }
      ),
    ]
    let start = Zone.moment(2026, 1, 1, 777), end = start + 730 * 86_400
    var expected = cases.map { _ in [Int64]() }
    var seen = start / 60 + Int64(zone.offset(start))
    var minute = start / 60 + 1
    while minute * 60 <= end {
      let shown = minute + Int64(zone.offset(minute * 60))
      while seen < shown {
        seen += 1
        let day = CalendarDay(number: seen / 1440)
        let (hour, past, weekday) = (Int(seen % 1440) / 60, Int(seen % 60), Int((seen / 1440 + 4) % 7))
        for index in cases.indices where cases[index].1(past, hour, day, weekday) && expected[index].last != minute * 60 {
          expected[index].append(minute * 60)
        }
      }
      minute += 1
    }
    for (index, (schedule, _)) in cases.enumerated() {
      let occurrences = Occurrences(schedule, zone.calendar)
      var found: [Int64] = []
      var moment = start
      while let next = occurrences.next(after: moment), next <= end {
        found.append(next)
        moment = next
      }
      #expect(found == expected[index], "case \(index)")
      #expect(found.count > 20)
    }
  }
}
