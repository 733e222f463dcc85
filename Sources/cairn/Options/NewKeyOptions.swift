import ArgumentParser
import CairnKit

/// How a new password or key file is given.
struct NewKeyOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("A file that holds the new password.", valueName: "file"))
  var newPasswordFile: PathArgument?

  @Option(parsing: .unconditional, help: ArgumentHelp("A shell command that prints the new password.", valueName: "command"))
  var newPasswordCommand: String?

  @Flag(help: "Make the new password empty.")
  var newInsecureNoPassword = false

  @Option(parsing: .unconditional, help: ArgumentHelp("A key file instead of a password.", valueName: "file"))
  var newKeyFile: PathArgument?

  @Flag(help: "Make the file that --new-key-file names; it must not exist.")
  var generateKeyFile = false

  func validate() throws {
    if generateKeyFile && newKeyFile == nil { throw ValidationError("--generate-key-file needs --new-key-file.") }
  }

  /// Reads or makes the new credential, hands it to `body`, and takes a generated file away again when that fails.
  func withCredential<R>(_ body: (Credential) throws -> R) throws -> R {
    var given: [(String, PasswordSource)] = []
    if let newPasswordFile { given.append(("--new-password-file", .file(newPasswordFile.bytes))) }
    if let newPasswordCommand { given.append(("--new-password-command", .command(newPasswordCommand))) }
    if newInsecureNoPassword { given.append(("--new-insecure-no-password", .empty)) }
    if let newKeyFile { given.append(("--new-key-file", .keyFile(newKeyFile.bytes))) }
    let source = try PasswordSource.single(given) ?? .prompt
    guard generateKeyFile else { return try body(try source.newCredential("New password")) }
    let file = try GeneratedKeyFile.make(for: source)
    do { return try body(file.credential) } catch {
      file.remove()
      throw error
    }
  }
}
