import CairnKit
import CairnSystem
import SystemPackage

/// Reads secrets from files, commands, descriptors and the terminal.
enum SecretInput {
  /// Longer secrets are a mistake, such as a disk given for a password file.
  private static let limit = 64 << 10

  /// Without one newline at the end.
  static func line(_ bytes: [UInt8]) -> [UInt8] { bytes.last == 0x0a ? Array(bytes.dropLast()) : bytes }

  static func file(_ path: [UInt8], noun: String) throws -> [UInt8] {
    do { return try contents(try OpenFile.open(path, .read)) } catch let error as FileError {
      throw CairnError(.wrongPassword, "Cannot read the \(noun) '\(Escaping.terminal(path))': \(error.reason).")
    }
  }

  static func descriptor(_ number: Int32) throws -> [UInt8] {
    do { return try contents(OpenFile(adopting: number)) } catch let error as FileError {
      throw CairnError(.wrongPassword, "Cannot read the password from descriptor \(number): \(error.reason).")
    }
  }

  static func output(of command: String) throws -> [UInt8] {
    let bytes: [UInt8]
    let status: CairnSystem.ExitStatus
    do {
      let child = try ChildProcess.spawn(.shell(command), captureStandardOutput: true)
      bytes = try child.standardOutput.map(contents) ?? []
      status = try child.wait()
    } catch let error as FileError {
      throw CairnError(.wrongPassword, "Cannot run the password command: \(error.reason).")
    }
    guard status == .exited(0) else {
      throw CairnError(.wrongPassword, "The password command failed (\(describe(status))).", guidance: "Run it by itself to see why.")
    }
    return bytes
  }

  /// Asks on the terminal.
  static func prompt(_ text: String) throws -> [UInt8] {
    let answer: [UInt8]?
    do { answer = try Terminal.readWithoutEcho(prompt: text) } catch {
      if error.errno == .interrupted { throw CancellationError() }
      throw CairnError(.wrongPassword, "Cannot ask for the password: \(error.reason).")
    }
    guard let answer else {
      throw CairnError(
        .wrongPassword, "No password is given, and there is no terminal to ask for one.",
        guidance:
          "Use --password-file, --password-command or --key-file, or set CAIRN_PASSWORD_FILE, CAIRN_PASSWORD_COMMAND or CAIRN_KEY_FILE.")
    }
    return answer
  }

  static func promptTwice(_ text: String) throws -> [UInt8] {
    let first = try prompt(text + ": ")
    guard try prompt(text + " again: ") == first else { throw CairnError(.usage, "The two passwords differ.") }
    return first
  }

  static func describe(_ status: CairnSystem.ExitStatus) -> String {
    switch status {
    case .exited(let code): "exit status \(code)"
    case .signaled(let number): "signal \(number)"
    }
  }

  private static func contents(_ file: OpenFile) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
    guard count <= limit else { throw CairnError(.wrongPassword, "'\(Escaping.terminal(file.path))' is too long for a password or key.") }
    return Array(bytes[..<count])
  }
}
