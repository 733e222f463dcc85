import CairnFormat
import CairnKit

/// The plane of a chart, and what is common to all of them. Every chart is drawn twice, for wide pages and for narrow ones, so that its
/// text stays readable; the page shows one of the two.
struct ChartPlane {
  let isNarrow: Bool
  let width: Double
  let height: Double
  let left: Double
  let right: Double
  let top = 12.0
  let bottom = 26.0

  init(isNarrow: Bool, rightMargin: Double = 8) {
    self.isNarrow = isNarrow
    width = isNarrow ? 360 : 760
    height = isNarrow ? 210 : 260
    left = isNarrow ? 56 : 64
    right = isNarrow ? 8 : rightMargin
  }

  var plotWidth: Double { width - left - right }
  var plotHeight: Double { height - top - bottom }
  func x(_ share: Double) -> Double { left + share * plotWidth }
  func y(_ share: Double) -> Double { top + (1 - share) * plotHeight }

  /// Draws a chart in both forms.
  ///
  /// - Parameters:
  ///   - title: what it is, trusted text.
  ///   - description: what it shows, for those who do not see it.
  static func both(_ name: String, title: String, description: String, _ draw: (Bool) -> (width: Double, height: Double, body: String))
    -> String
  {
    [false, true].map { isNarrow in
      let drawn = draw(isNarrow)
      let id = name + (isNarrow ? "-n" : "-w")
      return """
        <svg class="chart \(isNarrow ? "narrow" : "wide")" viewBox="0 0 \(ReportText.at(drawn.width)) \(ReportText.at(drawn.height))" \
        role="img" aria-labelledby="\(id)-t \(id)-d">
        <title id="\(id)-t">\(ReportText.escaped(title))</title><desc id="\(id)-d">\(ReportText.escaped(description))</desc>
        \(drawn.body)
        </svg>

        """
    }.joined()
  }

  /// Lines across the plane with their amounts.
  func grid(_ scale: ByteScale) -> String {
    scale.marks.map { mark in
      let y = y(scale.share(mark))
      return """
        <path class="grid" d="M\(ReportText.at(left)) \(ReportText.at(y))h\(ReportText.at(plotWidth))"/>\
        <text class="axis" x="\(ReportText.at(left - 6))" y="\(ReportText.at(y + 4))" text-anchor="end">\(ReportText.mark(mark))</text>

        """
    }.joined()
  }

  /// Marks below the plane; those that would run into each other or over the edge are left out.
  func marks(_ marks: [(share: Double, label: String)]) -> String {
    var end = -1.0
    return marks.map { mark in
      let half = Double(mark.label.count) * 3.2
      let x = x(mark.share)
      let isShown = x - half > end + 6 && x + half <= width
      if isShown { end = x + half }
      let label =
        isShown
        ? "<text class=\"axis\" x=\"\(ReportText.at(x))\" y=\"\(ReportText.at(height - 8))\" text-anchor=\"middle\">\(mark.label)</text>"
        : ""
      return "<path class=\"tick\" d=\"M\(ReportText.at(x)) \(ReportText.at(y(0)))v4\"/>\(label)\n"
    }.joined()
  }

  static func title(_ text: String) -> String { "<title>\(ReportText.escaped(text))</title>" }
}
