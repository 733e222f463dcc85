import CairnKit
import CairnProfiles
import CairnSystem
import SystemPackage

/// Finds and reads the configuration.
struct ConfigurationFiles {
  /// Those that are looked for, in the order in which they count: later ones more.
  let candidates: [[UInt8]]
  /// Whether the file was named, so that it has to be there.
  let isNamed: Bool
  private let home: [UInt8]?

  init(_ options: GlobalOptions, _ environment: EnvironmentVariables) { self.init(config: options.config?.bytes, environment) }

  private init(config: [UInt8]?, _ environment: EnvironmentVariables) {
    home = environment.system("HOME").map(RawArguments.bytes)
    if let file = config ?? environment.value(.configuration).map(RawArguments.bytes) {
      candidates = [file]
      isNamed = true
    } else {
      candidates = [Self.system] + [Self.personal(environment)].compactMap(\.self)
      isNamed = false
    }
  }

  private static let system = Array("/etc/cairn/cairn.toml".utf8)

  /// The file of the person who runs the program; nil without a home directory.
  static func personal(_ environment: EnvironmentVariables) -> [UInt8]? {
    personalFolder(environment).map { $0 + Array("/cairn/cairn.toml".utf8) }
  }

  /// Where that person's programs keep their configuration.
  static func personalFolder(_ environment: EnvironmentVariables) -> [UInt8]? {
    let named = environment.system("XDG_CONFIG_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
    return (named ?? environment.system("HOME").map { $0 + "/.config" }).map(RawArguments.bytes)
  }

  /// For the completion of shells; empty when nothing can be read.
  static func profileNames() -> [String] {
    let files = ConfigurationFiles(config: nil, .ofProcess())
    // `try?`: a shell that completes a word has no use for a message.
    return (try? files.read())?.profiles.map(\.name) ?? []
  }

  /// Reads the files that there are.
  ///
  /// - Throws: `CairnError(.usage)` when there is none, or one cannot be read or is open to everybody.
  func read() throws -> Configuration {
    let files = try candidates.compactMap { path in try text(of: path).map { Configuration.File(path: path, text: $0) } }
    guard !files.isEmpty else {
      let places = candidates.reversed().map(Escaping.terminal).joined(separator: " nor ")
      throw CairnError(
        .usage, "There is no configuration that may be read: neither \(places).",
        guidance: "'cairn setup' makes one; 'cairn config example' prints one to begin with.")
    }
    return Configuration(files, home: home)
  }

  /// A file that may be there, and what it says; nil when it is not.
  static func existing(_ path: [UInt8], _ environment: EnvironmentVariables) throws -> (text: [UInt8], configuration: Configuration)? {
    let files = ConfigurationFiles(path, environment)
    guard let text = try files.text(of: path) else { return nil }
    return (text, Configuration([.init(path: path, text: text)], home: files.home))
  }

  private init(_ path: [UInt8], _ environment: EnvironmentVariables) {
    home = environment.system("HOME").map(RawArguments.bytes)
    candidates = [path]
    isNamed = false
  }

  private func text(of path: [UInt8]) throws -> [UInt8]? {
    do {
      let file = try OpenFile.open(path, .read)
      let status = try file.status()
      // It says which commands are run.
      guard status.mode & 0o002 == 0 else {
        throw CairnError(
          .usage, "Everybody may write to the configuration \(Escaping.terminal(path)), so it is not trusted.",
          guidance: "Run 'chmod o-w' on it.")
      }
      let user = Host.userID
      guard status.uid == 0 || status.uid == user else {
        throw CairnError(
          .usage,
          "The configuration \(Escaping.terminal(path)) belongs to another user (\(status.uid)), who could have it run any command.",
          guidance: "Make it yours with 'chown'.")
      }
      var bytes = [UInt8](repeating: 0, count: TOMLParser.maximumBytes + 1)
      let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
      return Array(bytes[..<count])
    } catch let error as FileError {
      // That of the system may be for root alone.
      let absent: [Errno] = [.noSuchFileOrDirectory, .notDirectory] + (path == Self.system ? [.permissionDenied] : [])
      if !isNamed && absent.contains(error.errno) { return nil }
      throw CairnError(.usage, "Cannot read the configuration \(Escaping.terminal(path)): \(error.reason).")
    }
  }
}

extension Configuration {
  /// A profile that can be used.
  ///
  /// - Throws: `CairnError(.usage)` when there is none of that name, or when something is wrong with it.
  func usable(_ name: String) throws -> Profile {
    let found = profile(name)
    let mistakes = fatal + (found?.mistakes ?? [])
    guard mistakes.isEmpty else {
      let more = mistakes.count > 3 ? "\n… and \(mistakes.count - 3) more" : ""
      throw CairnError(
        .usage, "The configuration is wrong:\n" + mistakes.prefix(3).map(\.text).joined(separator: "\n") + more,
        guidance: "'cairn config check' explains all of it.")
    }
    guard let found else {
      let shown = Escaping.terminal(Array(name.utf8))
      let names = profiles.map(\.name)
      let near = Spelling.nearest(to: name, in: names).map { "Did you mean '\($0)'? " } ?? ""
      throw CairnError(
        .usage, "There is no profile '\(shown)' in \(files.map(Escaping.terminal).joined(separator: " or ")).",
        guidance: near + (names.isEmpty ? "There are no profiles in it." : "There are: \(names.prefix(20).joined(separator: ", "))."))
    }
    return found
  }
}
