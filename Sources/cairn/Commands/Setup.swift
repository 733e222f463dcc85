import ArgumentParser
import CairnKit
import CairnProfiles

/// `cairn setup`
struct Setup: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Asks what to back up and where to, and writes a profile.",
    discussion: """
      Five questions: what to back up, where to, key file or password, how often, how long to keep. What an option answers is not asked; \
      without a terminal, or with --yes, the rest is as by default: a generated key file, daily, one year. The profile is called home, or \
      as --profile says. The repository is made if there is none. A configuration that exists is added to, never replaced.

      EXAMPLES
        cairn setup
        cairn setup --yes --repo /mnt/backup/cairn ~/documents ~/pictures
        cairn setup -P music --repo /mnt/backup/cairn --key-file ~/.config/cairn/key --every weekly --keep 6m ~/music
      """)

  @Argument(help: ArgumentHelp("Files and directories to back up.", valueName: "path"), completion: .file())
  var paths: [PathArgument] = []

  @Option(help: ArgumentHelp("How often: hourly, daily, weekly, monthly, or never by itself.", valueName: "when"))
  var every: FirstProfile.Every?

  @Option(
    help: ArgumentHelp("How long snapshots are kept: a length of time such as 30d, 6m (months) or 2y, or forever.", valueName: "duration"))
  var keep: FirstProfile.Keep?

  @Flag(name: .shortAndLong, help: "Do not ask; add to a configuration that exists.")
  var yes = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let wizard = try SetupWizard(run, asks: !yes)
    let sources = try wizard.sources(paths.map(\.bytes))
    let place = try wizard.repository()
    let secret = try wizard.secret(for: place)
    let every = try wizard.every(every)
    let profile = FirstProfile(
      name: wizard.name, sources: sources, repositoryName: place.name, repositoryPath: place.isKnown ? nil : place.path,
      secret: secret.source, every: every, keep: try wizard.keep(keep),
      home: run.environment.system("HOME").map(RawArguments.bytes))
    let text = try wizard.text(with: profile)
    try wizard.confirm()
    let isNew = try wizard.prepareRepository(place, secret)
    try wizard.write(text)
    tell(run, wizard, place, secret, isNew: isNew, isScheduled: every != .never)
    return .success
  }

  private func tell(
    _ run: Invocation, _ wizard: SetupWizard, _ place: SetupWizard.Place, _ secret: SetupWizard.Secret, isNew: Bool, isScheduled: Bool
  ) {
    if run.console.json {
      run.console.line(
        JSONLine.object { line in
          line.member("message_type", "setup")
          line.member("profile", wizard.name)
          line.member("config", bytes: wizard.file)
          line.member("repository", bytes: place.path)
          line.member("created", isNew)
        })
      return
    }
    let console = run.console
    if isNew { console.remark("created a repository at \(Escaping.terminal(place.path))") }
    console.remark("wrote the profile '\(wizard.name)' to \(Escaping.terminal(wizard.file))")
    if let made = secret.made {
      console.remark("")
      console.remark("Keep a copy of \(Escaping.terminal(made)) elsewhere: without it the data cannot be read.")
    }
    console.remark("")
    console.remark("Make the first backup with: cairn backup -P \(wizard.name)")
    if isScheduled { console.remark("Let it run by itself with: cairn schedule install -P \(wizard.name)") }
  }
}

extension FirstProfile.Every: ExpressibleByArgument {}

extension FirstProfile.Keep: ExpressibleByArgument {
  init?(argument: String) { self.init(text: argument) }
}
