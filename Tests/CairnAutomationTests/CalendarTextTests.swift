import CairnProfiles
import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation

/// The words of systemd and cron mean what the schedule means.
@Suite(.timeLimit(.minutes(5))) struct CalendarTextTests {
  static let schedules = [
    "every = \"hourly\"", "every = \"hourly\"\ntimes = [\"00:05\", \"00:35\"]", "every = \"daily\"\ntimes = [\"12:30\", \"00:00\"]",
    "days = [\"weekdays\"]\ntimes = [\"20:15\"]", "days = [\"sun\", \"wed\"]", "every = \"monthly\"",
    "month-days = [31, 15]\ntimes = [\"23:59\"]",
    "month-days = [-1, 1, -31]", "month-days = [-29]", "month-days = [-28, -30]", "month-days = [-3]\ntimes = [\"01:00\", \"02:00\"]",
    "cron = [\"*/20 1-3 * * *\"]", "cron = [\"0 4 13 * fri\"]",
    "cron = [\"0 4 */10 * fri\"]", "cron = [\"7 */5 * feb,oct 7\"]", "cron = [\"0 0 29 2 *\"]", "cron = [\"5/10 3 1,2 * *\"]",
    "cron = [\"* * * * 0-6\"]", "cron = [\"0 1 1-31 * mon\"]", "cron = [\"0 1 5 * 0-7\"]",
    "cron = [\"@weekly\", \"@yearly\", \"@monthly\"]",
    "cron = [\"0 3 * * 1-5/2\"]\nevery = \"daily\"",
  ]

  @Test(.enabled(if: ScheduleFixture.hasSystemdAnalyze, "needs systemd-analyze"), arguments: schedules)
  func systemdUnderstandsTheSame(lines: String) throws {
    let schedule = try ScheduleFixture.schedule(lines)
    let start = Zone.moment(2026, 1, 29, 180)
    var times: Set<Int64> = []
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "EEE yyyy-MM-dd HH:mm:ss zzz"
    for expression in schedule.onCalendar {
      let arguments = ["calendar", "--iterations=40", "--base-time=2026-01-29 03:00:00 UTC", expression]
      let (status, text) = try #require(try ScheduleFixture.run("systemd-analyze", arguments))
      #expect(status == 0, "\(expression): \(text)")
      for line in text.split(separator: "\n") where line.contains("Next elapse:") || line.contains("Iter. #") {
        let words = line.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
        if let date = formatter.date(from: words) { times.insert(Int64(date.timeIntervalSince1970)) }
      }
    }
    let count = min(40, times.count)
    #expect(count > 5 || lines.contains("29 2"))
    #expect(Occurrences(schedule, Zone.utc.calendar).next(count, after: start) == Array(times.sorted().prefix(count)))
  }

  /// Cron's lines are read back by the reader of cron expressions, which is tested by itself.
  @Test(arguments: schedules) func cronUnderstandsTheSame(lines: String) throws {
    let schedule = try ScheduleFixture.schedule(lines)
    var again = Schedule()
    again.cron = schedule.crontabFields.compactMap(CronExpression.init)
    #expect(again.cron.count == schedule.crontabFields.count)
    let start = Zone.moment(2026, 1, 29, 180)
    let found = Occurrences(again, Zone.utc.calendar).next(400, after: start)
    let last = try #require(found.last)
    let expected = Occurrences(schedule, Zone.utc.calendar).next(400, after: start).filter { $0 <= last }
    if schedule.rule?.monthDays.contains(where: { $0 < 0 }) == true {
      // Cron cannot tell the last day of a month; the program that it starts can.
      #expect(Set(expected).isSubset(of: Set(found)) && found.count < 14 * expected.count)
    } else {
      #expect(found == expected)
    }
    for fields in schedule.crontabFields {
      let isPlain = fields.allSatisfy { $0.isNumber || "*,/ ".contains($0) }
      #expect(isPlain && fields.split(separator: " ").count == 5, "\(fields)")
    }
  }

  @Test func textsInUnits() {
    #expect(UnitText.quoted("/a/b-c.d", doubling: "%$") == "/a/b-c.d")
    #expect(UnitText.quoted("/my docs/100%\"$x\\", doubling: "%$") == "\"/my docs/100%%\\\"$$x\\\\\"")
    #expect(UnitText.quoted("a\tb", doubling: "%") == "\"a\\x09b\"")
    #expect(UnitText.quoted("", doubling: "%") == "\"\"")
    #expect(UnitFiles.device(.label("MY DISK")) == "dev-disk-by\\x2dlabel-MY\\x5cx20DISK.device")
    #expect(UnitFiles.device(.uuid("AB-12")) == "dev-disk-by\\x2duuid-AB\\x2d12.device")
  }

  @Test func delaysAreSpreadAndStayTheSame() {
    let delays = (0..<1000).map { RandomDelay.seconds(600, profile: "p", due: 1_800_000_000 + $0 * 86_400, machine: "m") }
    #expect(delays.allSatisfy { (0...600).contains($0) })
    #expect(Set(delays).count > 400)
    #expect((250...350).contains(delays.reduce(0, +) / 1000))
    #expect(RandomDelay.seconds(600, profile: "p", due: 1, machine: "m") == RandomDelay.seconds(600, profile: "p", due: 1, machine: "m"))
    let machines = (0..<100).map { RandomDelay.seconds(600, profile: "p", due: 1, machine: "m\($0)") }
    #expect(Set(machines).count > 50)
    #expect(RandomDelay.seconds(0, profile: "p", due: 1, machine: "m") == 0)
  }
}
