import CairnKit

/// What the terminal can do, as the environment has it.
struct ScreenCapabilities: Equatable, Sendable {
  var hasColours = true

  /// - Throws: `CairnError(.usage)` for a terminal that cannot show a screen.
  init(_ environment: EnvironmentVariables) throws {
    let name = environment.system("TERM") ?? ""
    guard !name.isEmpty, name != "dumb", name != "unknown" else {
      let what = name.isEmpty ? "TERM is not set" : "TERM is '\(Escaping.terminal(Array(name.utf8)))'"
      throw CairnError(
        .usage, "This terminal cannot show a full screen: \(what).", guidance: "Look with 'cairn ls' and 'cairn history' instead.")
    }
    let isPlain = ["vt100", "vt102", "vt220", "vt320"].contains(name) || ["-m", "-mono"].contains { name.hasSuffix($0) }
    hasColours = !isPlain && environment.system("NO_COLOR") == nil
  }

  init(hasColours: Bool) { self.hasColours = hasColours }
}

/// Brings a picture of the screen to the terminal: of each picture no more than the lines that differ from what is there.
struct Painter {
  private let capabilities: ScreenCapabilities
  private var shown: [ScreenLine] = []
  private var hadCursor = false

  init(_ capabilities: ScreenCapabilities) { self.capabilities = capabilities }

  /// Nothing is known of what the screen shows.
  mutating func forget() { shown = [] }

  /// The bytes that make the terminal show the picture; empty if it does.
  mutating func paint(_ picture: ScreenPicture) -> [UInt8] {
    var out = ""
    let isNew = shown.count != picture.lines.count
    if isNew { out += "\u{1b}[0m\u{1b}[2J" }
    for (row, line) in picture.lines.enumerated() where isNew || shown[row] != line {
      out += "\u{1b}[\(row + 1);1H"
      for run in line.runs {
        out += "\u{1b}[\(codes(run.style, isSelected: line.isSelected))m"
        for scalar in run.text.unicodeScalars { out.unicodeScalars.append(Self.isPrintable(scalar) ? scalar : "?") }
      }
      out += "\u{1b}[0m\u{1b}[K"
    }
    shown = picture.lines
    // Hidden while it is drawn, so that the cursor does not jump about.
    if !out.isEmpty { out = "\u{1b}[?25l" + out }
    if let cursor = picture.cursor { out += "\u{1b}[\(cursor.row + 1);\(cursor.column + 1)H\u{1b}[?25h" }
    if picture.cursor == nil, hadCursor { out += "\u{1b}[?25l" }
    hadCursor = picture.cursor != nil
    return Array(out.utf8)
  }

  /// Names are escaped long before; this is the last word on it.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value) }

  private func codes(_ style: Style, isSelected: Bool) -> String {
    var codes = "0"
    // Of one piece: colours turned inside out would tear it up.
    if isSelected {
      switch style {
      case .strong, .folder, .marked: return codes + ";1;7"
      case .found: return codes + ";4;7"
      default: return codes + ";7"
      }
    }
    switch style {
    case .plain: break
    case .faint: codes += capabilities.hasColours ? ";2" : ""
    case .strong: codes += ";1"
    case .title: codes += ";7"
    case .folder: codes += capabilities.hasColours ? ";1;34" : ";1"
    case .link: codes += capabilities.hasColours ? ";36" : ""
    case .special: codes += capabilities.hasColours ? ";33" : ""
    case .marked: codes += capabilities.hasColours ? ";1;33" : ";1"
    case .found: codes += ";4"
    case .problem: codes += capabilities.hasColours ? ";1;31" : ";1"
    case .added: codes += capabilities.hasColours ? ";32" : ""
    case .removed: codes += capabilities.hasColours ? ";31" : ""
    }
    return codes
  }
}
