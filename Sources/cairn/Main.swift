import ArgumentParser
import CairnFormat
import CairnKit
import CairnStorage
import CairnSystem
import Glibc
import SystemPackage

/// The program: parses, runs one command, and turns whatever was thrown into a sentence and an exit status.
@main
enum Main {
  static func main() {
    Host.returnFreedMemory()
    StandardStreams.ensureOpen()
    SignalWatch.ignoreFailedWrites()
    let arguments = CommandLineRewriting.apply(RawArguments.ofProcess())
    do {
      var command = try Cairn.parseAsRoot(arguments)
      guard let verb = command as? any Verb else { return try command.run() }
      exit(run(verb).rawValue)
    } catch {
      exit(explainUsage(error, json: arguments.contains("--json")))
    }
  }

  private static func run(_ verb: any Verb) -> ExitStatus {
    let bare = Console(json: verb.global.json, isQuiet: verb.global.quiet, verbosity: 0)
    do {
      let run = try Invocation(verb.global, phase: verb.phase, environment: .ofProcess(), usesProfile: verb.usesProfile)
      do {
        let status = try verb.perform(run)
        run.console.flush()
        try run.console.check()
        return status
      } catch {
        run.console.flush()
        return ErrorReport.print(error, on: run.console)
      }
    } catch {
      (verb as? Backup)?.keepRefusal(ErrorReport.translate(error))
      return ErrorReport.print(error, on: bare)
    }
  }

  /// Help, version and wrong command lines.
  private static func explainUsage(_ error: any Error, json: Bool) -> Int32 {
    let code = Cairn.exitCode(for: error).rawValue
    let text = Cairn.fullMessage(for: error)
    let console = Console(json: json, isQuiet: false, verbosity: 0)
    if code == 0 {
      console.line(text)
      console.flush()
    } else if json {
      ErrorReport.printJSON(ExitStatus.usage, Cairn.message(for: error), on: console)
    } else {
      // The text quotes arguments; lines are escaped one by one.
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Escaping.terminal(Array($0.utf8)) }
      let body = lines.joined(separator: "\n")
      console.complain(body.hasPrefix("Error: ") ? "cairn: " + body.dropFirst(7) : body)
    }
    return code
  }
}

/// Failures in words.
enum ErrorReport {
  static func print(_ error: any Error, on console: Console) -> ExitStatus {
    if error is OutputClosed { Interruption.endByBrokenPipe() }
    if error is CancellationError {
      return print(.interrupted, "interrupted.", "The repository is consistent; run the same command again to go on.", console)
    }
    let failure = translate(error)
    return print(ExitStatus(rawValue: failure.code.exitStatus) ?? .failed, failure.message, failure.guidance, console)
  }

  private static func print(_ status: ExitStatus, _ message: String, _ guidance: String?, _ console: Console) -> ExitStatus {
    if console.json {
      printJSON(status, guidance.map { message + " " + $0 } ?? message, on: console)
    } else {
      console.complain("cairn: " + message + (guidance.map { "\n       " + $0 } ?? ""))
    }
    return status
  }

  static func printJSON(_ status: ExitStatus, _ message: String, on console: Console) {
    console.complain(
      JSONLine.object { line in
        line.member("message_type", "exit_error")
        line.member("code", status.rawValue)
        line.member("message", message)
      })
  }

  /// A failure as a sentence, and what to do about it.
  static func translate(_ error: any Error) -> CairnError {
    switch error {
    case let error as CairnError: error
    case let error as StorageError: CairnError(error, during: "using the repository")
    case let error as FileError: CairnError(error.errno == .noSpace ? .noSpace : .failed, "Cannot \(error.description).")
    case let error as FormatError: CairnError(.damaged, "Something in the repository is damaged: \(error).", guidance: "Run 'cairn check'.")
    default: CairnError(.failed, Escaping.terminal(Array("\(error)".utf8)))
    }
  }
}
