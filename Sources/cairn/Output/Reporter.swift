import CairnKit
import Synchronization

/// Turns the events of a running verb into lines: problems on standard error, entries on standard output with `-vv`.
final class Reporter: ProgressSink {
  private let console: Console
  /// restic names the phase of an error; "archival" for backup, "restore" for restore.
  private let phase: String
  private let first = Mutex<String?>(nil)

  /// The first problem that was reported, as a text.
  var firstProblem: String? { first.withLock { $0 } }

  init(_ console: Console, phase: String) {
    self.console = console
    self.phase = phase
  }

  func report(_ event: ProgressEvent) {
    switch event {
    case .problem(let problem): report(problem)
    case .message(let sentence): report(message: sentence, isWarning: false)
    case .warning(let sentence): report(message: sentence, isWarning: true)
    case .item(let path, let action, let bytes, let isDirectory):
      if console.verbosity >= 2 { item(path, action, bytes, isDirectory) }
    case .scanned(let files, let bytes):
      if console.verbosity >= 2 { scanned(files, bytes) }
    }
  }

  /// One file or object that could not be handled.
  func report(_ problem: ItemProblem) {
    let during = problem.during.isEmpty ? phase : problem.during
    let path = problem.path.isEmpty ? "" : Escaping.terminal(problem.path) + ": "
    let text = "\(path)\(during): \(problem.message)"
    first.withLock { if $0 == nil { $0 = text } }
    guard console.json else { return console.complain("error: " + text) }
    console.complain(
      JSONLine.object { line in
        line.member("message_type", "error")
        line.member("error") { $0.member("message", problem.message) }
        line.member("during", during)
        line.member("item", bytes: problem.path)
      })
  }

  private func report(message: String, isWarning: Bool) {
    if console.json {
      console.complain(
        JSONLine.object { line in
          line.member("message_type", "message")
          line.member("message", message)
        })
    } else if isWarning || !console.isQuiet {
      console.complain(isWarning ? "warning: " + message : message)
    }
  }

  private func item(_ path: [UInt8], _ action: ItemAction, _ bytes: UInt64, _ isDirectory: Bool) {
    guard console.json else {
      let word = action.rawValue + String(repeating: " ", count: max(1, 10 - action.rawValue.utf8.count))
      let size = isDirectory || bytes == 0 ? "" : " (\(Human.bytes(bytes)))"
      console.line(word + Escaping.terminal(path) + (isDirectory && path.last != 0x2f ? "/" : "") + size)
      return
    }
    console.line(
      JSONLine.object { line in
        line.member("message_type", "verbose_status")
        line.member("action", action.rawValue)
        line.member("item", bytes: isDirectory && path.last != 0x2f ? path + [0x2f] : path)
        line.member(phase == "restore" ? "size" : "data_size", bytes)
      })
  }

  private func scanned(_ files: UInt64, _ bytes: UInt64) {
    guard console.json else {
      console.line("scan finished: \(Human.count(files, "file")), \(Human.bytes(bytes))")
      return
    }
    console.line(
      JSONLine.object { line in
        line.member("message_type", "verbose_status")
        line.member("action", "scan_finished")
        line.member("item", "")
        line.member("data_size", bytes)
        line.member("total_files", files)
      })
  }
}
