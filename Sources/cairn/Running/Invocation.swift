import CairnKit
import CairnProfiles
import CairnStorage
import CairnSystem

/// A command of the program, apart from help and the like.
protocol Verb {
  var global: GlobalOptions { get }
  /// How restic's records call what the command does when it reports a problem.
  var phase: String { get }
  /// Whether it works with the profile that the options name; one that only looks at the configuration does not.
  var usesProfile: Bool { get }
  /// Does the work.
  ///
  /// - Returns: `.success`, or `.incomplete` and the like when the work was done with problems that were reported.
  func perform(_ run: Invocation) throws -> ExitStatus
}

extension Verb {
  var phase: String { "" }
  var usesProfile: Bool { true }
}

/// What a running command has at hand: its options resolved with the environment, the console, the context for the library.
final class Invocation: Sendable {
  let options: GlobalOptions
  let environment: EnvironmentVariables
  let phase: String
  let console: Console
  let reporter: Reporter
  let context: RunContext
  /// The profile that `--profile` or CAIRN_PROFILE names.
  let profile: Profile?

  init(_ options: GlobalOptions, phase: String, environment: EnvironmentVariables, usesProfile: Bool = true) throws {
    let environment = environment.inHook(naming: options.profile)
    self.options = options
    self.environment = environment
    self.phase = phase
    let name = usesProfile ? options.profile ?? environment.value(.profile) : nil
    profile = try name.map { try ConfigurationFiles(options, environment).read().usable($0) }
    console = Console(json: options.json, isQuiet: options.quiet, verbosity: options.verbose)
    reporter = Reporter(console, phase: phase)
    let memory = try Self.memorySetting(options, environment, profile)
    context = RunContext(sink: reporter, memoryBytes: memory.value)
  }

  // MARK: Repository

  /// Opens the repository that options and environment name.
  func openRepository() throws -> Repository {
    let path = try repositoryPath()
    return try openRepository(at: path, with: passwordSetting().value)
  }

  func openRepository(at path: [UInt8], with source: PasswordSource) throws -> Repository {
    let storage = try storageCall("opening the repository") { try LocalStorage.open(path: path) }
    let credential = try source.credential(location: Escaping.terminal(path))
    return try Repository.open(
      limited(storage), credential: credential,
      options: OpenOptions(cacheDirectory: cacheDirectory, stateDirectory: stateDirectory, memoryBytes: context.memoryBytes),
      sink: reporter)
  }

  /// With the bandwidth that options or the profile allow.
  private func limited(_ storage: any Storage) -> any Storage {
    let (upload, download) = (limiter(uploadLimit.value), limiter(downloadLimit.value))
    return upload == nil && download == nil ? storage : LimitedStorage(storage, upload: upload, download: download)
  }

  private func limiter(_ rate: UInt64?) -> RateLimiter? {
    rate.map { RateLimiter(bytesPerSecond: $0, cancellation: context.cancellation) }
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
