/// Everything that the configuration files say: repositories and profiles by name.
///
/// Of two files the later one's sections take the place of those of the same name in the earlier. A mistake in one profile does not touch
/// the others.
package struct Configuration: Sendable {
  /// Oldest first; what was read.
  package let files: [[UInt8]]
  package private(set) var profiles: [Profile] = []
  package private(set) var repositories: [RepositorySettings] = []
  /// What makes it impossible to tell what the files say.
  package private(set) var fatal: [ConfigFinding] = []
  /// That, and what belongs to no profile.
  package private(set) var mistakes: [ConfigFinding]
  package private(set) var notes: [ConfigFinding] = []

  /// A file and its text.
  package struct File: Sendable {
    package let path: [UInt8]
    package let text: [UInt8]

    package init(path: [UInt8], text: [UInt8]) {
      self.path = path
      self.text = text
    }
  }

  /// More profiles, or parents of one, are a mistake.
  private static let maximumSections = 1000
  /// Of one section.
  private static let maximumKeys = 1000

  /// - Parameters:
  ///   - files: those that count less first.
  ///   - home: for paths that begin with `~`; nil = there is none.
  package init(_ files: [File], home: [UInt8]?) {
    self.files = files.map(\.path)
    let log = ConfigLog(files: self.files)
    var repositories: [String: TOMLItem] = [:]
    var profiles = Inheritance(log: log)
    var names: [String] = []
    for (number, file) in files.enumerated() {
      do throws(TOMLError) {
        let table = try TOMLParser.parse(file.text).marked(file: number)
        for (name, item) in Self.sections("repository", table, number, log) { repositories[name] = item }
        for (name, item) in Self.sections("profile", table, number, log) {
          if profiles.tables[name] == nil { names.append(name) }
          profiles.tables[name] = item
        }
        Self.nameStrangers(table, number, log)
      } catch {
        fatal.append(ConfigFinding(place: ConfigPlace(file: file.path, line: error.line), message: error.message))
      }
    }
    if names.count > Self.maximumSections || repositories.count > Self.maximumSections {
      let place = ConfigPlace(file: self.files.last ?? [], line: 1)
      fatal.append(ConfigFinding(place: place, message: "there are more than \(Self.maximumSections) profiles or repositories"))
      names = []
      repositories = [:]
    }
    for name in repositories.keys.sorted() {
      guard let item = repositories[name] else { continue }
      var reader = SectionReader(item, name: "repository.\(TOMLValue.key(name))", kind: "repository", log: log, home: home)
      self.repositories.append(RepositorySettings(name: name, &reader))
    }
    for name in names {
      let own = ConfigLog(files: self.files)
      guard let merged = profiles.merged(name, own) else { continue }
      let profile = Profile(name: name, merged, repositories: repositories, log: own, home: home)
      self.profiles.append(profile)
      if profile.repository == nil, profile.mistakes.isEmpty, !profiles.isParent(name) {
        log.notice(profile.place, "the profile '\(TOMLValue.key(name))' names no repository; --repo or CAIRN_REPOSITORY has to")
      }
    }
    mistakes = fatal + log.mistakes
    notes = log.notices
  }

  package func profile(_ name: String) -> Profile? { profiles.first { $0.name == name } }

  /// All mistakes, by place.
  package var allMistakes: [ConfigFinding] { Self.sorted(mistakes + profiles.flatMap(\.mistakes), files) }
  package var allNotes: [ConfigFinding] { Self.sorted(notes + profiles.flatMap(\.notes), files) }

  private static func sorted(_ findings: [ConfigFinding], _ files: [[UInt8]]) -> [ConfigFinding] {
    Set(findings).sorted { a, b in
      let (first, second) = (files.firstIndex(of: a.place.file) ?? 0, files.firstIndex(of: b.place.file) ?? 0)
      if first != second { return first < second }
      return a.place.line != b.place.line ? a.place.line < b.place.line : a.message < b.message
    }
  }

  // MARK: - The top of a file

  private static func sections(_ kind: String, _ table: TOMLTable, _ file: Int, _ log: ConfigLog) -> [(String, TOMLItem)] {
    guard let item = table[kind] else { return [] }
    guard case .table(let named) = item.value else {
      log.mistake(log.place(item), "'\(kind)' must be a section with a name, [\(kind).NAME]")
      return []
    }
    return named.keys.compactMap { name in
      guard let item = named[name] else { return nil }
      guard case .table = item.value else {
        let holds = "stands in [\(kind)], which holds sections only; write [\(kind).NAME] above it"
        log.mistake(log.place(item), "'\(TOMLValue.key(name))' \(holds)")
        return nil
      }
      guard count(item) <= maximumKeys else {
        log.mistake(log.place(item), "[\(kind).\(TOMLValue.key(name))] has more than \(maximumKeys) keys")
        return nil
      }
      guard isName(name) else {
        let advice = "use letters, digits, '-', '_' and '.', at most 64"
        log.mistake(log.place(item), "\(TOMLValue.quoted(name)) is no name for a \(kind): \(advice)")
        return nil
      }
      return (name, item)
    }
  }

  private static func count(_ item: TOMLItem) -> Int {
    guard case .table(let table) = item.value else { return 1 }
    return table.keys.reduce(1) { $0 + (table[$1].map(count) ?? 0) }
  }

  /// Names become parts of file names and of units.
  package static func isName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { TOMLParser.isBareKey($0) || $0 == 0x2e } && !name.hasPrefix(".")
      && !name.hasPrefix("-")
  }

  private static func nameStrangers(_ table: TOMLTable, _ file: Int, _ log: ConfigLog) {
    for key in table.keys where key != "repository" && key != "profile" {
      guard let item = table[key] else { continue }
      let near = Spelling.nearest(to: key, in: ["repository", "profile"]).map { "did you mean [\($0).NAME]?" }
      let advice = near ?? "keys stand in sections [repository.NAME] or [profile.NAME]"
      log.mistake(log.place(item), "'\(TOMLValue.key(key))' is not known here; \(advice)")
    }
  }
}

/// Profiles with what they inherit put in. A profile's own keys beat those of its parents, later parents beat earlier ones; sections
/// are merged key by key, lists are replaced.
private struct Inheritance {
  private static let maximumDepth = 16

  let log: ConfigLog
  var tables: [String: TOMLItem] = [:]
  private var done: [String: (item: TOMLItem, mistakes: [ConfigFinding])] = [:]

  init(log: ConfigLog) { self.log = log }

  func isParent(_ name: String) -> Bool {
    tables.values.contains { item in
      guard case .table(let table) = item.value, let inherit = table["inherit"] else { return false }
      return Self.names(inherit).contains { $0.name == name }
    }
  }

  /// A profile with everything that it inherits; nil when there is no such profile. Mistakes of its parents are its own.
  mutating func merged(_ name: String, _ log: ConfigLog, below path: [String] = []) -> TOMLItem? {
    guard let item = tables[name], case .table(let own) = item.value else { return nil }
    guard let inherit = own["inherit"] else { return item }
    if done[name] == nil {
      let found = ConfigLog(files: log.files)
      var result = TOMLTable(line: own.line)
      if case .array(let items) = inherit.value, items.count > Self.maximumDepth {
        found.mistake(found.place(inherit), "a profile inherits from at most \(Self.maximumDepth) others")
      }
      for (parent, place) in Self.names(inherit) {
        if let table = inherited(parent, by: name, at: found.place(place), found, path) { result = Self.merge(table, into: result) }
      }
      let merged = TOMLItem(value: .table(Self.merge(own, into: result)), line: item.line, file: item.file)
      done[name] = (merged, found.mistakes)
    }
    for mistake in done[name]?.mistakes ?? [] { log.mistake(mistake.place, mistake.message) }
    return done[name]?.item
  }

  private mutating func inherited(
    _ parent: String, by name: String, at place: ConfigPlace, _ log: ConfigLog, _ path: [String]
  ) -> TOMLTable? {
    guard parent != name, !path.contains(parent) else {
      let circle = (path + [name, parent]).map(TOMLValue.key).joined(separator: " → ")
      log.mistake(place, "profiles inherit from each other in a circle: \(circle)")
      return nil
    }
    guard path.count < Self.maximumDepth else {
      log.mistake(place, "profiles inherit from each other more than \(Self.maximumDepth) deep")
      return nil
    }
    guard let above = merged(parent, log, below: path + [name]), case .table(let table) = above.value else {
      let near = Spelling.nearest(to: parent, in: tables.keys.sorted()).map { "; did you mean \(TOMLValue.quoted($0))?" }
      log.mistake(place, "there is no profile \(TOMLValue.quoted(parent)) to inherit from\(near ?? "")")
      return nil
    }
    return table
  }

  private static func names(_ inherit: TOMLItem) -> [(name: String, item: TOMLItem)] {
    switch inherit.value {
    case .string(let name): [(name, inherit)]
    case .array(let items):
      items.prefix(maximumDepth).compactMap { item in if case .string(let name) = item.value { (name, item) } else { nil } }
    default: []
    }
  }

  /// `over` beats `under`.
  private static func merge(_ over: TOMLTable, into under: TOMLTable) -> TOMLTable {
    var out = under
    out.line = over.line
    for key in over.keys {
      guard var item = over[key] else { continue }
      if case .table(let upper) = item.value, let below = out[key], case .table(let lower) = below.value {
        item.value = .table(merge(upper, into: lower))
      }
      out.set(key, item)
    }
    return out
  }
}
