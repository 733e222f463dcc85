import CairnKit
import CairnProfiles
import CairnSystem

/// What is in force for the repository and the machine: options, else variables, else the profile.
extension Invocation {
  /// The repository's directory.
  ///
  /// - Throws: `CairnError(.usage)` when none is named, or two at one level.
  func repositoryPath() throws -> [UInt8] {
    guard let setting = try repositorySetting() else {
      throw CairnError(
        .usage, profile.map { "The profile '\($0.name)' names no repository." } ?? "No repository is named.",
        guidance: profile == nil
          ? "Use --repo DIRECTORY or set CAIRN_REPOSITORY, or --profile NAME; 'cairn init' makes a new one."
          : "Write repository = \"NAME\" into it, or use --repo DIRECTORY.")
    }
    if case .variable(let name) = setting.origin, let path = profile?.repository?.path, path != setting.value {
      reporter.report(.warning("\(name) is set: its repository is used and not that of the profile, \(Escaping.terminal(path))."))
    }
    return setting.value
  }

  /// nil = none is named.
  func repositorySetting() throws -> Setting<[UInt8]>? {
    if let path = options.repository, let file = options.repositoryFile {
      throw CairnError(
        .usage,
        "The repository is given twice: --repo \(Escaping.terminal(path.bytes)), --repository-file \(Escaping.terminal(file.bytes)).")
    }
    if let path = options.repository { return Setting(value: try RepositoryPath.local(path.bytes), origin: .flag("--repo")) }
    if let file = options.repositoryFile {
      return Setting(value: try RepositoryPath.named(by: file.bytes), origin: .flag("--repository-file"))
    }
    for level in EnvironmentVariables.Level.allCases {
      let (path, file) = (environment.value(.repository, at: level), environment.value(.repositoryFile, at: level))
      if path != nil && file != nil {
        throw CairnError(
          .usage, "Both \(level.rawValue)REPOSITORY and \(level.rawValue)REPOSITORY_FILE are set.", guidance: "Unset one of them.")
      }
      if let path {
        return Setting(value: try RepositoryPath.local(RawArguments.bytes(of: path)), origin: .variable(level.rawValue + "REPOSITORY"))
      }
      if let file {
        let origin = SettingOrigin.variable(level.rawValue + "REPOSITORY_FILE")
        return Setting(value: try RepositoryPath.named(by: RawArguments.bytes(of: file)), origin: origin)
      }
    }
    return profile?.repository?.path.map { Setting(value: $0, origin: origin(of: "repository.path")) }
  }

  /// What opens the repository.
  ///
  /// - Throws: `CairnError(.usage)` when several are given at one level.
  func passwordSetting() throws -> Setting<PasswordSource> {
    if let setting = try PasswordSource.find(options, environment) { return setting }
    switch profile?.repository?.secret {
    case .passwordFile(let path): return Setting(value: .file(path), origin: origin(of: "repository.password-file"))
    case .passwordCommand(let command): return Setting(value: .command(command), origin: origin(of: "repository.password-command"))
    case .keyFile(let path): return Setting(value: .keyFile(path), origin: origin(of: "repository.key-file"))
    case nil: return Setting(value: .prompt, origin: .standard)
    }
  }

  var cacheDirectory: [UInt8]? { cacheSetting.value }

  /// nil = none: `--no-cache`, or there is no home directory.
  var cacheSetting: Setting<[UInt8]?> {
    if options.noCache { return Setting(value: nil, origin: .flag("--no-cache")) }
    if let path = options.cacheDir { return Setting(value: path.bytes, origin: .flag("--cache-dir")) }
    if let path = variable(.cacheDirectory) { return path.map { RawArguments.bytes(of: $0) } }
    if profile?.repository?.noCache == true { return Setting(value: nil, origin: origin(of: "repository.no-cache")) }
    if let path = profile?.repository?.cacheDirectory { return Setting(value: path, origin: origin(of: "repository.cache-dir")) }
    return Setting(value: directory("XDG_CACHE_HOME", "/.cache"), origin: .standard)
  }

  /// nil = none: `--no-cache`, or there is no home directory.
  var stateDirectory: [UInt8]? {
    if options.noCache { return nil }
    if let path = environment.value(.stateDirectory) { return RawArguments.bytes(of: path) }
    return directory("XDG_STATE_HOME", "/.local/state")
  }

  /// The program's directory in one of the user's.
  private func directory(_ variable: String, _ standard: String) -> [UInt8]? {
    if let path = environment.system(variable), path.hasPrefix("/") { return RawArguments.bytes(of: path + "/cairn") }
    return environment.system("HOME").map { RawArguments.bytes(of: $0 + standard + "/cairn") }
  }

  /// nil = auto, 0 = off, else the level.
  func compressionLevel() throws -> Int32? { try compressionSetting().value }

  func compressionSetting() throws -> Setting<Int32?> {
    if let choice = options.compression { return Setting(value: choice.level, origin: .flag("--compression")) }
    if let setting = variable(.compression) {
      return try setting.map { text in
        guard let choice = CompressionChoice(argument: text) else { throw Self.invalid(.compression, text) }
        return choice.level
      }
    }
    if let choice = profile?.repository?.compression { return Setting(value: choice.level, origin: origin(of: "repository.compression")) }
    return Setting(value: nil, origin: .standard)
  }

  static func memorySetting(_ options: GlobalOptions, _ environment: EnvironmentVariables, _ profile: Profile?) throws -> Setting<Int> {
    if let size = options.memory { return Setting(value: Int(clamping: size.bytes), origin: .flag("--memory")) }
    if let setting = environment.setting(.memory) {
      return try setting.map { text in
        guard let size = ByteSize(argument: text), size.bytes >= 16 << 20 else { throw invalid(.memory, text) }
        return Int(clamping: size.bytes)
      }
    }
    if let profile, let size = profile.repository?.memory {
      return Setting(value: Int(clamping: size), origin: .file(profile.place(of: "repository.memory")))
    }
    return Setting(value: 256 << 20, origin: .standard)
  }

  /// Bytes a second to the repository; nil = no limit.
  var uploadLimit: Setting<UInt64?> { limit("--limit-upload", options.limitUpload, "limits.upload", profile?.limits?.upload) }
  /// Bytes a second from the repository; nil = no limit.
  var downloadLimit: Setting<UInt64?> { limit("--limit-download", options.limitDownload, "limits.download", profile?.limits?.download) }

  private func limit(_ name: String, _ flag: UInt64?, _ key: String, _ own: UInt64?) -> Setting<UInt64?> {
    if let flag { return Setting(value: flag == 0 ? nil : flag * 1024, origin: .flag(name)) }
    if let own { return Setting(value: own, origin: origin(of: key)) }
    return Setting(value: nil, origin: .standard)
  }

  /// The host that a snapshot is said to come from.
  ///
  /// - Parameter flag: what `--host` says.
  func hostSetting(flag: String? = nil) -> Setting<String> {
    if let flag { return Setting(value: flag, origin: .flag("--host")) }
    if let setting = variable(.host) { return setting }
    if let host = profile?.host { return Setting(value: host, origin: origin(of: "host")) }
    return Setting(value: Host.name, origin: .standard)
  }

  /// Files read at a time; nil = by the number of processors.
  func readConcurrency(flag: Int? = nil) throws -> Setting<Int?> {
    if let flag { return Setting(value: flag, origin: .flag("--read-concurrency")) }
    if let setting = variable(.readConcurrency) {
      return try setting.map { text in
        guard let count = Int(text), (1...256).contains(count) else { throw Self.invalid(.readConcurrency, text) }
        return count
      }
    }
    if let count = profile?.source.readConcurrency { return Setting(value: count, origin: origin(of: "read-concurrency")) }
    return Setting(value: nil, origin: .standard)
  }
}
