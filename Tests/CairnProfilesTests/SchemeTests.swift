import CairnFormat
import CairnKit
import Testing

@testable import CairnProfiles

@Suite struct SchemeTests {
  private static let day: Int64 = 86_400
  private static let utc = LocalCalendar { _ in 0 }
  /// Berlin in 2026: clocks are set forward on 29 March and back on 25 October, at 01:00 UTC.
  private static let berlin = LocalCalendar { $0 >= 1_774_746_000 && $0 < 1_792_890_000 ? 120 : 60 }

  /// Midnight UTC.
  private static func midnight(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    CalendarDay(year: year, month: month, day: day).number * Self.day
  }

  private static func scheme(
    full: Scheme.Frequency = .monthly, differential: Scheme.Frequency = .weekly, incremental: Scheme.Frequency = .daily
  ) -> Scheme {
    var scheme = Scheme()
    scheme.full = full
    scheme.differential = differential
    scheme.incremental = incremental
    return scheme
  }

  /// Runs a scheme at the moments given and returns one letter for each kind made.
  private static func kinds(_ scheme: Scheme, at moments: [Int64], _ calendar: LocalCalendar = utc) -> String {
    var history: [Scheme.Made] = []
    var letters = ""
    for now in moments {
      let kind = scheme.kind(at: now, history: history, calendar: calendar)
      history.append(Scheme.Made(time: now, kind: kind))
      letters += kind == .full ? "F" : kind == .differential ? "D" : "i"
    }
    return letters
  }

  @Test func sixtyDaysOfMonthlyWeeklyDaily() {
    // 1 March 2026 is a Sunday, so that the first Monday follows at once.
    let start = Self.midnight(2026, 3, 1) + 12 * 3600
    let days = (0..<62).map { start + Int64($0) * Self.day }
    let march = "F" + String(repeating: "Diiiiii", count: 4) + "Di"
    let april = "Fiiii" + String(repeating: "Diiiiii", count: 3) + "Diii" + "F"
    #expect(Self.kinds(Self.scheme(), at: days) == march + april)
  }

  @Test func whatWasMissedIsMadeUpForOnce() {
    let start = Self.midnight(2026, 3, 1) + 12 * 3600
    // Off from Sunday 8 to Wednesday 18 March, and from 30 March to 3 April.
    let off = Set(Array(7...17) + Array(29...33))
    let days = (0..<40).filter { !off.contains($0) }.map { start + Int64($0) * Self.day }
    //                                        1  2-7      19-22   23-29     4-5   6-
    #expect(Self.kinds(Self.scheme(), at: days) == "F" + "Diiiii" + "Diii" + "Diiiiii" + "Fi" + "Diii")
  }

  @Test func aMachineThatIsOnOnceAWeekMakesDifferentialAndFullOnes() {
    let start = Self.midnight(2026, 3, 4)
    let weeks = (0..<9).map { start + Int64($0) * 7 * Self.day }
    #expect(Self.kinds(Self.scheme(), at: weeks) == "FDDDFDDDD")
  }

  @Test func severalRunsADayMakeTheWeakestKind() {
    let start = Self.midnight(2026, 3, 2)
    let runs = (0..<9).map { start + Int64($0) * 8 * 3600 }
    #expect(Self.kinds(Self.scheme(), at: runs) == "Fiiiiiiii")
    #expect(Self.kinds(Self.scheme(full: .weekly, differential: .daily, incremental: .never), at: runs) == "FDDDDDDDD")
    #expect(Self.kinds(Self.scheme(full: .daily, differential: .never, incremental: .always), at: runs) == "FiiFiiFii")
    #expect(Self.kinds(Self.scheme(full: .always, differential: .never, incremental: .never), at: runs) == "FFFFFFFFF")
    #expect(Self.kinds(Self.scheme(full: .never, differential: .never, incremental: .always), at: runs) == "Fiiiiiiii")
    #expect(Self.kinds(Self.scheme(full: .weekly, differential: .always, incremental: .never), at: runs) == "FDDDDDDDD")
  }

  @Test func daysAreThoseOfLocalClocks() {
    let scheme = Self.scheme(full: .daily, differential: .never, incremental: .always)
    // 23:30 and 00:30 by Berlin's clocks, in winter, summer, and on the days of 23 and 25 hours.
    for day in [Self.midnight(2026, 1, 15), Self.midnight(2026, 3, 29), Self.midnight(2026, 7, 1), Self.midnight(2026, 10, 25)] {
      let offset = Int64(Self.berlin.offset(day)) * 60
      let next = day + Self.day
      let nextOffset = Int64(Self.berlin.offset(next)) * 60
      let moments = [day - offset - 1800, day - offset + 1800, day + Self.day / 2, next - nextOffset - 1800, next - nextOffset + 1800]
      #expect(Self.kinds(scheme, at: moments, Self.berlin) == "FFiiF", "\(day)")
    }
  }

  @Test func theHourThatComesTwiceIsTwoHours() {
    let scheme = Self.scheme(full: .hourly, differential: .never, incremental: .always)
    let back: Int64 = 1_792_890_000
    let moments = [back - 5400, back - 3600, back - 1800, back, back + 1800, back + 3600]
    #expect(Self.kinds(scheme, at: moments, Self.berlin) == "FFiFiF")
  }

  @Test func monthsAndYearsEndWhereTheyShould() {
    let monthly = Self.scheme(full: .monthly, differential: .never, incremental: .always)
    let yearly = Self.scheme(full: .yearly, differential: .never, incremental: .always)
    let quarterly = Self.scheme(full: .quarterly, differential: .never, incremental: .always)
    let weekly = Self.scheme(full: .weekly, differential: .never, incremental: .always)
    let turn = Self.midnight(2027, 1, 1)
    #expect(Self.kinds(monthly, at: [turn - 1, turn]) == "FF")
    #expect(Self.kinds(yearly, at: [turn - 1, turn]) == "FF")
    #expect(Self.kinds(quarterly, at: [turn - 1, turn]) == "FF")
    // Friday 1 January 2027 is still in the last week of 2026.
    #expect(Self.kinds(weekly, at: [turn - 1, turn, turn + 3 * Self.day]) == "FiF")
    let leap = Self.midnight(2028, 2, 29)
    #expect(Self.kinds(monthly, at: [leap, leap + Self.day]) == "FF")
  }

  @Test func aClockThatJumpedBackMakesOneFullSnapshotMore() {
    let now = Self.midnight(2026, 6, 10)
    var history = [Scheme.Made(time: now, kind: .full), Scheme.Made(time: now + Self.day, kind: .incremental)]
    let scheme = Self.scheme()
    // An hour back: nothing is made twice.
    #expect(scheme.kind(at: now + Self.day - 3600, history: history, calendar: Self.utc) == .incremental)
    // Six years back: what there is cannot have been made yet.
    let past = Self.midnight(2020, 1, 1)
    #expect(scheme.kind(at: past, history: history, calendar: Self.utc) == .full)
    history.append(Scheme.Made(time: past, kind: .full))
    #expect(scheme.kind(at: past + 3600, history: history, calendar: Self.utc) == .incremental)
    // And right again.
    #expect(scheme.kind(at: now + 2 * Self.day, history: history, calendar: Self.utc) == .incremental)
  }

  @Test func aSnapshotFromTheFutureStandsForNothing() {
    let now = Self.midnight(2026, 6, 10)
    let history = [Scheme.Made(time: Self.midnight(2099, 6, 10), kind: .full), Scheme.Made(time: now - 40 * Self.day, kind: .full)]
    #expect(Self.scheme().kind(at: now, history: history, calendar: Self.utc) == .full)
  }

  @Test func withoutAFullOneTheNextIsFull() {
    let now = Self.midnight(2026, 6, 10)
    let history = [Scheme.Made(time: now - 60, kind: .incremental), Scheme.Made(time: now - 30, kind: .differential)]
    #expect(Self.scheme(full: .never).kind(at: now, history: history, calendar: Self.utc) == .full)
    #expect(Self.scheme().kind(at: now, history: [], calendar: Self.utc) == .full)
  }

  @Test(arguments: [Int64.min, Int64.min / 2, -1, Int64.max / 2, Int64.max])
  func anyMomentHasAKind(now: Int64) {
    let history = [Int64.min, 0, Int64.max].map { Scheme.Made(time: $0, kind: .full) }
    _ = Self.scheme(full: .hourly).kind(at: now, history: history, calendar: Self.utc)
    _ = Self.scheme().kind(at: now, history: history, calendar: .system)
  }

  @Test func aSchemeKeepsWhatItStandsOn() throws {
    let retention = try #require(Config.profile("[profile.p.retention]\nkeep-last = 3")?.retention)
    #expect(retention.policy(with: nil).kinds == [:])
    #expect(retention.policy(with: Self.scheme()).kinds == [.full: .limited(1), .differential: .limited(1)])
    #expect(retention.policy(with: Self.scheme(differential: .never)).kinds == [.full: .limited(1)])
    let more = try #require(Config.profile("[profile.p.retention]\nkeep-kind = [\"full=5\", \"differential=0\"]")?.retention)
    #expect(more.policy(with: Self.scheme()).kinds == [.full: .limited(5), .differential: .limited(1)])
  }
}
