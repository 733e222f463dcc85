import CairnFormat

/// Which entries of a snapshot a restore takes: includes, then excludes.
struct RestoreFilter: Sendable {
  struct Decision: Sendable, Equatable {
    /// The entry itself is wanted.
    var selected: Bool
    /// Something below it may be wanted.
    var descends: Bool
  }

  private let includes: [ExcludePattern]
  private let excludes: ExcludePatterns
  /// For each include: the globs that its first components must match; nil where it may match at any depth.
  private let anchors: [[Glob]?]
  private let anchorFoldsCase: [Bool]
  /// Exactly these, whatever the patterns.
  private let chosen: ChosenPaths?
  /// The chosen places, each as one run of bytes, and the directories that lead to them.
  private let places: Set<[UInt8]>
  private let ways: Set<[UInt8]>

  /// Everything is taken, without a look at names.
  let takesAll: Bool
  /// Whether single places were chosen: other directories are only ways to them.
  var hasPlaces: Bool { !places.isEmpty }
  /// Whether something below a selected directory may be left out.
  var hasExcludes: Bool { !excludes.isEmpty }

  /// - Throws: `CairnError(.usage)` naming a malformed pattern.
  init(_ options: RestoreOptions) throws {
    excludes = try ExcludePatterns(options.excludes, ignoringCase: options.caseInsensitiveExcludes)
    let texts = options.includes.map { ($0, false) } + options.caseInsensitiveIncludes.map { ($0, true) }
    includes = try texts.map { text, folds in
      guard let pattern = ExcludePattern(text, ignoresCase: folds), !pattern.negated else {
        throw CairnError(
          .usage, "The include pattern '\(Escaping.terminal(Array(text.utf8)))' is malformed.",
          guidance: "A pattern is a path of globs: '*', '?', '[a-z]', '**' for any number of directories, '\\' before a special character.")
      }
      return pattern
    }
    anchors = texts.map { Self.anchor($0.0, foldsCase: $0.1) }
    anchorFoldsCase = texts.map { $0.1 }
    places = Set(options.places.map(SnapshotPath.joined))
    ways = Set(options.places.flatMap { place in place.indices.dropFirst().map { SnapshotPath.joined(Array(place[..<$0])) } })
    takesAll = includes.isEmpty && excludes.isEmpty && places.isEmpty
    chosen = nil
  }

  /// Takes certain entries and nothing else; of a directory itself only, not what is in it.
  init(chosen: ChosenPaths) {
    includes = []
    excludes = ExcludePatterns()
    anchors = []
    anchorFoldsCase = []
    places = []
    ways = []
    takesAll = false
    self.chosen = chosen
  }

  /// - Parameters:
  ///   - path: components below the restored root, the entry's name last.
  ///   - parentSelected: the directory that holds the entry was selected by an include (or there are none).
  func decide(_ path: [[UInt8]], isDirectory: Bool, parentSelected: Bool) -> Decision {
    if takesAll { return Decision(selected: true, descends: true) }
    if let chosen { return chosen.decide(path, isDirectory: isDirectory) }
    if excludes.excludesEntry(path) { return Decision(selected: false, descends: false) }
    if parentSelected { return Decision(selected: true, descends: true) }
    if !places.isEmpty {
      let place = SnapshotPath.joined(path)
      let isChosen = places.contains(place)
      return Decision(selected: isChosen, descends: isChosen || (isDirectory && ways.contains(place)))
    }
    if includes.isEmpty || includes.contains(where: { $0.matches(path) }) { return Decision(selected: true, descends: true) }
    return Decision(selected: false, descends: isDirectory && includes.indices.contains { mayMatchBelow($0, path) })
  }

  /// Whether the include with this number can match something below `path`.
  private func mayMatchBelow(_ include: Int, _ path: [[UInt8]]) -> Bool {
    guard let globs = anchors[include] else { return true }
    let folds = anchorFoldsCase[include]
    return zip(globs, path).allSatisfy { $0.matches(folds ? ExcludePattern.folded($1) : $1) }
  }

  private static func anchor(_ text: String, foldsCase: Bool) -> [Glob]? {
    let bytes = foldsCase ? ExcludePattern.folded(Array(text.utf8)) : Array(text.utf8)
    guard bytes.first == 0x2f else { return nil }
    var globs: [Glob] = []
    for component in bytes.split(separator: 0x2f).map(Array.init) where component != [0x2e] {
      guard component != [0x2a, 0x2a], let glob = Glob(component, .filePath) else { break }
      globs.append(glob)
    }
    return globs
  }
}
