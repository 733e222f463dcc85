import ArgumentParser
import CairnFormat
import CairnKit
import CairnProfiles

/// `cairn backup`
struct Backup: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Stores files and directories as a new snapshot.",
    discussion: """
      Files that cannot be read are named and left out, and the exit status is 3. An interrupted backup leaves the repository \
      consistent: the same command again goes on where it stopped. With --profile the sources of the profile are backed up, and its \
      retention follows; with other sources only its repository and options are used.

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

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "archival" }

  func validate() throws {
    if let count = readConcurrency, !(1...256).contains(count) { throw ValidationError("--read-concurrency must be 1 to 256.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    var options = try options(run)
    let repository = try run.openRepository()
    run.stopsOnSignals()
    var context = run.context
    context.threads = try run.readConcurrency(flag: readConcurrency).value
    let profile = ownProfile(run)
    if let scheme = profile?.scheme { try scheme.apply(to: &options, in: repository) }
    let report = try run.withProgress { try repository.backup(options, context: context) }
    BackupSummary(report, isDryRun: dryRun).print(to: run.console)
    let status: ExitStatus =
      report.problems > 0 ? .incomplete : report.skippedUnchanged && description.errorIfUnchanged ? .unchanged : .success
    guard let profile, let retention = profile.retention, retention.afterBackup, !dryRun else { return status }
    let follower = RetentionRun(profile: profile, retention: retention, series: options.seriesName, repository: repository, run: run)
    return follower.follow(report, status)
  }

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

/// What a backup says at its end.
struct BackupSummary {
  private let report: BackupReport
  private let isDryRun: Bool

  init(_ report: BackupReport, isDryRun: Bool) {
    self.report = report
    self.isDryRun = isDryRun
  }

  func print(to console: Console) {
    if console.json { console.line(json) } else { for line in text { console.remark(line) } }
  }

  private var text: [String] {
    let s = report.statistics
    let added = isDryRun ? "Would be added to the repository" : "Added to the repository"
    var lines = [
      "Files:  \(column(s.filesNew)) new, \(column(s.filesChanged)) changed, \(column(s.filesUnchanged)) unmodified",
      "Dirs:   \(column(s.directoriesNew)) new, \(column(s.directoriesChanged)) changed, \(column(s.directoriesUnchanged)) unmodified",
      "\(added): \(Human.bytes(s.bytesAdded)) (\(Human.bytes(s.bytesStored)) stored)",
      "processed \(Human.count(s.filesTotal, "file")), \(Human.bytes(s.bytesProcessed)) in \(Human.duration(report.seconds))",
    ]
    if let snapshot = report.snapshot {
      lines.append("snapshot \(snapshot.shortID) saved (\(report.kindName))")
    } else {
      lines.append(report.skippedUnchanged ? "nothing changed: no snapshot was made" : "dry run: no snapshot was made")
    }
    if report.problems > 0 { lines.append("\(Human.count(report.problems, "problem")): see the lines above; the rest is stored") }
    return lines
  }

  private var json: JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      if isDryRun { line.member("dry_run", true) }
      SnapshotRecord.counters(report.statistics, to: &line)
      line.member("backup_start", SnapshotRecord.rfc3339(report.started))
      let end = Double(report.started.seconds) + Double(report.started.nanoseconds) / 1e9 + report.seconds
      line.member("backup_end", LocalTime.rfc3339(Int64(end), UInt32((end - end.rounded(.down)) * 1e9)))
      line.member("total_duration", report.seconds)
      line.member("kind", report.kindName)
      if let base = report.baseHex { line.member("base", base) }
      if let snapshot = report.snapshot { line.member("snapshot_id", snapshot.idHex) }
    }
  }

  private func column(_ n: UInt64) -> String {
    let digits = String(n)
    return String(repeating: " ", count: max(0, 7 - digits.utf8.count)) + digits
  }
}
