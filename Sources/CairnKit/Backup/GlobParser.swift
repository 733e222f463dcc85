/// Turns a shell pattern into tokens, for `Glob`.
struct GlobParser {
  private let symbols: [UInt32]
  private let dialect: Glob.Dialect
  private var at = 0
  private var tokens: [Glob.Token] = []

  private static let backslash: UInt32 = 0x5c
  private static let slash: UInt32 = 0x2f
  /// What a malformed git pattern becomes: a set that nothing is in.
  private static let never = Glob.Token.set([], negated: false)

  init(_ pattern: [UInt8], _ dialect: Glob.Dialect) {
    symbols = Glob.symbols(pattern, dialect)
    self.dialect = dialect
  }

  /// The tokens; nil when the pattern is malformed in Go's dialect.
  mutating func parse() -> [Glob.Token]? {
    while at < symbols.count {
      let symbol = symbols[at]
      switch symbol {
      case 0x2a: parseStars()
      case 0x3f:
        tokens.append(.any)
        at += 1
      case 0x5b:
        guard parseSet() else { return malformed() }
      case Self.backslash:
        guard at + 1 < symbols.count else { return malformed() }
        tokens.append(.literal(symbols[at + 1]))
        at += 2
      default:
        tokens.append(.literal(symbol))
        at += 1
      }
    }
    return tokens
  }

  private func malformed() -> [Glob.Token]? { dialect == .git ? [Self.never] : nil }

  private mutating func parseStars() {
    let start = at
    while at < symbols.count, symbols[at] == 0x2a { at += 1 }
    let opens = start == 0 || symbols[start - 1] == Self.slash
    guard dialect == .git, at - start >= 2, opens else { return appendStar() }
    if at == symbols.count {
      tokens.append(.anything)
    } else if symbols[at] == Self.slash {
      at += 1
      tokens.append(.directories)
    } else {
      appendStar()
    }
  }

  private mutating func appendStar() {
    if tokens.last != .star { tokens.append(.star) }
  }

  /// Parses a bracket expression that starts at `at`; false when it never ends or is otherwise malformed.
  private mutating func parseSet() -> Bool {
    at += 1
    var negated = false
    if at < symbols.count, symbols[at] == 0x5e || (dialect == .git && symbols[at] == 0x21) {
      negated = true
      at += 1
    }
    var ranges: [ClosedRange<UInt32>] = []
    var first = true
    while at < symbols.count {
      if symbols[at] == 0x5d, !(first && dialect == .git) {
        guard !(first && dialect == .filePath) else { return false }
        at += 1
        tokens.append(.set(ranges, negated: negated))
        return true
      }
      first = false
      guard parseRange(&ranges) else { return false }
    }
    return false
  }

  private mutating func parseRange(_ ranges: inout [ClosedRange<UInt32>]) -> Bool {
    if dialect == .git, symbols[at] == 0x5b, at + 1 < symbols.count, symbols[at + 1] == 0x3a {
      switch parseClass(&ranges) {
      case .some(let known): return known
      case nil: break  // no ":]" follows: an ordinary set member
      }
    }
    guard let low = member() else { return false }
    guard at + 1 < symbols.count, symbols[at] == 0x2d, symbols[at + 1] != 0x5d else {
      ranges.append(low...low)
      return true
    }
    at += 1
    guard let high = member() else { return false }
    // A range that runs backwards holds nothing, in both dialects; git still accepts its lower end as a member.
    if low <= high { ranges.append(low...high) }
    if dialect == .git { ranges.append(low...low) }
    return true
  }

  private mutating func member() -> UInt32? {
    guard at < symbols.count else { return nil }
    if symbols[at] == Self.backslash {
      guard at + 1 < symbols.count else { return nil }
      at += 1
    } else if dialect == .filePath, symbols[at] == 0x2d || symbols[at] == 0x5d {
      return nil
    }
    at += 1
    return symbols[at - 1]
  }

  /// Parses `[:name:]`. Returns nil when there is no such thing here, false for a name that is unknown.
  private mutating func parseClass(_ ranges: inout [ClosedRange<UInt32>]) -> Bool? {
    guard let end = symbols[(at + 2)...].firstIndex(of: 0x5d), end >= at + 3, symbols[end - 1] == 0x3a else { return nil }
    let name = String(decoding: symbols[(at + 2)..<(end - 1)].map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    guard let members = Self.classes[name] else { return false }
    ranges += members
    at = end + 1
    return true
  }

  private static let classes: [String: [ClosedRange<UInt32>]] = [
    "alnum": [0x30...0x39, 0x41...0x5a, 0x61...0x7a], "alpha": [0x41...0x5a, 0x61...0x7a], "blank": [0x09...0x09, 0x20...0x20],
    "cntrl": [0x00...0x1f, 0x7f...0x7f], "digit": [0x30...0x39], "graph": [0x21...0x7e], "lower": [0x61...0x7a],
    "print": [0x20...0x7e], "punct": [0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e], "space": [0x09...0x0d, 0x20...0x20],
    "upper": [0x41...0x5a], "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
  ]
}
