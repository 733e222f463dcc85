import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles
import CairnSystem

/// `cairn schedule run`
struct ScheduleRun: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Stays and runs profiles when they are due; for containers.",
    discussion: """
      Runs the profiles that are named, or all that have a schedule, one at a time. A run that was missed while nothing ran is made up for \
      once. SIGTERM ends a run that is under way in good order, and then the agent; what was cut off is begun anew by the next one. \
      SIGHUP reads the configuration again. Volumes are seen by the links that udev keeps, else by blkid; changes of files by inotify.

      EXAMPLES
        cairn schedule run
        cairn schedule run home photos
        cairn schedule run -P home --events watch,volume
      """)

  @Argument(help: ArgumentHelp("Profiles; without any, those with a schedule.", valueName: "profile"))
  var profiles: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What starts runs: calendar, boot, volume and watch; default all of them.", valueName: "list"))
  var events: EventList?

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func validate() throws {
    if !profiles.isEmpty && global.profile != nil { throw ValidationError("Name all profiles behind 'run', or one with --profile.") }
  }

  struct EventList: ExpressibleByArgument {
    let events: Set<Agent.Event>

    init?(argument: String) {
      let words = argument.split(separator: ",", omittingEmptySubsequences: false).map { Agent.Event(rawValue: String($0)) }
      guard !words.contains(where: { $0 == nil }) else { return nil }
      events = Set(words.compactMap(\.self))
    }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let setting = try ScheduleSetting(run)
    let command = try ChildCommand(run, program: Array("/proc/self/exe".utf8))
    let effects = AgentLoop.Effects(
      load: {
        let found = try ScheduleSetting(run).runnable(profiles)
        let jobs = found.compactMap { profile in profile.schedule.map { Agent.Job(name: profile.name, schedule: $0) } }
        let written =
          found.flatMap { [$0.repository?.path, $0.repository?.cacheDirectory, $0.upkeep?.metricsFile] } + [
            setting.state, run.cacheDirectory,
          ]
        return (jobs, try written.compactMap(\.self).map { try ScheduleSetting.absolute($0) })
      },
      spawn: { profile, trigger in
        run.console.flush()
        // Ctrl-C is for the agent, which ends the run: a second signal would cut it short.
        return try ChildProcess.spawnApart(.arguments(command.words(profile, trigger)))
      },
      tell: { AgentDisplay(run.console).show($0) },
      explain: { ErrorReport.translate($0).description })
    try AgentLoop(events?.events ?? Set(Agent.Event.allCases), setting.files, effects).run()
    return .success
  }
}
