import CairnKit

/// Takes typed values out of one section. What is wrong is noted with its line and read as if it were not there.
///
/// Every key that is asked for is known; `finish` names the others.
struct SectionReader {
  private let table: TOMLTable
  /// As headers name the section: `profile.home.scheme`.
  let name: String
  /// As the catalogue names it: `profile.scheme`.
  let kind: String
  let log: ConfigLog
  let home: [UInt8]?
  /// Where the section begins.
  let place: ConfigPlace
  private(set) var asked: [String] = []

  init(_ item: TOMLItem, name: String, kind: String, log: ConfigLog, home: [UInt8]?) {
    if case .table(let table) = item.value { self.table = table } else { table = TOMLTable(line: item.line) }
    self.name = name
    self.kind = kind
    self.log = log
    self.home = home
    place = log.place(item)
  }

  /// Whether the section sets the key, well or badly.
  func has(_ key: String) -> Bool { table[key] != nil }

  /// Where a key stands; the section itself for one that is not there.
  func place(of key: String) -> ConfigPlace { table[key].map(log.place) ?? place }

  /// Notes a mistake about a key.
  func mistake(_ key: String, _ message: String) { log.mistake(place(of: key), "'\(key)' \(message)") }

  // MARK: Values

  mutating func boolean(_ key: String) -> Bool? {
    guard let item = ask(key) else { return nil }
    guard case .boolean(let flag) = item.value else { return wrong(key, item, "must be true or false") }
    return flag
  }

  mutating func integer(_ key: String, _ range: ClosedRange<Int>) -> Int? {
    guard let item = ask(key) else { return nil }
    guard case .integer(let number) = item.value else { return wrong(key, item, "must be a number") }
    guard let value = Int(exactly: number), range.contains(value) else {
      mistake(key, "must be \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  mutating func string(_ key: String) -> String? {
    guard let item = ask(key) else { return nil }
    return text(key, item)
  }

  /// One text, or a list of them.
  mutating func strings(_ key: String) -> [String]? {
    guard let item = ask(key) else { return nil }
    guard case .array(let items) = item.value else { return text(key, item).map { [$0] } }
    return items.compactMap { text(key, $0) }
  }

  /// Texts, of which those that begin with `~/` mean the home directory, as a shell would have it.
  mutating func patterns(_ key: String) -> [String]? {
    strings(key)?.map { text in
      guard text.hasPrefix("~/"), let home else { return text }
      return String(decoding: home, as: UTF8.self) + text.dropFirst()
    }
  }

  mutating func path(_ key: String) -> [UInt8]? { string(key).flatMap { absolute(key, $0) } }
  mutating func paths(_ key: String) -> [[UInt8]]? { strings(key)?.compactMap { absolute(key, $0) } }

  /// A text, or a number written without quotation marks, that `parse` understands.
  ///
  /// - Parameter expected: "a size such as 500M"
  mutating func parsed<T>(_ key: String, _ expected: String, _ parse: (String) -> T?) -> T? {
    guard let item = ask(key) else { return nil }
    return parsed(key, item, expected, parse)
  }

  /// One such value, or a list of them.
  mutating func list<T>(_ key: String, _ expected: String, _ parse: (String) -> T?) -> [T]? {
    guard let item = ask(key) else { return nil }
    guard case .array(let items) = item.value else { return parsed(key, item, expected, parse).map { [$0] } }
    return items.compactMap { parsed(key, $0, expected, parse) }
  }

  mutating func choice<T: RawRepresentable & CaseIterable>(_ key: String, _: T.Type) -> T? where T.RawValue == String {
    parsed(key, "one of " + T.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", "), T.init(rawValue:))
  }

  mutating func size(_ key: String) -> UInt64? { parsed(key, "a size such as \"500M\"") { ByteSize(argument: $0)?.bytes } }

  /// Seconds, more than none.
  ///
  /// Of a hundred years at most, so that moments can be reckoned with it.
  mutating func duration(_ key: String) -> Int64? {
    parsed(key, "a length of time such as \"90s\", \"15m\", \"26h\" or \"2w\"") { text in
      TimeSpan(argument: text).flatMap { (1...3_153_600_000).contains($0.seconds) ? $0.seconds : nil }
    }
  }

  /// A table inside this one.
  mutating func section(_ key: String) -> SectionReader? {
    guard let item = ask(key) else { return nil }
    guard case .table = item.value else { return wrong(key, item, "must be a section, [\(name).\(TOMLValue.key(key))]") }
    return SectionReader(item, name: "\(name).\(TOMLValue.key(key))", kind: "\(kind).\(key)", log: log, home: home)
  }

  // MARK: The end

  /// Notes keys that nobody asked for.
  func finish() {
    for key in table.keys where !asked.contains(key) {
      var message = "'\(TOMLValue.key(key))' is not known in [\(name)]"
      if let near = Spelling.nearest(to: key, in: asked) {
        message += "; did you mean '\(near)'?"
      } else if let other = Catalogue.sections(with: key).first(where: { $0 != kind }) {
        message += "; it belongs into a section [\(Catalogue.header(other))]"
      } else {
        message += "; take it away. 'cairn config example' shows every key"
      }
      log.mistake(place(of: key), message)
    }
  }

  // MARK: Details

  private mutating func ask(_ key: String) -> TOMLItem? {
    asked.append(key)
    return table[key]
  }

  private func text(_ key: String, _ item: TOMLItem) -> String? {
    guard case .string(let text) = item.value else { return wrong(key, item, "must be a text in quotation marks") }
    guard !text.isEmpty else {
      log.mistake(log.place(item), "'\(key)' is empty; give a value or take the line away")
      return nil
    }
    guard !text.utf8.contains(0) else {
      log.mistake(log.place(item), "'\(key)' holds a NUL character")
      return nil
    }
    return text
  }

  private func parsed<T>(_ key: String, _ item: TOMLItem, _ expected: String, _ parse: (String) -> T?) -> T? {
    switch item.value {
    case .string(let text): if let value = parse(text) { return value }
    case .integer(let number): if let value = parse(String(number)) { return value }
    default: return wrong(key, item, "must be \(expected)")
    }
    log.mistake(log.place(item), "'\(key)' must be \(expected), not \(item.value)")
    return nil
  }

  private func wrong<T>(_ key: String, _ item: TOMLItem, _ demand: String) -> T? {
    log.mistake(log.place(item), "'\(key)' \(demand), not \(item.value.kindName)")
    return nil
  }

  /// Where the program is started is not known beforehand, so that a relative path would mean now this and now that.
  private func absolute(_ key: String, _ text: String) -> [UInt8]? {
    if text.hasPrefix("/") { return Array(text.utf8) }
    if text == "~" || text.hasPrefix("~/") {
      guard let home else {
        mistake(key, "begins with ~, and there is no home directory: HOME is not set")
        return nil
      }
      return home + text.dropFirst().utf8
    }
    mistake(key, "is the relative path \(TOMLValue.quoted(text)); write a whole path, beginning with / or ~/")
    return nil
  }
}

/// Slips of the fingers.
package enum Spelling {
  /// The candidate that differs least, if that is little.
  package static func nearest(to word: String, in candidates: [String]) -> String? {
    let scored = candidates.map { ($0, distance(Array(word.utf8.prefix(64)), Array($0.utf8))) }
    guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= (word.utf8.count < 4 ? 1 : max(2, min(3, word.utf8.count / 3))) else {
      return nil
    }
    return best.0
  }

  /// Levenshtein's.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let next = min(diagonal + (x == y ? 0 : 1), row[j] + 1, row[j + 1] + 1)
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}
