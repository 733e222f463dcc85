/// One `--exclude` pattern, with restic's meaning.
///
/// A pattern is a path of globs (`filepath.Match` for each component, `**` for any number of components). It matches an entry when
/// it matches any run of the components of the entry's absolute path, so that what lies below a match matches too; a leading
/// slash ties it to the root. A leading `!` takes back what earlier patterns excluded.
struct ExcludePattern: Sendable {
  private enum Part: Sendable {
    case glob(Glob)
    case anyDepth
  }

  let negated: Bool
  private let anchored: Bool
  private let ignoresCase: Bool
  private let parts: [Part]
  private let hasAnyDepth: Bool

  /// - Returns: nil when a component is malformed.
  init?(_ text: String, ignoresCase: Bool = false) {
    var bytes = Array(text.utf8)
    negated = bytes.first == 0x21
    if negated { bytes.removeFirst() }
    if ignoresCase { bytes = Self.folded(bytes) }
    anchored = bytes.first == 0x2f
    var parts: [Part] = []
    for component in bytes.split(separator: 0x2f).map(Array.init) where component != [0x2e] {
      if component == [0x2a, 0x2a] {
        parts.append(.anyDepth)
      } else {
        guard let glob = Glob(component, .filePath) else { return nil }
        parts.append(.glob(glob))
      }
    }
    guard anchored || !parts.isEmpty else { return nil }
    self.parts = parts
    self.ignoresCase = ignoresCase
    hasAnyDepth = parts.contains { if case .anyDepth = $0 { true } else { false } }
  }

  /// Whether the pattern matches `path` or one of its parents.
  ///
  /// - Parameter path: components of an absolute path.
  func matches(_ path: [[UInt8]]) -> Bool {
    let path = ignoresCase ? path.map(Self.folded) : path
    if anchored { return aligned(0, path, 0, mustEnd: false) }
    return path.indices.contains { aligned(0, path, $0, mustEnd: false) }
  }

  /// Whether the pattern matches the entry itself; enough where the parents are known not to match.
  ///
  /// - Parameter path: at least one component, the entry's name last.
  func matchesEnd(_ path: [[UInt8]]) -> Bool {
    if !hasAnyDepth {
      guard parts.count <= path.count, !anchored || parts.count == path.count else { return false }
      var at = path.count - 1
      for part in parts.reversed() {
        guard case .glob(let glob) = part, glob.matches(ignoresCase ? Self.folded(path[at]) : path[at]) else { return false }
        at -= 1
      }
      return !parts.isEmpty
    }
    let path = ignoresCase ? path.map(Self.folded) : path
    if anchored { return aligned(0, path, 0, mustEnd: true) }
    return path.indices.contains { aligned(0, path, $0, mustEnd: true) }
  }

  private func aligned(_ part: Int, _ path: [[UInt8]], _ at: Int, mustEnd: Bool) -> Bool {
    var part = part
    var at = at
    while part < parts.count {
      guard case .glob(let glob) = parts[part] else {
        return (at...path.count).contains { aligned(part + 1, path, $0, mustEnd: mustEnd) }
      }
      guard at < path.count, glob.matches(path[at]) else { return false }
      part += 1
      at += 1
    }
    return !mustEnd || at == path.count
  }

  /// Lower case, by Unicode where the bytes are UTF-8, else ASCII only.
  static func folded(_ bytes: [UInt8]) -> [UInt8] {
    if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 } }
    guard let text = String(validating: bytes, as: UTF8.self) else { return bytes.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 } }
    return Array(text.lowercased().utf8)
  }
}

/// A list of patterns, asked once an entry.
struct ExcludePatterns: Sendable {
  private let patterns: [ExcludePattern]
  private let hasNegation: Bool

  var isEmpty: Bool { patterns.isEmpty }

  /// Excludes nothing.
  init() {
    patterns = []
    hasNegation = false
  }

  /// - Parameters:
  ///   - patterns: in order; later ones may take back earlier ones.
  ///   - folded: patterns that ignore case, judged after the others.
  /// - Throws: `CairnError(.usage)` naming the malformed pattern.
  init(_ patterns: [String], ignoringCase folded: [String] = []) throws {
    self.patterns = try patterns.map { try Self.compile($0, false) } + folded.map { try Self.compile($0, true) }
    hasNegation = self.patterns.contains { $0.negated }
  }

  private static func compile(_ text: String, _ ignoresCase: Bool) throws -> ExcludePattern {
    guard let pattern = ExcludePattern(text, ignoresCase: ignoresCase) else {
      throw CairnError(
        .usage, "The exclude pattern '\(Escaping.terminal(Array(text.utf8)))' is malformed.",
        guidance: "A pattern is a path of globs: '*', '?', '[a-z]', '**' for any number of directories, '\\' before a special character.")
    }
    return pattern
  }

  /// Whether an entry is excluded whose parents are not.
  func excludesEntry(_ path: [[UInt8]]) -> Bool {
    if hasNegation { return excludes(path) }
    return patterns.contains { $0.matchesEnd(path) }
  }

  /// Whether a path is excluded, by itself or by one of its parents.
  func excludes(_ path: [[UInt8]]) -> Bool {
    var excluded = false
    for pattern in patterns {
      if pattern.negated {
        if excluded, pattern.matches(path) { excluded = false }
      } else if !excluded {
        excluded = pattern.matches(path)
      }
    }
    return excluded
  }
}
