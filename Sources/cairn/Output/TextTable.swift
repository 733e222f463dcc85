/// Columns of text, each as wide as its widest cell.
struct TextTable {
  enum Alignment { case left, right }

  private let header: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// - Parameter columns: title and alignment of each column.
  init(_ columns: [(title: String, alignment: Alignment)]) {
    header = columns.map(\.title)
    alignments = columns.map(\.alignment)
  }

  /// Adds a row. A cell may hold several lines: they are printed below each other.
  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The lines, without trailing spaces: header, a rule, rows, a rule.
  func lines() -> [String] {
    let split = rows.map { $0.map { $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) } }
    var widths = header.map(DisplayWidth.of)
    for row in split {
      for (column, cell) in row.enumerated() where column < widths.count {
        widths[column] = max(widths[column], cell.map(DisplayWidth.of).max() ?? 0)
      }
    }
    let rule = String(repeating: "-", count: widths.reduce(0, +) + 2 * max(0, widths.count - 1))
    var out = [render(header, widths), rule]
    for row in split {
      for index in 0..<(row.map(\.count).max() ?? 0) {
        out.append(render(row.map { index < $0.count ? $0[index] : "" }, widths))
      }
    }
    return out + [rule]
  }

  private func render(_ cells: [String], _ widths: [Int]) -> String {
    var line = ""
    for (column, cell) in cells.enumerated() where column < widths.count {
      if column > 0 { line += "  " }
      let padding = String(repeating: " ", count: max(0, widths[column] - DisplayWidth.of(cell)))
      line += alignments[column] == .left ? cell + padding : padding + cell
    }
    while line.last == " " { line.removeLast() }
    return line
  }
}

/// How many cells of a terminal a text takes.
enum DisplayWidth {
  /// Combining marks take none, East Asian wide characters and emoji two, the rest one. Control characters do not occur: names are escaped.
  static func of(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.unicodeScalars.reduce(0) { $0 + width(of: $1) }
  }

  /// As much of the start of `text` as fits into `columns`.
  static func prefix(_ text: String, columns: Int) -> String {
    var used = 0
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      used += width(of: scalar)
      if used > columns { break }
      scalars.append(scalar)
    }
    return String(scalars)
  }

  static func width(of scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0..<0x300: return 1
    // Vowels and final consonants of Hangul, which join the syllable before them.
    case 0x1160...0x11ff: return 0
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
      0xff00...0xff60, 0xffe0...0xffe6, 0x16fe0...0x1b2fb, 0x1f200...0x1f251, 0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
      return scalar.properties.generalCategory == .nonspacingMark ? 0 : 2
    default: break
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    default: return scalar.properties.isEmojiPresentation ? 2 : 1
    }
  }
}
