import CairnKit
package import CairnSystem

/// Runs the commands of a profile around its run.
package struct HookRunner: Sendable {
  /// Seconds for each command.
  private let timeLimit: Double
  /// The environment of this process.
  private let environment: [[UInt8]]
  private let cancellation: Cancellation
  private let repository: [UInt8]?
  /// Seconds between the request to end and the end.
  private let grace: Double
  /// Is handed each line that a hook writes, without its end.
  private let onLine: @Sendable (HookKind, [UInt8]) -> Void

  /// Seconds that a hook gets once the run is to stop.
  private static let limitWhenStopping = 30.0
  /// Of one line; a longer one is handed on in parts.
  private static let maximumLine = 4096

  package init(
    timeLimit: Double, environment: [[UInt8]], repository: [UInt8]?, cancellation: Cancellation, grace: Double = 5,
    onLine: @escaping @Sendable (HookKind, [UInt8]) -> Void
  ) {
    self.timeLimit = timeLimit
    self.environment = environment
    self.repository = repository
    self.cancellation = cancellation
    self.grace = grace
    self.onLine = onLine
  }

  /// Runs one command of the shell.
  ///
  /// A run that is to stop ends the command that it runs; those that are begun later, to put things in order, get a short time.
  ///
  /// - Returns: nil when it succeeded, else a sentence.
  package func run(_ command: String, _ kind: HookKind, _ record: RunRecord) -> String? {
    let isStopping = cancellation.isCancelled
    let limit = isStopping ? min(timeLimit, Self.limitWhenStopping) : timeLimit
    var bounded = BoundedCommand(
      .shell(command), environment: HookVariables.environment(environment, adding: HookVariables.of(kind, record, repository: repository)),
      timeLimit: limit)
    bounded.grace = grace
    var line: [UInt8] = []
    let outcome: BoundedCommand.Outcome
    do {
      outcome = try bounded.run(cancellation: isStopping ? nil : cancellation) { bytes in
        for byte in bytes {
          if byte != 0x0a { line.append(byte) }
          if byte == 0x0a || line.count >= Self.maximumLine {
            onLine(kind, line)
            line.removeAll(keepingCapacity: true)
          }
        }
      }
    } catch { return "\(Self.title(command, kind)) cannot be run: \(error.reason)." }
    if !line.isEmpty { onLine(kind, line) }
    return failure(outcome, command, kind, limit)
  }

  private func failure(_ outcome: BoundedCommand.Outcome, _ command: String, _ kind: HookKind, _ limit: Double) -> String? {
    let what: String
    switch outcome.end {
    case .exited(0): return nil
    case .exited(let code): what = "failed with exit status \(code)"
    case .signaled(let signal): what = "was ended by signal \(signal)"
    case .timedOut: what = "took longer than \(Int(limit)) s and was ended"
    case .stopped: what = "was ended, because the run was interrupted"
    }
    let said = OutputTail.text(outcome.tail)
    return "\(Self.title(command, kind)) \(what)" + (said.isEmpty ? "." : ": \(said)")
  }

  private static func title(_ command: String, _ kind: HookKind) -> String {
    let first = command.split(separator: "\n", omittingEmptySubsequences: true).first.map(String.init) ?? command
    let shown = first.count > 60 ? first.prefix(60) + "…" : first[...]
    return "The hook '\(kind.rawValue)' (\(Escaping.terminal(Array(shown.utf8))))"
  }
}

/// The end of what a program wrote, for a sentence.
package enum OutputTail {
  /// The last lines, escaped, with ` / ` between; empty when there is nothing to see.
  package static func text(_ bytes: [UInt8], lines count: Int = 5) -> String {
    let lines = bytes.split { $0 == 0x0a || $0 == 0x0d }.map { line in
      Escaping.terminal(Array(line.prefix(500)))
    }
    return lines.suffix(count).joined(separator: " / ")
  }
}
