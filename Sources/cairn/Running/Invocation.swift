import CairnKit
import CairnStorage
import CairnSystem

/// A command of the program, apart from help and the like.
protocol Verb {
  var global: GlobalOptions { get }
  /// How restic's records call what the command does when it reports a problem.
  var phase: String { get }
  /// Does the work.
  ///
  /// - Returns: `.success`, or `.incomplete` and the like when the work was done with problems that were reported.
  func perform(_ run: Invocation) throws -> ExitStatus
}

extension Verb {
  var phase: String { "" }
}

/// What a running command has at hand: its options resolved with the environment, the console, the context for the library.
final class Invocation: Sendable {
  let options: GlobalOptions
  let environment: EnvironmentVariables
  let phase: String
  let console: Console
  let reporter: Reporter
  let context: RunContext

  init(_ options: GlobalOptions, phase: String, environment: EnvironmentVariables) throws {
    self.options = options
    self.environment = environment
    self.phase = phase
    console = Console(json: options.json, isQuiet: options.quiet, verbosity: options.verbose)
    reporter = Reporter(console, phase: phase)
    context = RunContext(sink: reporter, memoryBytes: try Self.memory(options, environment))
  }

  // MARK: Repository

  /// Opens the repository that options and environment name.
  func openRepository() throws -> Repository {
    let path = try repositoryPath()
    return try openRepository(at: path, with: PasswordSource.find(options, environment))
  }

  func openRepository(at path: [UInt8], with source: PasswordSource) throws -> Repository {
    let storage = try storageCall("opening the repository") { try LocalStorage.open(path: path) }
    let credential = try source.credential(location: Escaping.terminal(path))
    return try Repository.open(
      storage, credential: credential,
      options: OpenOptions(cacheDirectory: cacheDirectory, stateDirectory: stateDirectory, memoryBytes: context.memoryBytes),
      sink: reporter)
  }

  /// The repository's directory as named by an option, else by our variables, else by restic's.
  func repositoryPath() throws -> [UInt8] {
    if let path = options.repository, let file = options.repositoryFile {
      throw CairnError(
        .usage,
        "The repository is given twice: --repo \(Escaping.terminal(path.bytes)), --repository-file \(Escaping.terminal(file.bytes)).")
    }
    if let path = options.repository { return try RepositoryPath.local(path.bytes) }
    if let file = options.repositoryFile { return try RepositoryPath.named(by: file.bytes) }
    for level in EnvironmentVariables.Level.allCases {
      let (path, file) = (environment.value(.repository, at: level), environment.value(.repositoryFile, at: level))
      if path != nil && file != nil {
        throw CairnError(
          .usage, "Both \(level.rawValue)REPOSITORY and \(level.rawValue)REPOSITORY_FILE are set.", guidance: "Unset one of them.")
      }
      if let path { return try RepositoryPath.local(RawArguments.bytes(of: path)) }
      if let file { return try RepositoryPath.named(by: RawArguments.bytes(of: file)) }
    }
    throw CairnError(
      .usage, "No repository is named.", guidance: "Use --repo DIRECTORY or set CAIRN_REPOSITORY; 'cairn init' makes a new one.")
  }

  /// nil = none: `--no-cache`, or there is no home directory.
  var cacheDirectory: [UInt8]? {
    if options.noCache { return nil }
    if let path = options.cacheDir { return path.bytes }
    if let path = environment.value(.cacheDirectory) { return RawArguments.bytes(of: path) }
    if let path = environment.system("XDG_CACHE_HOME"), path.hasPrefix("/") { return RawArguments.bytes(of: path + "/cairn") }
    return environment.system("HOME").map { RawArguments.bytes(of: $0 + "/.cache/cairn") }
  }

  /// nil = none: `--no-cache`, or there is no home directory.
  var stateDirectory: [UInt8]? {
    if options.noCache { return nil }
    if let path = environment.value(.stateDirectory) { return RawArguments.bytes(of: path) }
    if let path = environment.system("XDG_STATE_HOME"), path.hasPrefix("/") { return RawArguments.bytes(of: path + "/cairn") }
    return environment.system("HOME").map { RawArguments.bytes(of: $0 + "/.local/state/cairn") }
  }

  /// nil = auto, 0 = off, else the level.
  func compressionLevel() throws -> Int32? {
    if let choice = options.compression { return choice.level }
    guard let text = environment.value(.compression) else { return nil }
    guard let choice = CompressionArgument(argument: text) else { throw Self.invalid(.compression, text) }
    return choice.level
  }

  // MARK: Running

  /// Runs `body` with progress shown and with Ctrl-C stopping it in good order.
  func withProgress<R>(_ body: () throws -> R) throws -> R {
    var rate: Double?
    if let text = environment.value(.progressRate) {
      guard let number = Double(text), number >= 0, number.isFinite else { throw Self.invalid(.progressRate, text) }
      rate = number
    }
    return try ProgressDisplay(console, context.counters, rate: rate, phase: phase).during(body)
  }

  private static func memory(_ options: GlobalOptions, _ environment: EnvironmentVariables) throws -> Int {
    if let size = options.memory { return Int(clamping: size.bytes) }
    guard let text = environment.value(.memory) else { return 256 << 20 }
    guard let size = ByteSize(argument: text), size.bytes >= 16 << 20 else { throw invalid(.memory, text) }
    return Int(clamping: size.bytes)
  }

  static func invalid(_ name: EnvironmentVariables.Name, _ value: String) -> CairnError {
    CairnError(.usage, "The value '\(Escaping.terminal(Array(value.utf8)))' of CAIRN_\(name.rawValue) is not valid.")
  }
}

/// What `--repo` may say.
enum RepositoryPath {
  /// A path, with or without `local:` or `file://` in front.
  static func local(_ given: [UInt8]) throws -> [UInt8] {
    let text = String(decoding: given, as: UTF8.self)
    for prefix in ["file://", "local:"] where text.hasPrefix(prefix) { return Array(given.dropFirst(prefix.utf8.count)) }
    for scheme in ["s3", "sftp", "rest", "rclone", "b2", "azure", "gs", "swift"] where text.hasPrefix(scheme + ":") {
      throw CairnError(
        .usage, "'\(Escaping.terminal(given))' is no local directory; this version keeps repositories in local directories only.",
        guidance: "If a directory has that name, write ./ in front of it.")
    }
    return given
  }

  /// The first line of a file.
  static func named(by file: [UInt8]) throws -> [UInt8] {
    do {
      let opened = try OpenFile.open(file, .read)
      var bytes = [UInt8](repeating: 0, count: 8192)
      let count = try bytes.withUnsafeMutableBytes { try opened.read(into: $0) }
      let line = Array(bytes[..<count].prefix { $0 != 0x0a && $0 != 0x0d })
      guard !line.isEmpty else { throw CairnError(.usage, "The file '\(Escaping.terminal(file))' names no repository.") }
      return try local(line)
    } catch let error as FileError {
      throw CairnError(.usage, "Cannot read the file that names the repository, '\(Escaping.terminal(file))': \(error.reason).")
    }
  }
}
