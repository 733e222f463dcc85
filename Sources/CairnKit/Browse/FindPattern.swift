import CairnFormat

/// A pattern of `find`, with restic's meaning, as an automaton over the components of a path.
///
/// A pattern is a path of globs (`*`, `?`, `[a-z]`, backslash; `**` for any number of directories). It matches an entry when it
/// matches any run of the components of its path, so that what lies below a match matches too; a leading slash ties it to the root.
///
/// A state is a set of positions, one bit each: how many parts have been matched up to here. It is all that the search below a
/// directory depends on, which is why trees that snapshots share need to be searched only once a state.
package struct FindPattern: Sendable {
  private enum Part: Sendable {
    case glob(Glob)
    case anyDepth
  }

  package typealias State = UInt64
  /// The state before the first component; 0 is the state in which nothing can match any more.
  package let start: State
  package let ignoresCase: Bool
  private let parts: [Part]
  private let isAnchored: Bool
  private static let maximumParts = 62

  /// - Throws: `CairnError(.usage)` for a malformed glob, an empty pattern, or one of more than 62 components.
  package init(_ text: String, ignoringCase: Bool = false) throws {
    var bytes = Array(text.utf8)
    if ignoringCase { bytes = ExcludePattern.folded(bytes) }
    isAnchored = bytes.first == 0x2f
    ignoresCase = ignoringCase
    var parts: [Part] = []
    for component in bytes.split(separator: 0x2f).map(Array.init) where component != [0x2e] {
      if component == [0x2a, 0x2a] {
        parts.append(.anyDepth)
      } else {
        guard let glob = Glob(component, .filePath) else { throw Self.malformed(text) }
        parts.append(.glob(glob))
      }
    }
    guard !parts.isEmpty || isAnchored, parts.count <= Self.maximumParts else { throw Self.malformed(text) }
    self.parts = parts
    start = Self.closure(1, parts)
  }

  private static func malformed(_ text: String) -> CairnError {
    CairnError(
      .usage, "The pattern '\(Escaping.terminal(Array(text.utf8)))' is malformed.",
      guidance: "A pattern is a path of globs: '*', '?', '[a-z]', '**' for any number of directories, '\\' before a special character.")
  }

  /// Whether an entry reached in this state matches.
  package func isMatch(_ state: State) -> Bool { state >> UInt64(parts.count) & 1 == 1 }

  /// The state behind one more component.
  ///
  /// - Parameter name: folded when `ignoresCase`.
  package func advance(_ state: State, _ name: [UInt8]) -> State {
    if isMatch(state) { return state }
    var next: State = isAnchored ? 0 : 1
    for (position, part) in parts.enumerated() where state >> UInt64(position) & 1 == 1 {
      switch part {
      case .anyDepth: next |= 1 << UInt64(position)
      case .glob(let glob): if glob.matches(name) { next |= 1 << UInt64(position + 1) }
      }
    }
    return Self.closure(next, parts)
  }

  /// `**` also stands for no directory at all.
  private static func closure(_ state: State, _ parts: [Part]) -> State {
    var state = state
    for (position, part) in parts.enumerated() {
      if case .anyDepth = part, state >> UInt64(position) & 1 == 1 { state |= 1 << UInt64(position + 1) }
    }
    return state
  }
}
