import Glibc

/// The environment as this program reads it: `CAIRN_<NAME>`, and for some names restic's variable where ours is not set.
struct EnvironmentVariables: Sendable {
  /// A variable the program knows; the table of the help and the manual.
  enum Name: String, CaseIterable, Sendable {
    case configuration = "CONFIG"
    case profile = "PROFILE"
    case repository = "REPOSITORY"
    case repositoryFile = "REPOSITORY_FILE"
    case password = "PASSWORD"
    case passwordFile = "PASSWORD_FILE"
    case passwordCommand = "PASSWORD_COMMAND"
    case passwordDescriptor = "PASSWORD_FD"
    case keyFile = "KEY_FILE"
    case cacheDirectory = "CACHE_DIR"
    case stateDirectory = "STATE_DIR"
    case compression = "COMPRESSION"
    case memory = "MEMORY"
    case host = "HOST"
    case readConcurrency = "READ_CONCURRENCY"
    case progressRate = "PROGRESS_FPS"

    /// Whether `RESTIC_<NAME>` stands in for it.
    var hasFallback: Bool { ![.configuration, .profile, .passwordDescriptor, .keyFile, .stateDirectory, .memory].contains(self) }

    var meaning: String {
      switch self {
      case .configuration: "the configuration file (--config)"
      case .profile: "the profile (--profile)"
      case .repository: "where the repository is (--repo)"
      case .repositoryFile: "file that names the repository (--repository-file)"
      case .password: "the password itself"
      case .passwordFile: "file that holds the password (--password-file)"
      case .passwordCommand: "command that prints the password (--password-command)"
      case .passwordDescriptor: "descriptor to read the password from (--password-fd)"
      case .keyFile: "key file (--key-file)"
      case .cacheDirectory: "where the cache is kept (--cache-dir)"
      case .stateDirectory: "where what this machine has seen of repositories is kept"
      case .compression: "compression of new data (--compression)"
      case .memory: "memory for tables and caches (--memory)"
      case .host: "host name for 'backup' and for the filters (--host)"
      case .readConcurrency: "files read at a time (--read-concurrency)"
      case .progressRate: "progress reports a second, also where there is no terminal; 0 = none"
      }
    }
  }

  private let values: [String: String]

  init(values: [String: String]) { self.values = values }

  /// The environment of this process; values that are not UTF-8 are carried as arguments are.
  static func ofProcess() -> EnvironmentVariables {
    var values: [String: String] = [:]
    for bytes in entriesOfProcess() {
      if let equals = bytes.firstIndex(of: 0x3d) {
        values[RawArguments.text(of: Array(bytes[..<equals]))] = RawArguments.text(of: Array(bytes[(equals + 1)...]))
      }
    }
    return EnvironmentVariables(values: values)
  }

  /// `NAME=value` each, for programs that are started.
  static func entriesOfProcess() -> [[UInt8]] {
    var entries: [[UInt8]] = []
    var next = environ
    while let entry = next.pointee {
      entries.append(Array(UnsafeRawBufferPointer(start: entry, count: strlen(entry))))
      next += 1
    }
    return entries
  }

  /// Which program's variables; ours come first.
  enum Level: String, CaseIterable, Sendable {
    case cairn = "CAIRN_"
    case restic = "RESTIC_"
  }

  /// The value at one level; an empty variable counts as not set.
  func value(_ name: Name, at level: Level) -> String? {
    guard level == .cairn || name.hasFallback, let value = values[level.rawValue + name.rawValue], !value.isEmpty else { return nil }
    return value
  }

  /// Our variable, else restic's.
  func value(_ name: Name) -> String? { value(name, at: .cairn) ?? value(name, at: .restic) }

  /// As a hook of a run hands it on, CAIRN_REPOSITORY tells where that run works; to a command that names another profile it is nothing
  /// to go by.
  func inHook(naming profile: String?) -> EnvironmentVariables {
    guard let profile, values["CAIRN_HOOK"] != nil, profile != value(.profile) else { return self }
    return EnvironmentVariables(values: values.filter { $0.key != "CAIRN_REPOSITORY" })
  }

  /// A variable of the system's, such as HOME.
  func system(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// The table for the help.
  static var table: String {
    Name.allCases.map { name in
      let left = "  CAIRN_" + name.rawValue
      return left + String(repeating: " ", count: max(2, 27 - left.count)) + name.meaning
    }.joined(separator: "\n")
  }
}
