import CairnKit
import CairnProfiles
import CairnSystem
import Glibc
import SystemPackage

/// The answers of `cairn setup`, from options or the terminal, and what is made of them.
struct SetupWizard {
  /// Of the new profile.
  let name: String
  /// The configuration that is written.
  let file: [UInt8]
  private let run: Invocation
  private let asks: Bool
  /// What the file says now.
  private let existing: (text: [UInt8], configuration: Configuration)?

  /// Where snapshots go.
  struct Place {
    let path: [UInt8]
    /// Of the section in the configuration.
    let name: String
    /// The section is there already.
    let isKnown: Bool
    /// There is a repository.
    let exists: Bool
  }

  /// What opens the repository.
  struct Secret {
    let source: RepositorySettings.Secret?
    /// A file that was made for it.
    var made: [UInt8]?
    /// To be written there, where it is a password.
    var password: [UInt8]?
  }

  init(_ run: Invocation, asks: Bool) throws {
    self.run = run
    self.asks = asks
    name = run.options.profile ?? run.environment.value(.profile) ?? "home"
    guard Configuration.isName(name) else {
      throw CairnError(
        .usage, "'\(Escaping.terminal(Array(name.utf8)))' is no name for a profile.", guidance: "Use letters, digits, '-', '_' and '.'.")
    }
    let named = run.options.config?.bytes ?? run.environment.value(.configuration).map(RawArguments.bytes)
    guard let file = named ?? ConfigurationFiles.personal(run.environment) else {
      throw CairnError(.usage, "There is no home directory: HOME is not set.", guidance: "Say where to with --config FILE.")
    }
    self.file = Self.resolved(try Self.absolute(file))
    existing = try ConfigurationFiles.existing(self.file, run.environment)
    guard let configuration = existing?.configuration else { return }
    guard configuration.fatal.isEmpty else { _ = try configuration.usable(name); return }
    if let profile = configuration.profile(name) {
      throw CairnError(
        .exists, "There is a profile '\(name)' already (\(profile.place.text)).", guidance: "Name another one with --profile NAME.")
    }
  }

  // MARK: Questions

  func sources(_ given: [[UInt8]]) throws -> [[UInt8]] {
    if !given.isEmpty { return try given.map { try existingSource(Self.absolute($0)) } }
    guard isInteractive else {
      throw CairnError(.usage, "Nothing to back up is named.", guidance: "Name files or directories: cairn setup --repo DIRECTORY PATH …")
    }
    let home = run.environment.system("HOME") ?? "/"
    var out = [try ask("1/5  What shall be backed up? A directory or a file [\(home)]: ", standard: home) { try existingSource(path($0)) }]
    while let next = try ask("     Something else? [no]: ", standard: "no", { $0 == "no" ? nil : try existingSource(path($0)) }) {
      if !out.contains(next) { out.append(next) }
    }
    return out
  }

  func repository() throws -> Place {
    if let setting = try run.repositorySetting() { return try place(Self.absolute(setting.value)) }
    guard isInteractive else {
      throw CairnError(.usage, "No repository is named.", guidance: "Say where snapshots are kept with --repo DIRECTORY.")
    }
    let standard = (run.environment.system("HOME") ?? "") + "/.local/share/cairn"
    return try ask("2/5  Where to? A directory, on another disk if you can [\(standard)]: ", standard: standard) { try place(path($0)) }
  }

  func secret(for place: Place) throws -> Secret {
    if place.isKnown, let known = existing?.configuration.repositories.first(where: { $0.name == place.name }) {
      return Secret(source: known.secret)
    }
    if let setting = try PasswordSource.find(run.options, run.environment) {
      switch setting.value {
      case .keyFile(let path): return try keyFile(Self.absolute(path), for: place)
      case .file(let path): return Secret(source: .passwordFile(try Self.absolute(path)))
      case .command(let command): return Secret(source: .passwordCommand(command))
      case .descriptor, .value, .empty, .prompt:
        throw CairnError(
          .usage, "\(setting.origin.text) cannot be written into a configuration.",
          guidance: "Use --key-file, --password-file or --password-command.")
      }
    }
    let wantsKeyFile =
      try isInteractive
      ? ask("3/5  Open it with a key file, or a password? key or password [key]: ", standard: "key") { answer in
        guard ["key", "k", "password", "p"].contains(answer) else { throw CairnError(.usage, "Answer key or password.") }
        return answer.hasPrefix("k")
      } : true
    if wantsKeyFile { return try keyFile(folder + Array("/key".utf8), for: place) }
    let path = folder + Array("/\(name).password".utf8)
    let password = try again {
      let password =
        try place.exists
        ? SecretInput.prompt("     Password of the repository: ") : SecretInput.promptTwice("     Password for the new repository")
      guard !password.isEmpty else { throw CairnError(.usage, "The password is empty.") }
      return password
    }
    return Secret(source: .passwordFile(path), made: path, password: password)
  }

  func every(_ given: FirstProfile.Every?) throws -> FirstProfile.Every {
    if let given { return given }
    guard isInteractive else { return .daily }
    return try ask("4/5  How often? hourly, daily, weekly, monthly, or never by itself [daily]: ", standard: "daily") { answer in
      guard let every = FirstProfile.Every(rawValue: answer) else {
        throw CairnError(.usage, "Answer hourly, daily, weekly, monthly or never.")
      }
      return every
    }
  }

  func keep(_ given: FirstProfile.Keep?) throws -> FirstProfile.Keep {
    let standard = "1y"
    if let given = given ?? (isInteractive ? nil : FirstProfile.Keep(text: standard)) { return given }
    return try ask("5/5  How long shall snapshots be kept? 30d, 6m (months), 2y, or forever [\(standard)]: ", standard: standard) {
      answer in
      guard let keep = FirstProfile.Keep(text: answer) else {
        throw CairnError(.usage, "Answer with a length of time such as 30d, 6m or 2y, or with forever.")
      }
      return keep
    }
  }

  /// Whether to add to a configuration that is there.
  func confirm() throws {
    guard existing != nil, asks else { return }
    guard isInteractive else {
      throw CairnError(.exists, "There is \(Escaping.terminal(file)) already.", guidance: "Add --yes to add the profile '\(name)' to it.")
    }
    let isAgreed = try ask("There is \(Escaping.terminal(file)) already. Add the profile '\(name)' to it? yes or no [no]: ", standard: "no")
    { answer in
      guard ["yes", "y", "no", "n"].contains(answer) else { throw CairnError(.usage, "Answer yes or no.") }
      return answer.hasPrefix("y")
    }
    guard isAgreed else { throw CairnError(.failed, "Nothing was changed.", guidance: "Name another configuration with --config FILE.") }
  }

  // MARK: Doing it

  /// The whole file with the new sections.
  func text(with profile: FirstProfile) throws -> [UInt8] {
    let head = "# Cairn's configuration. 'cairn config example' shows every key.\n"
    let before = existing.map { $0.text + ($0.text.last == 0x0a || $0.text.isEmpty ? [] : [0x0a]) } ?? Array(head.utf8)
    let text = before + [0x0a] + Array(profile.text.utf8)
    let home = run.environment.system("HOME").map(RawArguments.bytes)
    _ = try Configuration([.init(path: file, text: text)], home: home).usable(name)
    return text
  }

  /// Makes key and repository where they are missing, or sees whether the repository opens.
  ///
  /// - Returns: whether the repository was made.
  func prepareRepository(_ place: Place, _ secret: Secret) throws -> Bool {
    if let password = secret.password, let path = secret.made {
      _ = try FileSystem.makeDirectories(Self.folder(of: path))
      try GeneratedKeyFile.write(password + [0x0a], to: path)
    } else if let path = secret.made {
      _ = try FileSystem.makeDirectories(Self.folder(of: path))
      _ = try GeneratedKeyFile.make(at: path)
    }
    do {
      if place.exists {
        _ = try run.openRepository(at: place.path, with: source(secret))
        return false
      }
      let credential = try source(secret).credential(location: Escaping.terminal(place.path))
      _ = try FileSystem.makeDirectories(Self.folder(of: place.path))
      _ = try Repository.create(try Init.create(place.path), credential: credential, parameters: RepositoryParameters())
      return true
    } catch {
      if let path = secret.made { GeneratedKeyFile.remove(path) }
      throw error
    }
  }

  /// Puts the file into its place, for its owner's eyes only, whole or not at all.
  func write(_ text: [UInt8]) throws {
    do throws(FileError) {
      let directory = try FileSystem.makeDirectories(Self.folder(of: file))
      let name = Array(file[((file.lastIndex(of: 0x2f) ?? -1) + 1)...])
      try FileSystem.place(text, at: directory, name: name, replace: existing != nil)
    } catch {
      throw CairnError(.failed, "Cannot write the configuration \(Escaping.terminal(file)): \(error.reason).")
    }
  }

  // MARK: Details

  private var folder: [UInt8] { Self.folder(of: file) }

  private var isInteractive: Bool { asks && !run.console.json && Terminal.isTerminal(0) }

  private func source(_ secret: Secret) throws -> PasswordSource {
    switch secret.source {
    case .passwordFile(let path): .file(path)
    case .passwordCommand(let command): .command(command)
    case .keyFile(let path): .keyFile(path)
    case nil: .prompt
    }
  }

  private func keyFile(_ path: [UInt8], for place: Place) throws -> Secret {
    if access(String(decoding: path, as: UTF8.self), F_OK) == 0 { return Secret(source: .keyFile(path)) }
    guard !place.exists else {
      throw CairnError(
        .wrongPassword, "There is a repository at \(Escaping.terminal(place.path)), and no key file \(Escaping.terminal(path)) to open it.",
        guidance: "Name what opens it with --key-file, --password-file or --password-command.")
    }
    return Secret(source: .keyFile(path), made: path)
  }

  private func place(_ path: [UInt8]) throws -> Place {
    try requireText(path)
    let exists = ["config", "config.1", "config.2"].contains { name in
      access(String(decoding: path, as: UTF8.self) + "/" + name, F_OK) == 0
    }
    let repositories = existing?.configuration.repositories ?? []
    if let known = repositories.first(where: { $0.path == path }) {
      return Place(path: path, name: known.name, isKnown: true, exists: exists)
    }
    let names = Set(repositories.map(\.name))
    guard let free = (["main", name] + (2...99).map { "\(name)-\($0)" }).first(where: { !names.contains($0) }) else {
      throw CairnError(.usage, "The configuration has too many repositories.")
    }
    return Place(path: path, name: free, isKnown: false, exists: exists)
  }

  private func existingSource(_ path: [UInt8]) throws -> [UInt8] {
    try requireText(path)
    guard access(String(decoding: path, as: UTF8.self), F_OK) == 0 else {
      throw CairnError(.usage, "There is no '\(Escaping.terminal(path))'.")
    }
    return path
  }

  private func requireText(_ path: [UInt8]) throws {
    guard UTF8Text.isWellFormed(path), !path.contains(0) else {
      throw CairnError(.usage, "'\(Escaping.terminal(path))' is not UTF-8, and a configuration is.")
    }
  }

  /// What was typed on the terminal, as a whole path.
  private func path(_ text: String) throws -> [UInt8] {
    guard text == "~" || text.hasPrefix("~/"), let home = run.environment.system("HOME") else { return try Self.absolute(Array(text.utf8)) }
    return Array((home + text.dropFirst()).utf8)
  }

  /// Asks until the answer is one.
  private func ask<T>(_ question: String, standard: String, _ parse: (String) throws -> T) throws -> T {
    try again {
      let line: [UInt8]?
      do throws(FileError) { line = try Terminal.read(prompt: question) } catch {
        if error.errno == .interrupted { throw CancellationError() }
        throw CairnError(.failed, "Cannot ask on the terminal: \(error.reason).")
      }
      guard let line else {
        throw CairnError(.failed, "The answers ended; nothing was changed.", guidance: "Answer by options; see 'cairn help setup'.")
      }
      let answer = String(decoding: line, as: UTF8.self).trimmingSpaces()
      return try parse(answer.isEmpty ? standard : answer)
    }
  }

  /// Until the answer is one; says what is wrong with the others.
  private func again<T>(_ body: () throws -> T) throws -> T {
    while true {
      do { return try body() } catch let error as CairnError where error.code == .usage { run.console.complain("     " + error.message) }
    }
  }

  private static func folder(of path: [UInt8]) -> [UInt8] {
    guard let slash = path.lastIndex(of: 0x2f) else { return [0x2e] }
    return slash == 0 ? [0x2f] : Array(path[..<slash])
  }

  /// Where a symbolic link leads, so that the file is written and the link stays; the path itself if there is nothing yet.
  private static func resolved(_ path: [UInt8]) -> [UInt8] {
    guard let real = realpath(String(decoding: path, as: UTF8.self), nil) else { return path }
    defer { free(real) }
    return Array(UnsafeRawBufferPointer(start: real, count: strlen(real)))
  }

  /// A path from the root, without a slash at its end.
  private static func absolute(_ path: [UInt8]) throws -> [UInt8] {
    var out = path
    if path.first != 0x2f {
      var buffer = [CChar](repeating: 0, count: 4096)
      guard getcwd(&buffer, buffer.count) != nil else { throw CairnError(.failed, "The working directory is gone.") }
      let here = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      out = path == [0x2e] ? here : here + [0x2f] + path
    }
    while out.count > 1, out.last == 0x2f { out.removeLast() }
    return out
  }
}
