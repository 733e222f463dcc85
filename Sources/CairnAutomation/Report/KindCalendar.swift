import CairnFormat
import CairnKit

/// A field for each day, a column for each week, coloured by the kinds of the snapshots of the day.
///
/// Kinds differ in lightness and by a sign of their own too, so that neither colour blindness nor a printer takes the difference away.
struct KindCalendar {
  private let days: [Int64: [SnapshotKind: Int]]
  private let first: Int64
  private let last: Int64
  /// So many weeks are shown, the latest; the table and the other charts have the rest.
  static let maximumWeeks: Int64 = 106
  private static let cell = 13.0

  /// - Parameter today: the last day, unless snapshots are of later ones.
  init(_ snapshots: [ReportData.Entry], today: Int64, _ clock: ReportClock) {
    var days: [Int64: [SnapshotKind: Int]] = [:]
    for entry in snapshots { days[clock.day(entry.time), default: [:]][entry.kind, default: 0] += 1 }
    self.days = days
    let last = max(today, days.keys.max() ?? today)
    let monday = last - ReportClock.weekday(last)
    // At least a year, so that what is regular looks so.
    let earliest = min(days.keys.min() ?? last, monday - 52 * 7)
    first = max(earliest - ReportClock.weekday(earliest), monday - (Self.maximumWeeks - 1) * 7)
    self.last = last
  }

  static func words(_ kinds: [SnapshotKind: Int]) -> String {
    SnapshotKind.inOrder.compactMap { kind in kinds[kind].map { "\($0) \(kind.word)" } }.joined(separator: ", ")
  }

  func svg() -> String {
    let count = days.filter { $0.key >= first }.count
    let description = """
      \(ReportText.count(count, "day")) with snapshots between \(ReportClock.date(first)) and \(ReportClock.date(last)); the days of a week \
      from Monday at the top to Sunday.
      """
    return ChartPlane.both("calendar", title: "Kinds on a calendar", description: description, draw)
  }

  private func draw(_ isNarrow: Bool) -> (width: Double, height: Double, body: String) {
    let perRow: Int64 = isNarrow ? 27 : 53
    let (left, head) = (30.0, 18.0)
    let weeks = (last - first) / 7 + 1
    let rows = (weeks + perRow - 1) / perRow
    let rowHeight = head + 7 * Self.cell + 10
    var body = ""
    var empty = ""
    var filled = ""
    for row in 0..<rows {
      let top = Double(row) * rowHeight + head
      for (index, name) in [(0, "Mon"), (2, "Wed"), (4, "Fri")] {
        body += "<text class=\"axis\" x=\"0\" y=\"\(ReportText.at(top + Double(index) * Self.cell + 9.5))\">\(name)</text>"
      }
      var labelled = -100.0
      // The last row holds the latest weeks; an incomplete one comes first.
      let begin = max(0, weeks - (rows - row) * perRow)
      for week in begin..<(weeks - (rows - row - 1) * perRow) {
        let x = left + Double(week - begin) * Self.cell
        let monday = first + week * 7
        if let label = Self.month(monday, isFirst: week == begin), x > labelled {
          labelled = x + Double(label.count) * 6.5 + 4
          body += "<text class=\"axis\" x=\"\(ReportText.at(x))\" y=\"\(ReportText.at(top - 6))\">\(label)</text>"
        }
        for weekday in 0..<Int64(7) where monday + weekday <= last {
          let y = top + Double(weekday) * Self.cell
          if let kinds = days[monday + weekday] {
            filled += Self.cell(kinds, monday + weekday, x, y)
          } else {
            empty += "M\(ReportText.at(x)) \(ReportText.at(y))h11v11h-11z"
          }
        }
      }
      body += "\n"
    }
    if !empty.isEmpty { body += "<path class=\"empty\" d=\"\(empty)\"/>\n" }
    return (left + Double(perRow) * Self.cell, Double(rows) * rowHeight, body + filled)
  }

  /// The name of the month that begins in the week.
  private static func month(_ monday: Int64, isFirst: Bool) -> String? {
    let date = CalendarDay(number: monday)
    guard isFirst || date.day <= 7 else { return nil }
    let name = ReportClock.months[Int(date.month) - 1]
    return date.month == 1 || isFirst ? "\(name) \(date.year)" : name
  }

  /// Side by side where a day has several kinds.
  private static func cell(_ kinds: [SnapshotKind: Int], _ day: Int64, _ x: Double, _ y: Double) -> String {
    let present = SnapshotKind.inOrder.filter { kinds[$0] != nil }
    let width = 11 / Double(max(1, present.count))
    let text = "\(ReportClock.weekdays[Int(ReportClock.weekday(day))]) \(ReportClock.date(day)): \(words(kinds))"
    var out = "<g>" + ChartPlane.title(text)
    for (number, kind) in present.enumerated() {
      let left = x + Double(number) * width
      out += """
        <rect class="\(kind.word)" x="\(ReportText.at(left))" y="\(ReportText.at(y))" width="\(ReportText.at(width))" height="11"/>\
        \(sign(kind, left, y, width))
        """
    }
    return out + "</g>\n"
  }

  /// What tells a kind without its colour: a disc for full, a stroke for differential.
  static func sign(_ kind: SnapshotKind, _ x: Double, _ y: Double, _ width: Double) -> String {
    let middle = x + width / 2
    switch kind {
    case .full: return "<circle class=\"sign\" cx=\"\(ReportText.at(middle))\" cy=\"\(ReportText.at(y + 5.5))\" r=\"2\"/>"
    case .differential:
      let half = min(3, width / 2 - 0.5)
      return "<path class=\"sign-line\" d=\"M\(ReportText.at(middle - half)) \(ReportText.at(y + 8.5))l\(ReportText.at(half * 2)) -6\"/>"
    case .incremental: return ""
    }
  }
}
