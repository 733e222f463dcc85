/// What a part of the screen is, which decides how it looks.
enum Style: Sendable {
  case plain
  /// Headings of columns, hints: there, but not in the way.
  case faint
  case strong
  /// The bar at the top.
  case title
  case folder, link, special
  case marked
  case found
  case problem
  case added, removed
}

/// One line of the screen. What it says is escaped already.
struct ScreenLine: Equatable, Sendable {
  struct Run: Equatable, Sendable {
    var text: String
    var style: Style
  }

  private(set) var runs: [Run] = []
  private(set) var width = 0
  /// The line that the keys work on.
  var isSelected = false

  init() {}

  init(_ text: String, _ style: Style = .plain) { add(text, style) }

  mutating func add(_ text: String, _ style: Style = .plain) {
    guard !text.isEmpty else { return }
    runs.append(Run(text: text, style: style))
    width += DisplayWidth.of(text)
  }

  /// A cell of a table and the gap behind it.
  mutating func add(_ text: String, _ style: Style = .plain, columns: Int, isRight: Bool = false, gap: Int = 1) {
    let text = Self.fitted(text, columns: columns)
    let padding = String(repeating: " ", count: max(0, columns - DisplayWidth.of(text)))
    add(isRight ? padding + text : text + padding, style)
    add(String(repeating: " ", count: gap))
  }

  /// As wide as the screen: cut, or filled up with spaces.
  func fitted(columns: Int, filled style: Style? = nil) -> ScreenLine {
    var line = ScreenLine()
    line.isSelected = isSelected
    for run in runs where line.width < columns {
      let room = columns - line.width
      let width = DisplayWidth.of(run.text)
      line.add(width <= room ? run.text : Self.fitted(run.text, columns: room), run.style)
      if width > room { break }
    }
    if let style, line.width < columns { line.add(String(repeating: " ", count: columns - line.width), style) }
    return line
  }

  /// In as many lines as it takes; all but the first begin a little further in.
  func wrapped(columns: Int) -> [ScreenLine] {
    guard width > columns, columns > 8 else { return [self] }
    var lines = [ScreenLine()]
    for run in runs {
      var rest = run.text
      while !rest.isEmpty {
        let part = DisplayWidth.prefix(rest, columns: columns - lines[lines.count - 1].width)
        if part.isEmpty {
          lines.append(ScreenLine("    "))
          continue
        }
        lines[lines.count - 1].add(part, run.style)
        rest = String(rest.unicodeScalars.dropFirst(part.unicodeScalars.count))
      }
    }
    return lines
  }

  /// The text for tests and searches.
  var text: String { runs.map(\.text).joined() }

  /// The beginning of a text that is too long, with a sign that there is more.
  static func fitted(_ text: String, columns: Int) -> String {
    guard DisplayWidth.of(text) > columns else { return text }
    guard columns > 1 else { return columns == 1 ? "…" : "" }
    return DisplayWidth.prefix(text, columns: columns - 1) + "…"
  }

  /// The end of a text that is too long: of a path that is what matters.
  static func tail(_ text: String, columns: Int) -> String {
    guard DisplayWidth.of(text) > columns else { return text }
    guard columns > 1 else { return columns == 1 ? "…" : "" }
    var scalars = text.unicodeScalars[...]
    var width = DisplayWidth.of(text)
    while width > columns - 1, let first = scalars.popFirst() { width -= DisplayWidth.width(of: first) }
    return "…" + String(scalars)
  }
}
