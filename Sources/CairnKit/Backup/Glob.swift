/// A compiled shell pattern over one text, in one of two dialects.
///
/// Matching is two-level backtracking (last `*`, last `**`): O(text × pattern), whatever the pattern, because ignore files come
/// with the data that is backed up and may be hostile.
struct Glob: Sendable {
  /// Which rules a pattern follows.
  enum Dialect: Sendable {
    /// Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a-z]`, backslash; a symbol is a UTF-8 scalar or a stray byte.
    case filePath
    /// git's wildmatch with slashes respected: also `**`, `[!…]`, `[:alpha:]`; a symbol is a byte.
    case git
  }

  enum Token: Sendable, Equatable {
    case literal(UInt32)
    case any
    case set([ClosedRange<UInt32>], negated: Bool)
    /// Any run without a slash.
    case star
    /// A trailing `**`: everything.
    case anything
    /// `**/`: no directory or any number of them.
    case directories
  }

  private let tokens: [Token]
  private let dialect: Dialect
  /// Set when the pattern has no special token at all.
  let literal: [UInt8]?
  /// Set for `*suffix` with a literal suffix.
  private let suffix: [UInt8]?

  /// Compiles a pattern; nil when it is malformed. A malformed git pattern matches nothing, as in git, and is not nil.
  init?(_ pattern: [UInt8], _ dialect: Dialect) {
    self.dialect = dialect
    var parser = GlobParser(pattern, dialect)
    guard let tokens = parser.parse() else { return nil }
    self.tokens = tokens
    literal = Self.literalBytes(tokens[...], dialect)
    suffix = tokens.first == .star ? Self.literalBytes(tokens.dropFirst(), dialect) : nil
  }

  /// Whether the whole of `text` matches.
  func matches(_ text: [UInt8]) -> Bool {
    if let literal { return literal == text }
    if let suffix, !text.contains(0x2f) {
      return text.count >= suffix.count && text[(text.count - suffix.count)...].elementsEqual(suffix)
    }
    return run(Self.symbols(text, dialect))
  }

  private func run(_ text: [UInt32]) -> Bool {
    var t = 0
    var s = 0
    var star: (token: Int, from: Int)?
    var deep: (token: Int, from: Int)?
    while true {
      if t < tokens.count {
        switch tokens[t] {
        case .star:
          star = (t, s)
          t += 1
          continue
        case .anything, .directories:
          deep = (t, s)
          star = nil
          t += 1
          continue
        default:
          if s < text.count, Self.accepts(tokens[t], text[s]) {
            t += 1
            s += 1
            continue
          }
        }
      } else if s == text.count {
        return true
      }
      if let last = star, last.from < text.count, text[last.from] != 0x2f {
        star = (last.token, last.from + 1)
        (t, s) = (last.token + 1, last.from + 1)
      } else if let last = deep, let next = advance(last, text) {
        deep = (last.token, next)
        star = nil
        (t, s) = (last.token + 1, next)
      } else {
        return false
      }
    }
  }

  /// The next place up to which a `**` may reach.
  private func advance(_ deep: (token: Int, from: Int), _ text: [UInt32]) -> Int? {
    if tokens[deep.token] == .anything { return deep.from < text.count ? deep.from + 1 : nil }
    return text[deep.from...].firstIndex(of: 0x2f).map { $0 + 1 }
  }

  private static func accepts(_ token: Token, _ symbol: UInt32) -> Bool {
    switch token {
    case .literal(let wanted): symbol == wanted
    case .any: symbol != 0x2f
    case .set(let ranges, let negated): symbol != 0x2f && ranges.contains { $0.contains(symbol) } != negated
    case .star, .anything, .directories: false
    }
  }

  private static func literalBytes(_ tokens: ArraySlice<Token>, _ dialect: Dialect) -> [UInt8]? {
    var bytes: [UInt8] = []
    for token in tokens {
      guard case .literal(let symbol) = token else { return nil }
      if symbol >= 0x110000 || dialect == .git {
        bytes.append(UInt8(truncatingIfNeeded: symbol))
      } else if let scalar = Unicode.Scalar(symbol) {
        bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    return bytes
  }

  /// Splits bytes into symbols; a byte that is no UTF-8 becomes a symbol of its own above the scalars.
  static func symbols(_ bytes: [UInt8], _ dialect: Dialect) -> [UInt32] {
    if dialect == .git || bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map(UInt32.init) }
    var out: [UInt32] = []
    out.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      let (symbol, length) = scalar(bytes, at)
      out.append(symbol)
      at += length
    }
    return out
  }

  private static func scalar(_ bytes: [UInt8], _ at: Int) -> (UInt32, Int) {
    let lead = bytes[at]
    if lead < 0x80 { return (UInt32(lead), 1) }
    let length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0
    guard length > 0, at + length <= bytes.count else { return (0x110000 + UInt32(lead), 1) }
    var value = UInt32(lead) & (0xff >> UInt32(length + 1))
    for byte in bytes[(at + 1)..<(at + length)] {
      guard byte & 0xc0 == 0x80 else { return (0x110000 + UInt32(lead), 1) }
      value = value << 6 | UInt32(byte & 0x3f)
    }
    let smallest: [UInt32] = [0, 0, 0x80, 0x800, 0x10000]
    guard value >= smallest[length], Unicode.Scalar(value) != nil else { return (0x110000 + UInt32(lead), 1) }
    return (value, length)
  }
}
