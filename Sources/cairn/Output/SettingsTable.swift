import CairnKit
import CairnProfiles

/// Everything that is in force for a profile.
struct SettingsTable {
  struct Row {
    let key: String
    /// As a file would have it; empty = nothing.
    let value: String
    let origin: SettingOrigin

    func write(to line: inout JSONLine) {
      line.member("key", key)
      if value.isEmpty { line.member(null: "value") } else { line.member("value", value) }
      switch origin {
      case .flag(let name):
        line.member("origin", "flag")
        line.member("name", name)
      case .variable(let name):
        line.member("origin", "environment")
        line.member("name", name)
      case .file(let place):
        line.member("origin", "file")
        line.member("file", bytes: place.file)
        line.member("line", place.line)
      case .standard: line.member("origin", "default")
      }
    }
  }

  let rows: [Row]

  /// Without what is not set, and without the defaults of sections that the profile does not have.
  var briefRows: [Row] {
    let present = Set(rows.filter { $0.origin != .standard }.map { Self.section(of: $0.key) })
    return rows.filter { row in
      let section = Self.section(of: row.key)
      return !row.value.isEmpty && (present.contains(section) || section.isEmpty || section == "repository")
    }
  }

  private static func section(of key: String) -> Substring { key.lastIndex(of: ".").map { key[..<$0] } ?? "" }

  /// The keys of the catalogue in its order, with what flags and variables say in their place.
  init(_ run: Invocation, _ profile: Profile) throws {
    let entries = Dictionary(profile.entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    var overrides = try Self.overrides(run)
    var rows: [Row] = []
    for section in Catalogue.sections {
      for key in section.keys {
        let name = section.entryPrefix + key.name
        // A table is shown by its own keys.
        if Catalogue.sections.contains(where: { $0.name == "\(section.name).\(key.name)" }) { continue }
        if let row = overrides.removeValue(forKey: name) {
          rows.append(row)
        } else if let entry = entries[name], !(Self.secrets.contains(name) && overrides["password"] != nil) {
          rows.append(Row(key: name, value: entry.value.description, origin: .file(entry.place)))
        } else {
          let host = run.hostSetting().value
          let value =
            name == "series" ? TOMLValue.quoted(profile.seriesName(host: host)) : name == "host" ? TOMLValue.quoted(host) : key.standard
          rows.append(Row(key: name, value: value, origin: .standard))
        }
      }
    }
    if let password = overrides["password"] { rows.append(password) }
    self.rows = rows
  }

  private static let secrets = ["repository.password-file", "repository.password-command", "repository.key-file"]

  /// What flags and variables say.
  private static func overrides(_ run: Invocation) throws -> [String: Row] {
    var out: [String: Row] = [:]
    func add(_ key: String, _ setting: Setting<String>?) {
      guard let setting else { return }
      switch setting.origin {
      case .flag, .variable: out[key] = Row(key: key, value: setting.value, origin: setting.origin)
      case .file, .standard: break
      }
    }
    add("repository.path", try run.repositorySetting().map { $0.map(text) })
    add("repository.cache-dir", run.cacheSetting.map { $0.map(text) ?? "" })
    add("repository.compression", try run.compressionSetting().map { level in level.map { $0 == 0 ? "\"off\"" : "\($0)" } ?? "\"auto\"" })
    add(
      "repository.memory", try Invocation.memorySetting(run.options, run.environment, run.profile).map { "\"\($0 >> 20)M\"" })
    for (name, limit) in [("limits.upload", run.uploadLimit), ("limits.download", run.downloadLimit)] {
      add(name, limit.map { $0.map { "\"\($0 >> 10)K\"" } ?? "\"unlimited\"" })
    }
    add("host", run.hostSetting().map(TOMLValue.quoted))
    add("read-concurrency", try run.readConcurrency().map { $0.map(String.init) ?? "" })
    add("password", try run.passwordSetting().map(describe))
    return out
  }

  private static func text(_ path: [UInt8]) -> String { "\"\(Escaping.terminal(path))\"" }

  /// Where the password comes from, never what it is.
  private static func describe(_ source: PasswordSource) -> String {
    switch source {
    case .file(let path): "file \(text(path))"
    case .command(let command): "command \(TOMLValue.quoted(command))"
    case .descriptor(let number): "descriptor \(number)"
    case .value: "given in the variable"
    case .keyFile(let path): "key file \(text(path))"
    case .empty: "the empty password"
    case .prompt: "asked for"
    }
  }
}
