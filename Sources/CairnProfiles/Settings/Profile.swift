import CairnKit

/// `[profile.NAME]`: what is backed up where to, how, and what follows; after what it inherits was put in.
package struct Profile: Sendable {
  package let name: String
  package let place: ConfigPlace
  /// The `[repository.NAME]` that it names, if there is one.
  package private(set) var repository: RepositorySettings?
  package private(set) var source: SourceSettings
  package private(set) var tags: [String]?
  /// The host to record; nil = this machine's name.
  package private(set) var host: String?
  /// As given; see `seriesName(host:)`.
  package private(set) var series: String?
  package private(set) var scheme: Scheme?
  package private(set) var retention: RetentionSettings?
  package private(set) var schedule: Schedule?
  package private(set) var hooks: Hooks?
  package private(set) var notices: Notices?
  package private(set) var limits: RunLimits?
  package private(set) var expectation: Expectation?
  package private(set) var upkeep: Upkeep?

  /// What is wrong with it, with what it inherits and with its repository.
  package private(set) var mistakes: [ConfigFinding]
  package private(set) var notes: [ConfigFinding]
  /// What the file says, own and inherited, in the order of the catalogue.
  package private(set) var entries: [Entry]

  /// One key in force.
  package struct Entry: Sendable {
    /// `retention.keep-daily`; of the repository `repository.path`.
    package let key: String
    package let value: TOMLValue
    package let place: ConfigPlace
  }

  /// The name of the profile's series. Its own, unless it says another, and apart for each host: a profile of that name on another
  /// machine, in the same repository, keeps snapshots of its own.
  package func seriesName(host: String) -> String { series ?? "\(name)@\(host)" }

  /// Where a key is set, by the names of `entries`.
  package func place(of key: String) -> ConfigPlace { entries.first { $0.key == key }?.place ?? place }

  /// - Parameters:
  ///   - item: the profile's table with everything that it inherits.
  ///   - repositories: by name.
  init(name: String, _ item: TOMLItem, repositories: [String: TOMLItem], log: ConfigLog, home: [UInt8]?) {
    self.name = name
    var reader = SectionReader(item, name: "profile.\(TOMLValue.key(name))", kind: "profile", log: log, home: home)
    place = reader.place
    // Parents were put in already.
    _ = reader.strings("inherit")
    source = SourceSettings(&reader)
    var repositoryItem: TOMLItem?
    if let wanted = reader.string("repository") {
      if let found = repositories[wanted] {
        var section = SectionReader(found, name: "repository.\(TOMLValue.key(wanted))", kind: "repository", log: log, home: home)
        repository = RepositorySettings(name: wanted, &section)
        repositoryItem = found
      } else {
        let near = Spelling.nearest(to: wanted, in: repositories.keys.sorted())
        let advice = near.map { "did you mean \(TOMLValue.quoted($0))?" } ?? "write a section [repository.\(TOMLValue.key(wanted))]"
        reader.mistake("repository", "names \(TOMLValue.quoted(wanted)), and there is no such repository; \(advice)")
      }
    }
    tags = reader.strings("tags")
    host = reader.string("host")
    series = reader.string("series")
    if var section = reader.section("scheme") { scheme = Scheme(&section) }
    if var section = reader.section("retention") { retention = RetentionSettings(&section) }
    if var section = reader.section("schedule") { schedule = Schedule(&section) }
    if var section = reader.section("hooks") { hooks = Hooks(&section) }
    if var section = reader.section("notify") { notices = Notices(&section) }
    if var section = reader.section("limits") { limits = RunLimits(&section) }
    if var section = reader.section("expect") { expectation = Expectation(&section) }
    if var section = reader.section("upkeep") { upkeep = Upkeep(&section) }
    if scheme != nil, let kind = source.kind, kind != .auto {
      reader.mistake("kind", "is '\(kind.rawValue)', and there is a scheme; take one of them away, or say kind = \"auto\"")
    }
    reader.finish()
    entries = Self.entries(item, prefix: "", log) + (repositoryItem.map { Self.entries($0, prefix: "repository.", log) } ?? [])
    mistakes = []
    notes = []
    notePending(log)
    mistakes = log.mistakes.sorted { ($0.place.line, $0.message) < ($1.place.line, $1.message) }
    notes = log.notices
  }

  /// What nothing carries out yet must not pass in silence.
  private func notePending(_ log: ConfigLog) {
    var said: Set<Substring> = []
    for entry in entries where Catalogue.isPending(entry.key) {
      // Once for a section.
      let part = entry.key.prefix { $0 != "." }
      if said.insert(part).inserted { log.notice(entry.place, "'\(part)' is understood, and this version does nothing with it yet") }
    }
  }

  private static func entries(_ item: TOMLItem, prefix: String, _ log: ConfigLog) -> [Entry] {
    guard case .table(let table) = item.value else { return [] }
    return table.keys.flatMap { key -> [Entry] in
      guard let item = table[key] else { return [] }
      if case .table = item.value { return entries(item, prefix: prefix + key + ".", log) }
      return [Entry(key: prefix + key, value: item.value, place: log.place(item))]
    }
  }
}
