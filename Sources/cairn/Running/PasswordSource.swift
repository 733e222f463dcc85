import CairnFormat
import CairnKit
import CairnSystem

/// Where a password or key comes from. Nothing here ever prints one.
enum PasswordSource: Equatable {
  case file([UInt8])
  case command(String)
  case descriptor(Int32)
  case value([UInt8])
  case keyFile([UInt8])
  case empty
  case prompt

  /// The source for the repository: options, else our variables, else restic's.
  ///
  /// - Returns: nil when nothing is given.
  /// - Throws: `CairnError(.usage)` when several are given at one level.
  static func find(_ options: GlobalOptions, _ environment: EnvironmentVariables) throws -> Setting<PasswordSource>? {
    var given: [(String, PasswordSource)] = []
    if let file = options.passwordFile { given.append(("--password-file", .file(file.bytes))) }
    if let command = options.passwordCommand { given.append(("--password-command", .command(command))) }
    if let number = options.passwordFd { given.append(("--password-fd", .descriptor(number))) }
    if let file = options.keyFile { given.append(("--key-file", .keyFile(file.bytes))) }
    if options.insecureNoPassword { given.append(("--insecure-no-password", .empty)) }
    if let (name, source) = try one(of: given) { return Setting(value: source, origin: .flag(name)) }
    for level in EnvironmentVariables.Level.allCases {
      if let (name, source) = try one(of: try variables(environment, level)) { return Setting(value: source, origin: .variable(name)) }
    }
    return nil
  }

  private static func variables(
    _ environment: EnvironmentVariables, _ level: EnvironmentVariables.Level
  ) throws -> [(String, PasswordSource)] {
    var given: [(String, PasswordSource)] = []
    func look(_ name: EnvironmentVariables.Name, _ make: (String) throws -> PasswordSource) rethrows {
      if let value = environment.value(name, at: level) { given.append((level.rawValue + name.rawValue, try make(value))) }
    }
    look(.password) { .value(RawArguments.bytes(of: $0)) }
    look(.passwordFile) { .file(RawArguments.bytes(of: $0)) }
    look(.passwordCommand) { .command($0) }
    try look(.passwordDescriptor) { text in
      guard let number = Int32(text), number >= 0 else { throw CairnError(.usage, "CAIRN_PASSWORD_FD is not the number of a descriptor.") }
      return .descriptor(number)
    }
    look(.keyFile) { .keyFile(RawArguments.bytes(of: $0)) }
    return given
  }

  static func single(_ given: [(String, PasswordSource)]) throws -> PasswordSource? { try one(of: given)?.1 }

  private static func one(of given: [(String, PasswordSource)]) throws -> (String, PasswordSource)? {
    guard given.count < 2 else {
      throw CairnError(
        .usage, "The password is given in several ways: \(given.map(\.0).joined(separator: ", ")).", guidance: "Leave one of them.")
    }
    return given.first
  }

  /// Reads the credential that opens a repository.
  ///
  /// - Throws: `CairnError(.wrongPassword)` when it cannot be read, or when there is no source and no terminal.
  func credential(location: String) throws -> Credential {
    switch self {
    case .keyFile(let path): return try Credential.fromKeyFile(try SecretInput.file(path, noun: "key file"))
    case .prompt: return .passphrase(secret(try SecretInput.prompt("Password for the repository at \(location): ")))
    default: return .passphrase(secret(try passphrase()))
    }
  }

  /// Reads a new password, asking twice on a terminal.
  ///
  /// - Throws: `CairnError(.usage)` for an empty one that was not asked for.
  func newCredential(_ prompt: String) throws -> Credential {
    if case .keyFile = self { return try credential(location: "") }
    let bytes = self == .prompt ? try SecretInput.promptTwice(prompt) : try passphrase()
    guard !bytes.isEmpty || self == .empty else {
      throw CairnError(.usage, "The new password is empty.", guidance: "If that is meant, say --insecure-no-password.")
    }
    return .passphrase(secret(bytes))
  }

  private func passphrase() throws -> [UInt8] {
    switch self {
    case .file(let path): SecretInput.line(try SecretInput.file(path, noun: "password file"))
    case .command(let command): SecretInput.line(try SecretInput.output(of: command))
    case .descriptor(let number): SecretInput.line(try SecretInput.descriptor(number))
    case .value(let bytes): bytes
    case .empty, .keyFile, .prompt: []
    }
  }

  private func secret(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }
}
