import CairnKit
package import CairnSystem
import Synchronization

/// Runs the commands of a profile around its run.
package struct HookRunner: Sendable {
  /// Seconds for each command.
  private let timeLimit: Double
  /// The environment of this process.
  private let environment: [[UInt8]]
  private let cancellation: Cancellation
  private let allowance: StopAllowance
  private let repository: [UInt8]?
  /// Seconds between the request to end and the end.
  private let grace: Double
  /// Is handed each line that a hook writes, without its end.
  private let onLine: @Sendable (HookKind, [UInt8]) -> Void

  /// Of one line; a longer one is handed on in parts.
  private static let maximumLine = 4096

  package init(
    timeLimit: Double, environment: [[UInt8]], repository: [UInt8]?, cancellation: Cancellation, allowance: StopAllowance = StopAllowance(),
    grace: Double = 5,
    onLine: @escaping @Sendable (HookKind, [UInt8]) -> Void
  ) {
    self.timeLimit = timeLimit
    self.environment = environment
    self.repository = repository
    self.cancellation = cancellation
    self.allowance = allowance
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
    let limit = isStopping ? allowance.limit(timeLimit) : timeLimit
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

/// The time that everything together gets which a run still does once it is to stop: systemd, for one, waits 90
/// seconds unless a unit says otherwise.
package final class StopAllowance: Sendable {
  private let began = Mutex<UInt64?>(nil)
  private let seconds: Double

  package init(seconds: Double = 60) { self.seconds = seconds }

  /// How much of `wanted` seconds one thing gets; at least a second, so that each is begun. Time runs from the first call.
  func limit(_ wanted: Double) -> Double {
    let now = SystemClock.monotonicNanoseconds()
    let start = began.withLock { began in
      if began == nil { began = now }
      return began ?? now
    }
    return max(1, min(wanted, seconds - Double(now - start) / 1e9))
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
