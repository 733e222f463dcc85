import CairnFormat
import CairnKit

/// What each snapshot has added, or each stretch of days where there are many.
struct AddedChart {
  struct Bar {
    /// Days since 1970 of the first and last snapshot in it.
    var days: ClosedRange<Int64>
    var kinds: [SnapshotKind: Int]
    var bytes: UInt64
    var label: String

    var count: Int { kinds.values.reduce(0, +) }
    var strongest: SnapshotKind { SnapshotKind.inOrder.first { kinds[$0] != nil } ?? .incremental }
  }

  private let snapshots: [ReportData.Entry]
  private let clock: ReportClock
  /// More snapshots than this are taken together by days.
  static let single = 90

  init(_ snapshots: [ReportData.Entry], _ clock: ReportClock) {
    self.snapshots = snapshots
    self.clock = clock
  }

  func svg() -> String {
    guard let largest = snapshots.max(by: { $0.addedStoredBytes < $1.addedStoredBytes }) else { return "" }
    let description = """
      \(ReportText.count(snapshots.count, "snapshot")); the most was added on \(clock.long(largest.time)): \
      \(ReportText.bytes(largest.addedStoredBytes)).
      """
    return ChartPlane.both("added", title: "Added by each snapshot", description: description, draw)
  }

  /// Whether small amounts would be nothing beside large ones on a plain scale.
  var isLogarithmic: Bool {
    let amounts = snapshots.map(\.addedStoredBytes).filter { $0 > 0 }
    guard let low = amounts.min(), let high = amounts.max() else { return false }
    return high / 30 > low
  }

  /// - Returns: the bars in order; and, where they stand for stretches, how many days each.
  func bars() -> (bars: [Bar], days: Int64?) {
    if snapshots.count <= Self.single {
      return (
        snapshots.map { entry in
          Bar(days: clock.day(entry.time)...clock.day(entry.time), kinds: [entry.kind: 1], bytes: entry.addedStoredBytes, label: entry.id)
        }, nil
      )
    }
    let (first, last) = (clock.day(snapshots.map(\.time).min() ?? 0), clock.day(snapshots.map(\.time).max() ?? 0))
    let days = max(1, (last - first) / Int64(Self.single) + 1)
    var bars = stride(from: first, through: last, by: Int(days)).map { Bar(days: $0...($0 + days - 1), kinds: [:], bytes: 0, label: "") }
    for entry in snapshots {
      let index = Int((clock.day(entry.time) - first) / days)
      bars[index].kinds[entry.kind, default: 0] += 1
      bars[index].bytes = bars[index].bytes.addingSaturated(entry.addedStoredBytes)
    }
    return (bars, days)
  }

  private func draw(_ isNarrow: Bool) -> (width: Double, height: Double, body: String) {
    let plane = ChartPlane(isNarrow: isNarrow)
    let (bars, _) = bars()
    let amounts = bars.map(\.bytes).filter { $0 > 0 }
    let scale =
      isLogarithmic ? ByteScale.logarithmic(amounts.min() ?? 1, amounts.max() ?? 1) : ByteScale.linear(amounts.max() ?? 0)
    // A few bars do not become boards.
    let slot = min(plane.plotWidth / Double(max(1, bars.count)), 48)
    let width = max(1, min(slot - (slot > 6 ? 2 : 1), 28))
    var body = plane.grid(scale)
    body += plane.marks(
      bars.enumerated().map { number, bar in
        let date = CalendarDay(number: bar.days.lowerBound)
        let isLong = bars.count > 1 && bars[bars.count - 1].days.upperBound - bars[0].days.lowerBound > 300
        let label = "\(isLong ? "" : "\(date.day) ")\(ReportClock.months[Int(date.month) - 1])\(isLong ? " \(date.year)" : "")"
        return ((Double(number) + 0.5) * slot / plane.plotWidth, label)
      })
    for (number, bar) in bars.enumerated() where bar.count > 0 {
      let height = max(bar.bytes > 0 ? 2 : 1, scale.share(bar.bytes) * plane.plotHeight)
      body += """
        <rect class="\(bar.strongest.word)" x="\(ReportText.at(plane.left + Double(number) * slot + (slot - width) / 2))" \
        y="\(ReportText.at(plane.y(0) - height))" width="\(ReportText.at(width))" height="\(ReportText.at(height))">\
        \(ChartPlane.title(explanation(bar)))</rect>

        """
    }
    body += "<path class=\"base\" d=\"M\(ReportText.at(plane.left)) \(ReportText.at(plane.y(0)))h\(ReportText.at(plane.plotWidth))\"/>"
    return (plane.width, plane.height, body)
  }

  private func explanation(_ bar: Bar) -> String {
    let first = ReportClock.date(bar.days.lowerBound)
    let days = bar.days.count == 1 ? first : "\(first) to \(ReportClock.date(bar.days.upperBound))"
    return "\(days): \(ReportText.bytes(bar.bytes)), \(KindCalendar.words(bar.kinds))\(bar.label.isEmpty ? "" : " " + bar.label)"
  }
}
