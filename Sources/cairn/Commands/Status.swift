import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles

/// `cairn status`
struct Status: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Says how the profiles fare: what ran last, and what is overdue.",
    discussion: """
      What a profile expects stands in its section 'expect'. The exit status is 1 when something needs attention: a backup, a check or a \
      proof that is overdue, a last run that failed, damage that was found. When the last backup was made, the repository says, where it \
      can be opened without asking; else, and with --offline, the journal of runs on this machine.

      EXAMPLES
        cairn status
        cairn status home --json
        cairn status --metrics /var/lib/prometheus/node-exporter/cairn.prom
      """)

  @Argument(
    help: ArgumentHelp("Only these; default all that back up something.", valueName: "profile"),
    completion: .custom { _, _, _ in ConfigurationFiles.profileNames() })
  var names: [String] = []

  @Flag(help: "Do not look into repositories.")
  var offline = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write the figures to this file too, as Prometheus' text collector reads them.", valueName: "file"))
  var metrics: PathArgument?

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let configuration = try ConfigurationFiles(global, run.environment).read()
    guard configuration.fatal.isEmpty else {
      _ = try configuration.usable(names.first ?? global.profile ?? "")
      return .usage
    }
    let profiles = try chosen(configuration, run)
    let survey = try StatusSurvey(run, isOffline: offline)
    let statuses = profiles.map(survey.status(of:))
    StatusView(console: run.console, survey: survey).print(statuses)
    if let metrics { try Metrics.write(Metrics.text(statuses.map(\.status)), to: metrics.bytes) }
    return statuses.allSatisfy(\.status.isWell) ? .success : .failed
  }

  private func chosen(_ configuration: Configuration, _ run: Invocation) throws -> [Profile] {
    let wanted = names + [global.profile ?? (names.isEmpty ? run.environment.value(.profile) : nil)].compactMap(\.self)
    guard wanted.isEmpty else {
      return try wanted.map { name in
        guard let profile = configuration.profile(name) else { return try configuration.usable(name) }
        return profile
      }
    }
    let all = configuration.profiles.filter { !$0.source.isEmpty || !$0.mistakes.isEmpty }
    guard !all.isEmpty else {
      throw CairnError(.usage, "The configuration has no profile that backs up something.", guidance: "'cairn setup' makes one.")
    }
    return all
  }
}
