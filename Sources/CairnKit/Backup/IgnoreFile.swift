/// The rules of one `.gitignore`-style file, with git's exact meaning.
struct IgnoreFile: Sendable {
  private struct Rule: Sendable {
    let glob: Glob
    let negated: Bool
    let directoriesOnly: Bool
    /// Holds no slash: compared with the name alone, at any depth.
    let nameOnly: Bool
  }

  private let rules: [Rule]
  private let needsPath: Bool

  var isEmpty: Bool { rules.isEmpty }

  /// Parses a whole file: `#` comments, blank lines, `!`, trailing spaces and carriage returns, byte-order mark as in git.
  init(_ bytes: [UInt8]) {
    let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    rules = text.split(separator: 0x0a, omittingEmptySubsequences: true).compactMap { Self.rule(Array($0)) }
    needsPath = rules.contains { !$0.nameOnly }
  }

  /// Several files of one directory as one, later rules winning.
  init(joining files: [IgnoreFile]) {
    rules = files.flatMap(\.rules)
    needsPath = rules.contains { !$0.nameOnly }
  }

  /// The last rule that matches decides.
  ///
  /// - Parameters:
  ///   - path: the entry's components from the ignore file's directory on, its name last.
  /// - Returns: true = ignored, false = taken back, nil = no rule matches.
  func verdict(_ path: ArraySlice<[UInt8]>, isDirectory: Bool) -> Bool? {
    guard let name = path.last else { return nil }
    let joined = needsPath ? Array(path.joined(separator: [0x2f])) : name
    for rule in rules.reversed() where isDirectory || !rule.directoriesOnly {
      if rule.glob.matches(rule.nameOnly ? name : joined) { return !rule.negated }
    }
    return nil
  }

  private static func rule(_ raw: [UInt8]) -> Rule? {
    var line = raw
    if line.last == 0x0d { line.removeLast() }
    guard let first = line.first, first != 0x23 else { return nil }
    line = withoutTrailingSpaces(line)
    let negated = line.first == 0x21
    if negated { line.removeFirst() }
    let directoriesOnly = line.last == 0x2f
    if directoriesOnly { line.removeLast() }
    let nameOnly = !line.contains(0x2f)
    if line.first == 0x2f { line.removeFirst() }
    guard !line.isEmpty, let glob = Glob(line, .git) else { return nil }
    return Rule(glob: glob, negated: negated, directoriesOnly: directoriesOnly, nameOnly: nameOnly)
  }

  /// Drops trailing spaces unless the first of them is behind a backslash.
  private static func withoutTrailingSpaces(_ line: [UInt8]) -> [UInt8] {
    var end = line.count
    var at = 0
    var spacesFrom: Int?
    while at < line.count {
      if line[at] == 0x20 {
        if spacesFrom == nil { spacesFrom = at }
      } else {
        if line[at] == 0x5c { at += 1 }
        spacesFrom = nil
      }
      at += 1
    }
    if let spacesFrom { end = spacesFrom }
    return Array(line[..<end])
  }
}
