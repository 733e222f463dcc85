import CairnFormat
import CairnKit

/// Lines to read: the help, what a restore would do or has done.
struct TextScreen: BrowserScreen {
  enum Kind: Equatable, Sendable {
    case plain
    /// `y` carries it out.
    case plan(RestoreRequest)
  }

  let name: String
  let kind: Kind
  private let text: [ScreenLine]
  /// The text on a screen of the present width.
  private(set) var lines: [ScreenLine]
  var position = ListPosition()

  init(name: String, lines: [ScreenLine], kind: Kind = .plain) {
    self.name = name
    self.kind = kind
    text = lines
    self.lines = lines
  }

  mutating func lay(columns: Int) { lines = text.flatMap { $0.wrapped(columns: columns) } }

  var count: Int { lines.count }
  var isText: Bool { true }
  var title: ScreenTitle { ScreenTitle(label: name) }
  func line(_ row: Int, _ context: LineContext) -> ScreenLine { lines[row] }
  func searchText(_ row: Int) -> [UInt8]? { Array(lines[row].text.utf8) }

  var hints: [String] {
    guard case .plan(let request) = kind else { return ["q back", "/ search", "↑↓ PgUp PgDn scroll"] }
    return ["y restore now", "o overwrite: \(request.overwrite.rawValue)", "q back, nothing is done"]
  }
}

/// The beginning of a file, as text or as bytes.
struct PreviewScreen: BrowserScreen {
  /// Bytes of a file that are read for it.
  static let limit = 256 << 10

  let path: [[UInt8]]
  let snapshot: Snapshot
  let bytes: [UInt8]
  let size: UInt64
  /// What follows could not be read.
  let problem: String?
  private(set) var isHexadecimal: Bool
  private var columns = 80
  private var rows: [String] = []
  var position = ListPosition()

  init(path: [[UInt8]], snapshot: Snapshot, bytes: [UInt8], size: UInt64, problem: String? = nil) {
    self.path = path
    self.snapshot = snapshot
    self.bytes = bytes
    self.size = size
    self.problem = problem
    isHexadecimal = !Self.isText(bytes)
    wrap()
  }

  var count: Int { isHexadecimal ? (bytes.count + perLine - 1) / perLine : rows.count }
  var isText: Bool { true }
  var hints: [String] { ["↑↓ PgUp PgDn scroll", isHexadecimal ? "x text" : "x bytes", "/ search", "q back"] }

  var title: ScreenTitle {
    ScreenTitle(label: LocalTime.minutes(snapshot.manifest.time.seconds), path: Escaping.path(path), right: Human.roundBytes(size))
  }

  func line(_ row: Int, _ context: LineContext) -> ScreenLine {
    isHexadecimal ? hexadecimal(row) : ScreenLine(rows[row], isFound(row, context) ? .found : .plain)
  }

  private func isFound(_ row: Int, _ context: LineContext) -> Bool { context.search.map { $0.matches(Array(rows[row].utf8)) } ?? false }

  func detail(_ context: LineContext) -> ScreenLine {
    if let problem { return ScreenLine(problem, .problem) }
    guard size > UInt64(bytes.count) else { return ScreenLine() }
    return ScreenLine("the first \(Human.roundBytes(UInt64(bytes.count))) of \(Human.roundBytes(size))", .faint)
  }

  var emptyText: ScreenLine? { ScreenLine("This file is empty.", .faint) }

  func searchText(_ row: Int) -> [UInt8]? { isHexadecimal ? Array(hexadecimal(row).text.utf8) : Array(rows[row].utf8) }

  mutating func lay(columns: Int) {
    guard columns != self.columns else { return }
    self.columns = columns
    wrap()
  }

  mutating func toggle() {
    isHexadecimal.toggle()
    position = ListPosition()
  }

  /// Text has no zero bytes, and little that is no UTF-8 or a control character.
  static func isText(_ bytes: [UInt8]) -> Bool {
    let sample = bytes.prefix(8192)
    if sample.contains(0) { return false }
    let strange = sample.count { $0 < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].contains($0) }
    // The character that the end of the sample cuts through is none of these.
    let broken = String(decoding: sample, as: UTF8.self).unicodeScalars.count { $0 == "\u{fffd}" }
    return (strange + broken) * 20 <= sample.count
  }

  private mutating func wrap() {
    rows = []
    let columns = max(1, columns)
    var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for line in lines {
      var row = String.UnicodeScalarView()
      var width = 0
      for scalar in Escaping.line(line.last == 0x0d ? line.dropLast() : line).unicodeScalars {
        let more = DisplayWidth.width(of: scalar)
        if width + more > columns, width > 0 {
          rows.append(String(row))
          (row, width) = (String.UnicodeScalarView(), 0)
        }
        row.append(scalar)
        width += more
      }
      rows.append(String(row))
    }
  }

  private var perLine: Int { columns >= 76 ? 16 : columns >= 44 ? 8 : 4 }

  private func hexadecimal(_ row: Int) -> ScreenLine {
    let start = row * perLine
    let part = bytes[start..<min(bytes.count, start + perLine)]
    let offset = String(start, radix: 16)
    var line = ScreenLine(String(repeating: "0", count: max(0, 6 - offset.utf8.count)) + offset + "  ", .faint)
    let pairs = part.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    line.add(pairs, columns: perLine * 3 - 1, gap: 2)
    line.add(String(decoding: part.map { $0 >= 0x20 && $0 < 0x7f ? $0 : 0x2e }, as: UTF8.self), .special)
    return line
  }
}
