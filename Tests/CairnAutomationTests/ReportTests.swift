import CairnFormat
import CairnKit
import CairnProfiles
import CairnTestSupport
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@testable import CairnAutomation

private let utc = LocalCalendar { _ in 0 }
private let day: Int64 = 86_400
/// 2026-11-21 12:00:00 UTC, a Saturday.
private let now: Int64 = 1_795_262_400

/// Reads a page as XML and keeps what is in it.
private final class Reading: NSObject, XMLParserDelegate {
  var elements: [String: Int] = [:]
  var attributes: [(element: String, name: String, value: String)] = []
  var text = ""
  var ids: [String] = []

  init?(_ html: String) {
    super.init()
    let parser = XMLParser(data: Data(html.utf8))
    parser.delegate = self
    guard parser.parse() else { return nil }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
  ) {
    elements[name, default: 0] += 1
    for (key, value) in attributes { self.attributes.append((name, key, value)) }
    if let id = attributes["id"] { ids.append(id) }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}

@Suite struct ReportTests {
  private func data(_ count: Int, every seconds: Int64 = day, seed: UInt64 = 1) -> ReportData {
    var data = ReportData(
      location: Array("/srv/backup".utf8), repository: String(repeating: "ab", count: 16), program: "1.0", generated: now)
    var random = SplitMix64(seed: seed)
    data.snapshots = (0..<count).map { number in
      let kind: SnapshotKind = number % 30 == 0 ? .full : number % 7 == 0 ? .differential : .incremental
      return ReportData.Entry(
        id: String(random.next() >> 32, radix: 16), time: now - Int64(count - 1 - number) * seconds, kind: kind, base: "0123abcd",
        series: Array("home@vm".utf8), host: Array("vm".utf8), files: 1000, logicalBytes: 5 << 30 + random.next() % (1 << 29),
        addedUniqueBytes: random.next() % (1 << 26), addedStoredBytes: random.next() % (1 << 25))
    }
    data.places = [
      ReportData.Places(
        series: Array("home@vm".utf8), time: now, since: now - 30 * day,
        largest: [PathSize(path: Array("/home/anna".utf8), isDirectory: true, bytes: 5 << 30)],
        growing: [PathSize(path: Array("/home/anna/mail".utf8), isDirectory: true, bytes: 5 << 20)])
    ]
    data.packBytes = 6 << 30
    return data
  }

  private func page(_ data: ReportData, _ calendar: LocalCalendar = utc) -> String { ReportPage(data, calendar: calendar).html() }

  // MARK: - The page

  @Test(arguments: [0, 1, 2, 60, 90, 91, 800])
  func thePageIsWellFormedAndNeedsNothingElse(count: Int) throws {
    let html = page(data(count))
    let reading = try #require(Reading(html), "\(count) snapshots")
    #expect(reading.elements["script"] == nil && reading.elements["link"] == nil && reading.elements["img"] == nil)
    #expect(!reading.attributes.contains { ["src", "href", "onclick", "onload"].contains($0.name) })
    #expect(!html.contains("url(") && !html.contains("@import"))
    #expect(Set(reading.ids).count == reading.ids.count, "each id once")
    #expect(html.contains("prefers-color-scheme: dark") && html.contains("@media print"))
    #expect(!html.contains("nan") && !html.contains("inf\""))
  }

  @Test func everyChartSaysWhatItShows() throws {
    let reading = try #require(Reading(page(data(60))))
    let charts = reading.attributes.filter { $0.element == "svg" && $0.name == "role" && $0.value == "img" }
    #expect(charts.count == 6, "three, each wide and narrow")
    for labels in reading.attributes where labels.name == "aria-labelledby" {
      for id in labels.value.split(separator: " ") { #expect(reading.ids.contains(String(id))) }
    }
    #expect(reading.text.contains("From 23 Sep 2026 to 21 Nov 2026."))
  }

  @Test func anEmptyRepositoryHasAPageToo() throws {
    let reading = try #require(Reading(page(data(0))))
    #expect(reading.text.contains("No snapshots yet"))
    #expect(reading.elements["svg"] == nil)
  }

  @Test func namesCannotBecomeMarkup() throws {
    var data = data(3)
    let hostile: [[UInt8]] = [
      Array("<script>alert(1)</script>".utf8), Array("\" onload=\"x\" '".utf8), Array("a\u{202e}gpj.exe".utf8), [0xff, 0xfe, 0x00, 0x1b],
      Array("]]>&amp;</style></svg>".utf8), Array("line\nbreak\u{ffff}".utf8), [UInt8](repeating: 0x3c, count: 5000),
    ]
    data.location = hostile[0]
    data.profiles = ["</title><b>"]
    data.notes = ["<i>note</i>\u{0}"]
    data.program = "<b>"
    for (number, name) in hostile.enumerated() {
      data.snapshots[number % 3].series = name
      data.snapshots[number % 3].host = name
      data.snapshots[number % 3].tags.append(name)
      data.places.append(
        ReportData.Places(
          series: name, time: now, since: 0, largest: [PathSize(path: name, isDirectory: false, bytes: 1)],
          growing: [PathSize(path: name, isDirectory: true, bytes: 1)]))
    }
    var run = RunRecord(command: .backup, started: .min, ended: .max, outcome: .failure, status: 1)
    run.message = "<img src=x>\u{202e}\u{1b}[31m"
    run.profile = "<p>"
    run.asides = ["<hr>"]
    run.snapshot = RunRecord.SnapshotPart(
      id: "<", kind: "<k>", base: nil, filesNew: 0, filesChanged: 0, filesUnmodified: 0, totalBytes: .max, addedBytes: .max,
      storedBytes: .max, problems: 0)
    data.runs = [run]
    let html = page(data)
    let reading = try #require(Reading(html))
    for element in ["script", "b", "i", "img", "hr", "k"] { #expect(reading.elements[element] == nil, "\(element)") }
    #expect(!reading.attributes.contains { $0.name == "onload" || $0.name == "src" })
    #expect(!html.unicodeScalars.contains { $0 == "\u{202e}" || $0 == "\u{1b}" || $0 == "\u{0}" || $0 == "\u{ffff}" })
    #expect(reading.text.contains("<script>alert(1)</script>") && reading.text.contains("\\u{202e}") && reading.text.contains("\\xff"))
    #expect(html.utf8.count < 300_000, "long names are cut")
  }

  @Test func thousandsOfSnapshotsStayBelowAMegabyte() throws {
    for every in [600, 3600, 7 * day] {
      let html = page(data(20_000, every: every))
      #expect(html.utf8.count < 1_000_000)
      let reading = try #require(Reading(html))
      #expect((reading.elements["tr"] ?? 0) < 300)
    }
  }

  @Test func timesThatCannotBeAreLeftOutOfChartsAndNotOfTheTable() throws {
    var data = data(10)
    for time in [Int64.max, .min, 1 << 40, -5] {
      data.snapshots.append(ReportData.Entry(id: "f\(abs(time % 1000))", time: time, kind: .full, series: []))
    }
    let reading = try #require(Reading(page(data)))
    #expect(reading.text.contains("4 snapshots of impossible dates are left out."))
    #expect(reading.text.contains("From 12 Nov 2026 to 21 Nov 2026."))
  }

  @Test func runsAndTheirOutcomesAreShownWithWords() throws {
    var data = data(3)
    var check = RunRecord(command: .check, started: now - day, ended: now - day + 75, outcome: .failure, status: 1)
    check.check = RunRecord.CheckPart(errors: 1, readBytes: 1 << 20, subset: "1/5")
    var proof = RunRecord(command: .prove, started: now, ended: now + 5, outcome: .success, status: 0)
    proof.proof = RunRecord.ProofPart(snapshot: "a", files: 20, bytes: 3 << 20, failures: 0, seed: 1)
    data.runs =
      [proof, check]
      + (0..<100).map { RunRecord(command: .backup, started: now - Int64($0) * day, ended: now, outcome: .success, status: 0) }
    let reading = try #require(Reading(page(data)))
    #expect(reading.text.contains("✗ damage") && reading.text.contains("1.00 MiB read; 1 error"))
    #expect(reading.text.contains("✓ proven") && reading.text.contains("20 files, 3.00 MiB as recorded"))
    #expect(reading.text.contains("70 older runs not listed."))
  }

  // MARK: - Charts

  @Test func barsOfManySnapshotsAddUpToWhatWasAdded() {
    for (count, every) in [(1, day), (90, day), (91, day), (5000, 3600), (3, 400 * day)] as [(Int, Int64)] {
      let data = data(count, every: every)
      let (bars, days) = AddedChart(data.snapshots, ReportClock(calendar: utc)).bars()
      #expect(bars.count <= 91)
      #expect(bars.reduce(0) { $0 + $1.count } == count)
      #expect(bars.reduce(0) { $0 + $1.bytes } == data.snapshots.reduce(0) { $0 + $1.addedStoredBytes })
      #expect((days == nil) == (count <= 90))
    }
  }

  @Test func sizesAreThoseOfTheNewestSnapshotOfEachSeries() {
    func entry(_ series: String, _ logical: UInt64, _ unique: UInt64) -> ReportData.Entry {
      ReportData.Entry(
        id: "", time: 0, kind: .full, series: Array(series.utf8), logicalBytes: logical, addedUniqueBytes: unique,
        addedStoredBytes: unique / 2)
    }
    let chart = SizeChart([entry("a", 100, 100), entry("b", 50, 20), entry("a", 70, 10), entry("b", 60, 0)], ReportClock(calendar: utc))
    #expect(chart.points.map(\.logical) == [100, 150, 120, 130])
    #expect(chart.points.map(\.unique) == [100, 120, 130, 130])
    #expect(chart.points.map(\.stored) == [50, 60, 65, 65])
  }

  @Test func eachDayOfTheCalendarTellsItsKinds() throws {
    var data = data(400)
    data.snapshots.append(ReportData.Entry(id: "x", time: now + 60, kind: .full, series: []))
    let svg = KindCalendar(data.snapshots, today: now / day, ReportClock(calendar: utc)).svg()
    #expect(svg.contains("Sat 2026-11-21: 1 full, 1 differential") || svg.contains("Sat 2026-11-21: 1 full, 1 incremental"))
    // Each day twice: in the wide form and in the narrow one.
    #expect(svg.components(separatedBy: "<g>").count - 1 == 800)
    let ancient = KindCalendar(self.data(5000).snapshots, today: now / day, ReportClock(calendar: utc)).svg()
    #expect(ancient.components(separatedBy: "<g>").count - 1 <= 2 * 7 * 106)
  }

  // MARK: - Scales and text

  @Test func scalesReachOverTheirAmountsWithFewMarks() {
    var random = SplitMix64(seed: 5)
    for shift in 0..<64 as Range<UInt64> {
      let largest = random.next() >> shift
      let scale = ByteScale.linear(largest)
      #expect(scale.marks.count >= 2 && scale.marks.count <= 7, "\(largest): \(scale.marks)")
      #expect((scale.marks.last ?? 0) >= largest || largest > UInt64.max / 8)
      #expect(scale.share(largest) <= 1 && scale.share(0) == 0)
      let other = ByteScale.logarithmic(largest >> 12, largest)
      #expect(other.share(largest) <= 1 && other.share(largest >> 12) >= 0)
      #expect(other.share(largest) >= other.share(largest >> 6))
      #expect(other.marks.count <= 9)
    }
    #expect(abs(ByteScale.log2(1000) - 9.966) < 0.002 && abs(ByteScale.log2(0.1) + 3.322) < 0.002)
  }

  @Test func theLargestAmountsHaveAScale() {
    for largest in [UInt64.max, .max - 1, .max / 8 * 7 + 7, .max / 8 * 7 + 8, 1 << 63] as [UInt64] {
      let scale = ByteScale.linear(largest)
      #expect(scale.marks.count >= 2 && scale.marks.count <= 8 && scale.share(largest) > 0.8 && scale.share(largest) <= 1, "\(largest)")
      #expect(zip(scale.marks, scale.marks.dropFirst()).allSatisfy { $0 < $1 })
    }
  }

  @Test func timesAreMarkedAtBeginningsOfHoursDaysAndMonths() {
    let clock = ReportClock(calendar: utc)
    for span in [0, 3600, 7200, day, 3 * day, 10 * day, 60 * day, 400 * day, 4000 * day, 20_000 * day] as [Int64] {
      let scale = TimeScale(now - span, now, marks: 6, clock)
      #expect(scale.marks.count >= 1 && scale.marks.count <= 14, "\(span): \(scale.marks.map(\.label))")
      for mark in scale.marks {
        #expect(mark.time >= scale.start && mark.time <= scale.end)
        #expect(mark.time % 3600 == 0)
      }
    }
    #expect(
      TimeScale(now - 400 * day, now, marks: 6, clock).marks.map(\.label) == [
        "Nov 2025", "Jan 2026", "Mar 2026", "May 2026", "Jul 2026", "Sep 2026", "Nov 2026",
      ])
    #expect(TimeScale(now - 14 * day, now, marks: 6, clock).marks.map(\.label).first == "9 Nov", "a Monday")
  }

  @Test func daysAreThoseOfLocalClocks() {
    // An hour east until 2026-10-25 01:00 UTC it is two.
    let berlin = ReportClock(calendar: LocalCalendar { $0 < 1_792_890_000 ? 120 : 60 })
    #expect(berlin.minute(1_792_889_999) == "2026-10-25 02:59")
    #expect(berlin.minute(1_792_890_000) == "2026-10-25 02:00")
    #expect(berlin.minute(now + 11 * 3600) == "2026-11-22 00:00")
    #expect(ReportClock(calendar: utc).minute(-1) == "1969-12-31 23:59")
    _ = ReportClock(calendar: utc).minute(.min) + berlin.minute(.max)
    #expect(ReportClock.weekday(0) == 3 && ReportClock.weekday(-4) == 6)
  }

  @Test func amountsHaveThreeDigits() {
    let samples: [(UInt64, String)] = [
      (0, "0 B"), (999, "999 B"), (1000, "0.98 KiB"), (1024, "1.00 KiB"), (10_234, "9.99 KiB"), (10_240, "10.0 KiB"),
      (1_048_575, "1.00 MiB"),
      (123 << 20, "123 MiB"), (.max, "16.0 EiB"),
    ]
    for (count, text) in samples { #expect(ReportText.bytes(count) == text) }
    #expect(ReportText.mark(60 << 20) == "60 MiB" && ReportText.mark(0) == "0 B" && ReportText.mark(100 << 20) == "100 MiB")
    #expect(ReportText.count(1234) == "1234" && ReportText.count(12_345) == "12\u{202f}345")
  }
}
