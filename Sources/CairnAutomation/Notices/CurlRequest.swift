import CairnKit
import CairnSystem

/// An HTTP request that the program `curl` makes.
///
/// What it is to do stands in its standard input: addresses hold secrets, and the list of processes is for everybody to see.
struct CurlRequest {
  let url: String
  /// A JSON document that is sent by POST; nil = GET.
  let body: [UInt8]?
  /// Seconds.
  let timeLimit: Double

  static let program = Array("curl".utf8)

  /// The lines of a file as `curl --config` takes it.
  var configuration: [UInt8] {
    // Whoever redirects must not lead to a file, or from a secret connection to an open one.
    let schemes = url.hasPrefix("https:") ? "=https" : "=http,https"
    var lines = [
      "url = \(Self.quoted(Array(url.utf8)))", "globoff", "silent", "show-error", "fail", "location", "max-redirs = 5",
      "proto = \"=http,https\"",
      "proto-redir = \"\(schemes)\"", "max-time = \(max(1, Int(timeLimit)))", "output = \"/dev/null\"", "user-agent = \"cairn\"",
    ].map { Array($0.utf8) }
    if let body {
      lines.append(Array("header = \"Content-Type: application/json\"".utf8))
      lines.append(Array("data-raw = ".utf8) + Self.quoted(body).utf8)
    }
    return Array(lines.joined(separator: [0x0a])) + [0x0a]
  }

  /// - Returns: nil when it was answered with success, else why not.
  /// - Throws: when there is no curl.
  func run(environment: [[UInt8]], cancellation: Cancellation?) throws -> String? {
    // `-q`: the person's own settings of curl are for other things. It keeps the time itself; a little more is for one that does not.
    let command = BoundedCommand(
      .arguments([Self.program, Array("-q".utf8), Array("-K".utf8), Array("-".utf8)]), input: configuration, environment: environment,
      timeLimit: timeLimit + 2)
    let outcome = try command.run(cancellation: cancellation)
    let said = OutputTail.text(outcome.tail, lines: 1)
    switch outcome.end {
    case .exited(0): return nil
    case .exited(28), .timedOut: return "there was no answer within \(Int(timeLimit)) s."
    case .exited(let code): return said.isEmpty ? "curl ended with status \(code)." : said
    case .signaled(let signal): return "curl was ended by signal \(signal)."
    case .stopped: return "the run was interrupted."
    }
  }

  /// As curl reads values between quotation marks. JSON and addresses have no control characters.
  private static func quoted(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = [0x22]
    for byte in bytes where byte >= 0x20 {
      if byte == 0x22 || byte == 0x5c { out.append(0x5c) }
      out.append(byte)
    }
    return String(decoding: out + [0x22], as: UTF8.self)
  }
}
