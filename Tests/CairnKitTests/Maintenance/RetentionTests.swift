import CairnFormat
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct RetentionTests {
  private typealias Fixture = RetentionFixture

  struct Case: Sendable {
    let name: String
    let policy: String
    var offset: Int32 = 0
    /// Oldest first; those with a star stay.
    let times: [String]
  }

  static let cases: [Case] = [
    Case(name: "last", policy: "last 2", times: ["2026-01-01 00:00", "2026-01-02 00:00*", "2026-01-02 00:01*"]),
    Case(name: "unlimited", policy: "last -1", times: ["2026-01-01 00:00*", "2026-01-02 00:00*"]),
    Case(name: "the oldest fills a rule that has room", policy: "daily 3", times: ["2026-01-01 08:00*", "2026-01-01 20:00*"]),
    Case(
      name: "the newest of a day", policy: "daily 2",
      times: ["2026-01-01 23:59*", "2026-01-02 00:00", "2026-01-02 23:59*"]),
    Case(
      name: "empty days take no place", policy: "daily 3",
      times: ["2025-12-01 00:00", "2025-12-01 12:00*", "2026-01-10 12:00*", "2026-03-02 12:00*"]),
    Case(
      name: "hours", policy: "hourly 2",
      times: ["2026-01-01 09:59:59", "2026-01-01 10:00:00", "2026-01-01 10:59:59*", "2026-01-01 11:00:00*"]),
    // 2020-12-31 is a Thursday: Monday 2020-12-28 to Sunday 2021-01-03 is week 53 of 2020.
    Case(
      name: "week 53 spans the new year", policy: "weekly 2",
      times: ["2020-12-27 23:00", "2020-12-28 00:00", "2021-01-03 23:59*", "2021-01-04 00:00*"]),
    // 2024-12-30 is a Monday and week 1 of 2025.
    Case(
      name: "week 1 begins in the old year", policy: "weekly 3",
      times: ["2024-12-29 12:00*", "2024-12-30 12:00", "2025-01-05 12:00*", "2025-01-06 12:00*"]),
    Case(
      name: "the leap day is a day of February", policy: "monthly 2",
      times: ["2024-02-28 12:00", "2024-02-29 23:59*", "2024-03-01 00:00*"]),
    Case(
      name: "quarters end with March, June, September and December", policy: "quarterly 4",
      times: [
        "2025-03-31 23:59", "2025-04-01 00:00", "2025-06-30 23:59*", "2025-07-01 00:00", "2025-09-30 23:59*", "2025-10-01 00:00",
        "2025-12-31 23:59*", "2026-01-01 00:00*",
      ]),
    Case(name: "years", policy: "yearly 2", times: ["2024-12-31 23:59", "2025-01-01 00:00", "2025-12-31 23:59*", "2026-01-01 00:00*"]),
    Case(
      name: "the day is that of the zone", policy: "daily 2", offset: 780,
      times: ["2026-01-01 23:30", "2026-01-02 00:30", "2026-01-02 12:59*", "2026-01-03 00:10*"]),
    Case(
      name: "within is longer than exactly", policy: "within 1d",
      times: ["2026-01-01 12:00:00", "2026-01-01 12:00:01*", "2026-01-02 12:00:00*"]),
    Case(
      name: "a month before the last of March is the last of February", policy: "within 1m",
      times: ["2025-02-28 12:00:00", "2025-02-28 12:00:01*", "2025-03-31 12:00:00*"]),
    Case(
      name: "a year before the leap day is 28 February", policy: "within 1y",
      times: ["2023-02-28 12:00:00", "2023-02-28 12:00:01*", "2024-02-29 12:00:00*"]),
    Case(
      name: "years, months, days and hours one after the other", policy: "within 1y2m3d4h",
      times: ["2025-01-12 06:00:00", "2025-01-12 06:00:01*", "2026-03-15 10:00:00*"]),
    Case(
      name: "the newest of each day within three days", policy: "daily within 3d",
      times: ["2026-01-01 08:00", "2026-01-03 08:00", "2026-01-03 20:00*", "2026-01-05 08:00", "2026-01-05 09:00*"]),
    Case(
      name: "two rules together", policy: "last 1;monthly 2",
      times: ["2026-01-15 00:00", "2026-01-31 00:00*", "2026-02-01 00:00", "2026-02-02 00:00*"]),
    Case(name: "a rule of none is no rule", policy: "last 0;daily 1", times: ["2026-01-01 00:00", "2026-01-02 00:00*"]),
  ]

  @Test(arguments: cases) func thePolicyKeepsWhatItSays(test: Case) throws {
    let snapshots = try Fixture.snapshots(test.times, offset: test.offset)
    let result = try Fixture.policy(test.policy).apply(to: snapshots, now: Fixture.now)
    let expected = zip(snapshots, test.times).filter { $0.1.hasSuffix("*") }.map(\.0.idHex)
    #expect(result.kept.map(\.snapshot.idHex) == expected, "\(test.name)")
    #expect(result.kept.count + result.removed.count == snapshots.count)
  }

  @Test func eachSnapshotIsJudgedByTheClockOfItsOwnZone() throws {
    // Both 23:30 by the local clock of 25 October, at +2 and then, the clocks set back, at +1; in UTC the second is 22:30.
    let summer = Fixture.snapshot(try Fixture.seconds("2026-10-24 23:30", offset: 120), offset: 120)
    let fold = Fixture.snapshot(try Fixture.seconds("2026-10-25 02:30", offset: 120), offset: 120)
    let foldAgain = Fixture.snapshot(try Fixture.seconds("2026-10-25 02:30", offset: 60), offset: 60)
    let winter = Fixture.snapshot(try Fixture.seconds("2026-10-25 23:30", offset: 60), offset: 60)
    let all = [summer, fold, foldAgain, winter]
    let daily = try Fixture.policy("daily 2").apply(to: all, now: Fixture.now)
    #expect(daily.kept.map(\.reasons) == [["daily 2026-10-24"], ["daily 2026-10-25"]])
    #expect(daily.kept.map(\.snapshot.idHex) == [summer.idHex, winter.idHex])
    // The hour that clocks show twice is one hour.
    let hourly = try Fixture.policy("hourly 3").apply(to: all, now: Fixture.now)
    #expect(hourly.kept.map(\.snapshot.idHex) == [summer.idHex, foldAgain.idHex, winter.idHex])
    #expect(hourly.kept.map(\.reasons) == [["hourly 2026-10-24 23"], ["hourly 2026-10-25 02"], ["hourly 2026-10-25 23"]])
  }

  @Test func aTravellersDayIsCountedOnce() throws {
    // Flown west: the day 5 comes again after a snapshot that already says 6.
    let east = Fixture.snapshot(try Fixture.seconds("2026-05-06 01:00", offset: 720), offset: 720)
    let west = Fixture.snapshot(try Fixture.seconds("2026-05-05 20:00", offset: -480), offset: -480)
    let before = Fixture.snapshot(try Fixture.seconds("2026-05-05 09:00", offset: 720), offset: 720)
    let first = Fixture.snapshot(try Fixture.seconds("2026-05-04 09:00", offset: 720), offset: 720)
    let result = try Fixture.policy("daily 3").apply(to: [first, before, east, west], now: Fixture.now)
    #expect(result.kept.map(\.snapshot.idHex) == [first.idHex, east.idHex, west.idHex])
    #expect(result.removed.map(\.idHex) == [before.idHex])
  }

  @Test func tagsAndKindsKeep() throws {
    let day: Int64 = 86_400
    let snapshots = [
      Fixture.snapshot(0, kind: .full), Fixture.snapshot(day, tags: ["a"], kind: .incremental),
      Fixture.snapshot(2 * day, tags: ["b", "a", "c"], kind: .differential), Fixture.snapshot(3 * day, kind: .full),
      Fixture.snapshot(4 * day, tags: ["b"], kind: .incremental),
    ]
    func kept(_ policy: RetentionPolicy) -> [Int64] {
      policy.apply(to: snapshots, now: Fixture.now).kept.map { $0.snapshot.manifest.time.seconds / day }
    }
    #expect(kept(try Fixture.policy("tag a")) == [1, 2])
    #expect(kept(try Fixture.policy("tag a,b")) == [2])
    #expect(kept(try Fixture.policy("tag a;tag b")) == [1, 2, 4])
    #expect(kept(try Fixture.policy("full 1")) == [3])
    #expect(kept(try Fixture.policy("full 5;incremental 1")) == [0, 3, 4])
    #expect(kept(try Fixture.policy("differential unlimited")) == [2])
    var untagged = RetentionPolicy()
    untagged.tags = [[]]
    #expect(kept(untagged) == [0, 3])
  }

  @Test func theReasonsAreWords() throws {
    let snapshots = [
      Fixture.snapshot(try Fixture.seconds("2026-11-19 08:00"), tags: ["x", "y"]),
      Fixture.snapshot(try Fixture.seconds("2026-11-21 08:00"), kind: .incremental),
      Fixture.snapshot(try Fixture.seconds("2026-11-21 09:00"), kind: .full),
    ]
    let policy = try Fixture.policy(
      "last 2;hourly 1;daily 2;weekly 2;monthly -1;quarterly 1;yearly 9;within 2d;daily within 1y;full 3;tag x,y")
    let result = policy.apply(to: snapshots, now: Fixture.now)
    #expect(
      result.kept.map(\.reasons) == [
        [
          "tag x,y", "daily 2026-11-19", "oldest weekly 2026-W47", "oldest monthly 2026-11", "oldest yearly 2026",
          "daily 2026-11-19 within 1y", "full 2 of 3",
        ],
        ["within 2d", "last 2 of 2"],
        [
          "within 2d", "last 1 of 2", "hourly 2026-11-21 09", "daily 2026-11-21", "weekly 2026-W47", "monthly 2026-11", "quarterly 2026-Q4",
          "yearly 2026", "daily 2026-11-21 within 1y", "full 1 of 3",
        ],
      ])
  }

  @Test func snapshotsFromTheFutureStayAndTakeNobodysPlace() throws {
    let now = Timestamp(seconds: 1_800_000_000)
    let hour: Int64 = 3600
    let real = (1...3).map { Fixture.snapshot(now.seconds - $0 * 24 * hour) }
    let forged = [Fixture.snapshot(now.seconds + 25 * hour), Fixture.snapshot(.max)]
    let slow = Fixture.snapshot(now.seconds + 23 * hour)
    for text in ["last 2", "daily 2", "full 2", "yearly 2;within 48h"] {
      let policy = try Fixture.policy(text)
      let without = policy.apply(to: real, now: now)
      let with = policy.apply(to: forged + real, now: now)
      #expect(with.kept.filter { $0.reasons != ["dated in the future"] }.map(\.snapshot.idHex) == without.kept.map(\.snapshot.idHex))
      #expect(with.removed.map(\.idHex) == without.removed.map(\.idHex))
      #expect(with.fromTheFuture.map(\.idHex) == forged.map(\.idHex))
    }
    // A clock that is some hours ahead is not a forged one.
    let ahead = try Fixture.policy("last 1").apply(to: real + [slow], now: now)
    #expect(ahead.kept.map(\.snapshot.idHex) == [slow.idHex])
    #expect(ahead.fromTheFuture.isEmpty)
  }

  @Test func timesAtTheEndsOfTheNumbersDoNoHarm() throws {
    let times: [Int64] = [.min, .min + 1, -1, 0, .max - 1, .max]
    let snapshots = times.map { Fixture.snapshot($0, offset: $0 % 2 == 0 ? -1440 : 1440) }
    let rules = "hourly 1;daily 1;weekly 1;monthly 1;quarterly 1;yearly 1;within 1000000y1000000m1000000w1000000h;weekly within 1000000y"
    for now in [Int64.min, 0, .max] {
      let result = try Fixture.policy(rules).apply(to: snapshots, now: Timestamp(seconds: now))
      #expect(result.kept.count + result.removed.count == 6)
    }
  }

  @Test(arguments: 0..<300 as Range<UInt64>) func forgettingTwiceRemovesNothingMore(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let snapshots = Fixture.random(&random)
    let policy = try Fixture.randomPolicy(&random)
    let first = policy.apply(to: snapshots, now: Fixture.now)
    let kept = first.kept.map(\.snapshot)
    #expect(Set(kept.map(\.idHex)).union(first.removed.map(\.idHex)) == Set(snapshots.map(\.idHex)), "seed \(seed)")
    #expect(kept.count + first.removed.count == snapshots.count, "seed \(seed)")
    let second = policy.apply(to: kept, now: Fixture.now)
    #expect(second.removed.isEmpty, "seed \(seed)")
  }

  @Test(arguments: 0..<300 as Range<UInt64>) func aLargerNumberKeepsNoLess(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let snapshots = Fixture.random(&random)
    var policy = try Fixture.randomPolicy(&random)
    let before = Set(policy.apply(to: snapshots, now: Fixture.now).kept.map(\.snapshot.idHex))
    let more: (RetentionCount?) -> RetentionCount = { if case .limited(let n) = $0 { .limited(n + 1) } else { $0 ?? .limited(1) } }
    switch random.next() % 3 {
    case 0: policy.last = more(policy.last)
    case 1:
      let period = RetentionPeriod.allCases[Int(random.next() % 6)]
      policy.periods[period] = more(policy.periods[period])
    default: policy.kinds[.full] = more(policy.kinds[.full])
    }
    let after = Set(policy.apply(to: snapshots, now: Fixture.now).kept.map(\.snapshot.idHex))
    #expect(after.isSuperset(of: before), "seed \(seed)")
  }
}

@Suite struct RetentionSyntaxTests {
  @Test func theCalendarIsRightForEveryDayOfFourCenturies() {
    var day = CalendarDay(year: 1900, month: 1, day: 1)
    #expect(day.number == -25_567)
    // 1900-01-01 was a Monday.
    var weekday = 0
    var week = 1
    for number in day.number..<(day.number + 146_097) {
      #expect(CalendarDay(number: number) == day)
      #expect(day.number == number)
      #expect(day.week.week == week)
      weekday = (weekday + 1) % 7
      day.day += 1
      if day.day > CalendarDay.daysIn(month: day.month, year: day.year) {
        day = CalendarDay(year: day.month == 12 ? day.year + 1 : day.year, month: day.month % 12 + 1, day: 1)
      }
      // A new week is week 1 if its Thursday is among the first seven days of a year.
      if weekday == 0 { week = CalendarDay(number: number + 4).month == 1 && CalendarDay(number: number + 4).day <= 7 ? 1 : week + 1 }
    }
    #expect(CalendarDay(year: 2100, month: 2, day: 29).number == CalendarDay(year: 2100, month: 3, day: 1).number)
  }

  @Test(
    arguments: [
      ("2y5m7d3h", "2y5m7d3h"), ("3h", "3h"), ("2w", "14d"), ("1w1d", "8d"), ("P1Y2M3W4DT5H", "1y2m25d5h"), ("P1M", "1m"), ("5d1y", "1y5d"),
      ("0y1d", "1d"), ("2M", "2m"),
    ])
  func aSpanIsRead(text: String, shown: String) throws { #expect(try RetentionSpan(text).description == shown) }

  @Test(arguments: [
    "", "5", "m", "5x", "-5d", "3d-1h", "0d", "P", "PT5M", "1d1d", "1.5d", "5 d", "1000001y", "99999999999999999999d", "2days", "5s",
  ])
  func whatIsNoSpanIsRefused(text: String) { #expect(throws: CairnError.self) { try RetentionSpan(text) } }

  @Test func anUnknownUnitIsNamed() {
    #expect { try RetentionSpan("5x") } throws: { "\($0)".contains("'x' is not a unit of time") }
  }

  @Test(arguments: [("0", .limited(0)), ("17", .limited(17)), ("-1", .unlimited), ("unlimited", .unlimited)] as [(String, RetentionCount)])
  func aCountIsRead(text: String, count: RetentionCount) throws { #expect(try RetentionCount(text) == count) }

  @Test(arguments: ["", "-2", "+1", "1.5", "all", "99999999999999999999", "0x1"])
  func whatIsNoCountIsRefused(text: String) { #expect(throws: CairnError.self) { try RetentionCount(text) } }

  @Test func aPolicyOfNothingIsEmpty() throws {
    #expect(RetentionPolicy().isEmpty)
    #expect(try RetentionFixture.policy("last 0;daily 0;full 0").isEmpty)
    for text in ["last 1", "yearly -1", "within 1h", "weekly within 1d", "tag x", "incremental 1"] {
      #expect(try !RetentionFixture.policy(text).isEmpty)
    }
  }
}
