import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles

/// `cairn log`
struct Log: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Shows the journal of runs.",
    discussion: """
      Runs of profiles, checks and proofs of this person on this machine, the newest last. With --json each is a line as it is kept.

      EXAMPLES
        cairn log -P home -n 5
        cairn log --failed --since '2026-11-01'
      """)

  @Option(name: [.customShort("n"), .long], help: ArgumentHelp("At most so many, the newest.", valueName: "number"))
  var number = 50

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Those that began then or later: 'YYYY-MM-DD HH:MM:SS', a date, or a length of time such as 7d.", valueName: "time"))
  var since: SinceArgument?

  @Flag(help: "Those that were no success.")
  var failed = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  /// A profile that the configuration no longer has is in the journal all the same.
  var usesProfile: Bool { false }

  func validate() throws {
    if number < 1 { throw ValidationError("--number must be at least 1.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    guard let state = run.stateDirectory else {
      throw CairnError(.failed, "There is no state directory, and so no journal.", guidance: "Name one with CAIRN_STATE_DIR.")
    }
    let profile = global.profile ?? run.environment.value(.profile)
    var records: [RunRecord] = []
    let unreadable = try Journal(state: state).forEachNewestFirst { record in
      if profile == nil || record.profile == profile, !failed || record.outcome != .success,
        since.map({ record.started >= $0.seconds }) ?? true
      {
        records.append(record)
      }
      return records.count < number
    }
    if unreadable > 0 {
      run.reporter.report(
        .message("\(Human.count(UInt64(unreadable), "line")) of the journal cannot be read and \(unreadable == 1 ? "is" : "are") left out.")
      )
    }
    LogView(console: run.console).print(records.reversed())
    return .success
  }
}

/// A moment, or a length of time before now.
struct SinceArgument: ExpressibleByArgument, Equatable {
  /// Since 1970.
  let seconds: Int64

  init?(argument: String) {
    if let time = TimeArgument(argument: argument) {
      seconds = time.seconds
    } else if let span = TimeSpan(argument: argument), let now = TimeArgument(argument: "now") {
      seconds = now.seconds.subtractingReportingOverflow(span.seconds).partialValue
    } else {
      return nil
    }
  }
}
