import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles

/// `cairn backup`
struct Backup: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Stores files and directories as a new snapshot.",
    discussion: """
      Files that cannot be read are named and left out, and the exit status is 3. An interrupted backup leaves the repository \
      consistent: the same command again goes on where it stopped. With --profile the sources of the profile are backed up, with its hooks, \
      notices and limits; its retention follows, and its upkeep. With other sources only its repository and options are used.

      EXAMPLES
        cairn backup ~/documents --exclude '*.tmp'
        cairn backup --profile home
        cairn backup --one-file-system / --exclude /proc --exclude-caches
        cairn backup --image /dev/sda
        cairn backup --stdin-from-command --stdin-filename db.sql -- pg_dump mydb
      """,
    aliases: ["create"])

  @OptionGroup(title: "Sources") var sources: SourceArguments
  @OptionGroup(title: "Leaving out") var excluding: ExcludeArguments
  @OptionGroup(title: "The snapshot") var description: SnapshotArguments

  @Flag(name: [.customShort("n"), .long], help: "Do everything but store.")
  var dryRun = false

  @Option(help: ArgumentHelp("Files read at a time. Else CAIRN_READ_CONCURRENCY; default by processors.", valueName: "number"))
  var readConcurrency: Int?

  @Flag(help: "Do not open again and compare what was just sealed.")
  var noReadBack = false

  @Flag(help: "Do not count the sources beforehand for the progress line.")
  var noScan = false

  @Option(help: .hidden)
  var trigger: RunRecord.Trigger?

  @Flag(help: .hidden)
  var scheduled = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "archival" }

  func validate() throws {
    if let count = readConcurrency, !(1...256).contains(count) { throw ValidationError("--read-concurrency must be 1 to 256.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    guard let profile = run.profile, !sources.isGiven, !dryRun else { return try backUp(run, stopping: run.stopsOnSignals) { _ in } }
    run.stopsOnSignals()
    let session = ProfileSession(run, profile, host: run.hostSetting(flag: description.host).value, series: description.series)
    return session.perform(startedBy) { note in try backUp(run, note: note) }
  }

  /// - Parameters:
  ///   - stopping: called before the work begins.
  ///   - note: is handed what becomes known for the journal.
  private func backUp(
    _ run: Invocation, stopping: () -> Void = {}, note: ((inout RunRecord) -> Void) -> Void
  ) throws -> ExitStatus {
    var options = try options(run)
    let repository = try run.openRepository()
    note { $0.repository = repository.idHex }
    stopping()
    var context = run.context
    context.threads = try run.readConcurrency(flag: readConcurrency).value
    let profile = ownProfile(run)
    if let scheme = profile?.scheme { try scheme.apply(to: &options, in: repository) }
    let report = try run.withProgress { try repository.backup(options, context: context) }
    BackupSummary(report, isDryRun: dryRun).print(to: run.console)
    note { $0.note(report, firstProblem: run.reporter.firstProblem) }
    let status: ExitStatus =
      report.problems > 0 ? .incomplete : report.skippedUnchanged && description.errorIfUnchanged ? .unchanged : .success
    guard let profile, !dryRun else { return status }
    return try BackupFollower(profile: profile, series: options.seriesName, repository: repository, run: run, trigger: startedBy)
      .follow(report, status, note: note)
  }

  /// Keeps in the journal that a run which nobody looks at could not begin: its configuration is wrong, or gone.
  func keepRefusal(_ failure: CairnError) {
    guard startedBy != .manual, let name = global.profile, Configuration.isName(name), failure.code == .usage else { return }
    // `try?`: the same as without a profile, or there is nothing to write to; the failure itself is told in any case.
    guard let run = try? Invocation(global, phase: phase, environment: .ofProcess(), usesProfile: false) else { return }
    ProfileSession.keepRefusal(of: name, startedBy, failure, run)
  }

  private var startedBy: RunRecord.Trigger { scheduled ? .schedule : trigger ?? .manual }

  /// The profile, if its own sources go into its own series: only then its scheme and its retention have a say.
  private func ownProfile(_ run: Invocation) -> Profile? {
    guard let profile = run.profile, !sources.isGiven else { return nil }
    let own = profile.seriesName(host: run.hostSetting(flag: description.host).value)
    return (description.series ?? own) == own ? profile : nil
  }

  private func options(_ run: Invocation) throws -> BackupOptions {
    var options = BackupOptions()
    try sources.apply(to: &options, run.profile)
    excluding.apply(to: &options, run.profile?.source)
    description.apply(to: &options, run, isOwn: !sources.isGiven)
    options.dryRun = dryRun
    options.setCompression(level: try run.compressionLevel())
    options.readBack = !noReadBack && run.profile?.source.readBack != false
    options.arguments = RawArguments.ofProcess().map(RawArguments.bytes)
    options.programVersion = programVersion
    options.reportsItems = global.verbose >= 2
    options.estimatesTotals = !noScan && !global.quiet && (global.json || run.console.errorIsTerminal)
    return options
  }
}

extension RunRecord.Trigger: ExpressibleByArgument {}
