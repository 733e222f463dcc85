import CairnFormat
import CairnKit

/// How the repository has grown: what was backed up, and what it takes.
struct SizeChart {
  struct Point {
    let time: Int64
    /// Of the newest snapshot of every series, together.
    let logical: UInt64
    let unique: UInt64
    let stored: UInt64
  }

  let points: [Point]
  private let clock: ReportClock

  /// - Parameter snapshots: oldest first.
  init(_ snapshots: [ReportData.Entry], _ clock: ReportClock) {
    self.clock = clock
    var newest: [[UInt8]: UInt64] = [:]
    var (logical, unique, stored): (UInt64, UInt64, UInt64) = (0, 0, 0)
    points = snapshots.map { entry in
      logical = (logical - min(logical, newest[entry.series] ?? 0)).addingSaturated(entry.logicalBytes)
      newest[entry.series] = entry.logicalBytes
      unique = unique.addingSaturated(entry.addedUniqueBytes)
      stored = stored.addingSaturated(entry.addedStoredBytes)
      return Point(time: entry.time, logical: logical, unique: unique, stored: stored)
    }
  }

  func svg() -> String {
    guard let first = points.first, let last = points.last else { return "" }
    let description = """
      From \(clock.long(first.time)) to \(clock.long(last.time)). Now: files \(ReportText.bytes(last.logical)), \
      deduplicated \(ReportText.bytes(last.unique)), stored \(ReportText.bytes(last.stored)).
      """
    return ChartPlane.both("size", title: "Size over time", description: description, draw)
  }

  private func draw(_ isNarrow: Bool) -> (width: Double, height: Double, body: String) {
    let plane = ChartPlane(isNarrow: isNarrow, rightMargin: 112)
    let times = TimeScale(points.map(\.time).min() ?? 0, points.map(\.time).max() ?? 0, marks: isNarrow ? 4 : 8, clock)
    let scale = ByteScale.linear(points.map { max($0.logical, $0.unique, $0.stored) }.max() ?? 0)
    let shown = Self.thinned(points, times, columns: Int(plane.plotWidth / 2))
    var body = plane.grid(scale)
    body += plane.marks(times.marks.map { (times.share($0.time), $0.label) })
    func steps(_ value: (Point) -> UInt64) -> String {
      var path = ""
      for (number, point) in shown.enumerated() {
        let (x, y) = (ReportText.at(plane.x(times.share(point.time))), ReportText.at(plane.y(scale.share(value(point)))))
        path += number == 0 ? "M\(x) \(y)" : "H\(x)V\(y)"
      }
      return path + "H\(ReportText.at(plane.x(1)))"
    }
    let floor = ReportText.at(plane.y(0))
    let start = ReportText.at(plane.x(times.share(shown[0].time)))
    body += "<path class=\"stored-area\" d=\"\(steps(\.stored))V\(floor)H\(start)Z\"/>\n"
    body += "<path class=\"line stored\" d=\"\(steps(\.stored))\"/>\n"
    body += "<path class=\"line unique\" d=\"\(steps(\.unique))\"/>\n"
    body += "<path class=\"line logical\" d=\"\(steps(\.logical))\"/>\n"
    if !isNarrow { body += labels(plane, scale) }
    return (plane.width, plane.height, body)
  }

  /// The last amounts, beside the ends of their lines.
  private func labels(_ plane: ChartPlane, _ scale: ByteScale) -> String {
    guard let last = points.last else { return "" }
    let lines = [("files", last.logical, "logical"), ("deduplicated", last.unique, "unique"), ("stored", last.stored, "stored")]
    var before = -100.0
    // From the top down, each at least two lines of text below the one before; then the whole pile is pushed up from the bottom.
    var places = lines.sorted { $0.1 > $1.1 }.map { line in
      before = max(plane.y(scale.share(line.1)), before + 28)
      return (line: line, y: before)
    }
    let over = (places.last?.y ?? 0) - (plane.y(0) - 14)
    if over > 0 { for index in places.indices { places[index].y -= over } }
    return places.map { place in
      let x = ReportText.at(plane.x(1) + 8)
      return """
        <text class="label \(place.line.2)-text" x="\(x)" y="\(ReportText.at(place.y))">\(place.line.0)\
        <tspan x="\(x)" dy="13">\(ReportText.bytes(place.line.1))</tspan></text>

        """
    }.joined()
  }

  /// The last point of each column.
  private static func thinned(_ points: [Point], _ times: TimeScale, columns: Int) -> [Point] {
    var shown: [Point] = []
    var column = -1
    for point in points {
      let own = Int(times.share(point.time) * Double(columns))
      if own == column, !shown.isEmpty { shown[shown.count - 1] = point } else { shown.append(point) }
      column = own
    }
    return shown
  }
}
