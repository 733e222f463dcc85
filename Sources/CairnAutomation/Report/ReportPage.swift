import CairnFormat
import CairnKit
package import CairnProfiles

/// A report as one HTML page that needs nothing else: no scripts, no fonts, no pictures from elsewhere. It is well-formed XML too.
package struct ReportPage {
  let data: ReportData
  let clock: ReportClock
  /// Those whose times can be shown on a common axis.
  private let dated: [ReportData.Entry]

  /// Snapshots in the table.
  package static let listed = 200
  /// Runs in the row of marks, and in the table.
  static let markedRuns = 60
  static let listedRuns = 30

  package init(_ data: ReportData, calendar: LocalCalendar = .system) {
    self.data = data
    clock = ReportClock(calendar: calendar)
    // A clock that was wrong by years must not press everything else into a corner.
    dated = data.snapshots.filter { $0.time >= 0 && $0.time <= data.generated.addingReportingOverflow(7 * 86_400).partialValue }
  }

  package func html() -> String {
    """
    <!DOCTYPE html>
    <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
    <title>Backups in \(ReportText.name(data.location))</title>
    <style>
    \(ReportStyle.css)
    </style>
    </head>
    <body>
    \(header)
    <main>
    \(sections.joined())</main>
    <footer><p>Written by cairn \(ReportText.sentence(data.program)) on \(clock.minute(data.generated)). Times are those of the local clock; \
    1 KiB is 1024 bytes.</p></footer>
    </body>
    </html>

    """
  }

  // MARK: - Head

  private var header: String {
    let profiles = data.profiles.map { ReportText.sentence($0) }.joined(separator: ", ")
    let subject = data.profiles.isEmpty ? "" : " · profile\(data.profiles.count == 1 ? "" : "s") <span class=\"name\">\(profiles)</span>"
    let notes = data.notes.map { "<p class=\"warn\">\(ReportText.sentence($0))</p>\n" }.joined()
    return """
      <header>
      <h1>Backups in <span class="name">\(ReportText.name(data.location))</span></h1>
      <p>Repository <code>\(ReportText.sentence(String(data.repository.prefix(10))))</code>\(subject) · as of \(clock.minute(data.generated))</p>
      \(notes)<dl>
      \(tiles.map { "<div><dt>\($0.0)</dt><dd>\($0.1)<small>\($0.2)</small></dd></div>\n" }.joined())</dl>
      </header>
      """
  }

  /// Name, figure and what it means; HTML.
  private var tiles: [(String, String, String)] {
    var tiles: [(String, String, String)] = []
    let series = Set(data.snapshots.map(\.series)).count
    let oldest = data.snapshots.first.map { "since \(clock.long($0.time))" } ?? "none so far"
    tiles.append(("Snapshots", ReportText.count(UInt64(data.snapshots.count)), series > 1 ? "of \(series) series, \(oldest)" : oldest))
    if let newest = data.snapshots.last {
      tiles.append(("Newest", clock.long(newest.time), "\(ago(newest.time)), \(newest.kind.word)"))
    }
    if let now = SizeChart(data.snapshots, clock).points.last {
      tiles.append(("Files backed up", ReportText.bytes(now.logical), series > 1 ? "newest of each series" : "newest snapshot"))
      let all = data.snapshots.reduce(UInt64(0)) { $0.addingSaturated($1.logicalBytes) }
      let times = now.stored > 0 ? Double(all) / Double(now.stored) : 0
      tiles.append(
        (
          "Stored", ReportText.bytes(now.stored),
          "instead of \(ReportText.bytes(all))\(times >= 1.5 ? ": 1/\(ReportText.decimal(times, 0)) of it" : "")"
        ))
    }
    tiles.append(("Repository", ReportText.bytes(data.packBytes), "all packs, also what prune would free"))
    tiles.append(last("Last run", .backup))
    tiles.append(last("Last check", .check))
    tiles.append(last("Last proof", .prove))
    return tiles
  }

  private func last(_ title: String, _ command: RunRecord.Command) -> (String, String, String) {
    guard let run = data.runs.first(where: { $0.command == command && $0.outcome != .skipped }) else {
      return (title, "never", "that the journal knows of")
    }
    let look = RunOutcome(run)
    return (title, "<span class=\"\(look.style)\">\(look.word)</span>", ago(run.ended))
  }

  /// `3 days ago`
  private func ago(_ time: Int64) -> String {
    let days = clock.day(data.generated) - clock.day(time)
    return days < 0 ? "dated in the future" : days == 0 ? "today" : days == 1 ? "yesterday" : "\(ReportText.count(UInt64(days))) days ago"
  }

  // MARK: - Sections

  private var sections: [String] {
    guard !data.snapshots.isEmpty else {
      return [Self.section("No snapshots yet", "The repository is empty: the first backup fills this page.", "")] + history
    }
    var sections = [size, added, calendar]
    for (number, places) in data.places.enumerated() { sections.append(self.places(places, number)) }
    return sections + history + [table]
  }

  /// - Parameters: HTML.
  static func section(_ title: String, _ text: String, _ body: String) -> String {
    "<section>\n<h2>\(title)</h2>\n<p>\(text)</p>\n\(body)</section>\n"
  }

  private var undated: String {
    let count = data.snapshots.count - dated.count
    return count == 0 ? "" : " \(ReportText.count(count, "snapshot")) of impossible dates \(count == 1 ? "is" : "are") left out."
  }

  private var size: String {
    let legend = Self.legend([
      (Self.line("logical"), "files: sizes of all files in the newest snapshot\(data.places.count > 1 ? " of each series" : "")"),
      (Self.line("unique"), "deduplicated: the distinct pieces that all snapshots so far need"),
      (Self.line("stored"), "stored: the same after compression"),
    ])
    return Self.section(
      "Size over time", "How much was backed up, and how much the snapshots that exist today need for it.\(undated)",
      "<figure>\n\(SizeChart(dated, clock).svg())</figure>\n\(legend)")
  }

  private var added: String {
    let chart = AddedChart(dated, clock)
    var text = "What was stored for each snapshot that none before it had, after compression."
    if let days = chart.bars().days { text += " Each bar stands for \(days == 1 ? "a day" : "\(days) days")." }
    if chart.isLogarithmic { text += " The scale is logarithmic: the amounts at the lines are the measure, not the lengths of the bars." }
    return Self.section("Added by each snapshot", text + undated, "<figure>\n\(chart.svg())</figure>\n\(Self.kindLegend)")
  }

  private var calendar: String {
    Self.section(
      "Kinds on a calendar", "A field for each day; one with several kinds is divided.",
      "<figure>\n\(KindCalendar(dated, today: clock.day(data.generated), clock).svg())</figure>\n\(Self.kindLegend)")
  }

  // MARK: - Legends

  /// - Parameter items: HTML of the sign, and text.
  private static func legend(_ items: [(String, String)]) -> String {
    "<ul class=\"legend\">" + items.map { "<li>\($0.0)\(ReportText.escaped($0.1))</li>" }.joined() + "</ul>\n"
  }

  private static func line(_ name: String) -> String {
    "<svg class=\"swatch wide-swatch\" viewBox=\"0 0 24 13\" aria-hidden=\"true\"><path class=\"line \(name)\" d=\"M1 7h22\"/></svg>"
  }

  static func swatch(_ kind: String, _ sign: String) -> String {
    "<svg class=\"swatch\" viewBox=\"0 0 11 11\" aria-hidden=\"true\"><rect class=\"\(kind)\" width=\"11\" height=\"11\"/>\(sign)</svg>"
  }

  private static let kindLegend = legend(
    SnapshotKindLook.all.map { (swatch($0.word, $0.sign), $0.meaning) })
}
