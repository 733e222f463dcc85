public import ArgumentParser
public import CairnKit

/// `cairn restore`
struct Restore: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Brings files back from a snapshot.",
    discussion: """
      Only what differs from the target is written; files get their names when they are complete. What cannot be brought back is \
      named, and the exit status is 3. An interrupted restore goes on when the same command is run again.

      EXAMPLES
        cairn restore latest --target /tmp/back
        cairn restore latest:/home/anna/letters --target ~/letters
        cairn restore latest --in-place --include /etc
      """,
    aliases: ["extract"])

  @Argument(help: ArgumentHelp("Which snapshot, and what in it: the contents of a directory, or one file.", valueName: "snapshot[:path]"))
  var snapshot: SnapshotArgument

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp("The directory to restore into; made if need be.", valueName: "directory"), completion: .directory)
  var target: PathArgument?

  @Flag(help: "Restore to where the files came from.")
  var inPlace = false

  @OptionGroup(title: "Choosing") var choosing: IncludeArguments

  @Option(
    help: ArgumentHelp(
      "Replace what is there: always, if-changed (by size and time), if-newer or never. Default always.", valueName: "when"))
  var overwrite = RestoreOptions.Overwrite.always

  @Flag(help: "Remove what the snapshot does not have.")
  var delete = false

  @Flag(name: [.customShort("n"), .long], help: "Say what would be done, and do nothing.")
  var dryRun = false

  @Flag(help: "Read everything back at the end and compare.")
  var verify = false

  @Flag(help: "Make holes of zeros; holes of the original are made in any case.")
  var sparse = false

  @Flag(help: "Do not set owners.")
  var skipOwner = false

  @Flag(help: "Do not set extended attributes and ACLs.")
  var skipAttributes = false

  @OptionGroup(title: "Filters for 'latest'") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "restore" }

  func validate() throws {
    if inPlace == (target != nil) { throw ValidationError("Say where to: either --target DIRECTORY or --in-place.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let patterns = try choosing.read()
    let repository = try run.openRepository()
    run.stopsOnSignals()
    let list = try run.list(repository)
    // Where snapshots are missing or cannot be read, the latest may be older than the one that was meant.
    let isCertain = list.isComplete || !snapshot.selector.hasPrefix("latest")
    let chosen = try SnapshotSelector.resolve(
      snapshot.selector, in: list.snapshots, filter: filters.filter(run), forgotten: list.forgottenIDs)
    let place = try target?.bytes ?? InPlace.target(of: chosen, path: snapshot.path, in: repository.loadView())
    var options = RestoreOptions(snapshot: chosen, target: place)
    options.path = snapshot.path
    patterns.apply(to: &options)
    options.overwrite = overwrite
    options.delete = delete
    options.dryRun = dryRun
    options.verify = verify
    options.sparse = sparse
    options.skipOwner = skipOwner
    options.skipAttributes = skipAttributes
    options.reportsItems = global.verbose >= 2 || (dryRun && !global.quiet && global.verbose > 0)
    if !run.console.json { run.console.remark("restoring \(SnapshotRecord.title(chosen)) to \(Escaping.terminal(place))") }
    let report = try run.withProgress { try repository.restore(options, context: run.context) }
    RestoreSummary(report: report, isDryRun: dryRun).print(to: run.console)
    if !isCertain {
      run.reporter.report(.message("Some snapshots are missing or cannot be read: a later one than \(chosen.shortID) may be among them."))
    }
    return report.problems > 0 || !isCertain ? .incomplete : .success
  }
}

extension RestoreOptions.Overwrite: ExpressibleByArgument {}

/// What a restore says at its end.
private struct RestoreSummary {
  let report: RestoreReport
  let isDryRun: Bool

  func print(to console: Console) {
    guard !console.json else { return console.line(json) }
    let would = isDryRun ? "would be " : ""
    var line = "\(would)restored: \(Human.count(report.filesRestored, "file")), \(Human.bytes(report.bytesRestored))"
    line += "; right already: \(report.filesUnchanged)"
    if report.filesUpdated > 0 { line += "; metadata put right: \(report.filesUpdated)" }
    if report.filesSkipped > 0 { line += "; left alone: \(report.filesSkipped)" }
    if report.deleted > 0 { line += "; removed: \(report.deleted)" }
    console.remark(line + " in \(Human.duration(report.seconds))")
    if let count = report.filesVerified { console.remark("verified \(Human.count(count, "file"))") }
    if report.problems > 0 {
      console.remark("\(Human.count(report.problems, "problem")): see the lines above; everything else is restored")
    }
  }

  private var json: JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      if isDryRun { line.member("dry_run", true) }
      line.member("seconds_elapsed", UInt64(report.seconds))
      line.member(
        "total_files", report.filesRestored + report.filesUpdated + report.filesUnchanged + report.filesSkipped + report.directories)
      line.member("files_restored", report.filesRestored + report.directories)
      line.member("files_skipped", report.filesSkipped + report.filesUnchanged)
      line.member("files_updated", report.filesUpdated)
      line.member("files_deleted", report.deleted)
      line.member("total_bytes", report.bytesRestored + report.bytesSkipped)
      line.member("bytes_restored", report.bytesRestored)
      line.member("bytes_skipped", report.bytesSkipped)
      if let count = report.filesVerified { line.member("files_verified", count) }
      line.member("error_count", report.problems)
    }
  }
}
