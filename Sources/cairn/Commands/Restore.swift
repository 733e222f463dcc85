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
        cairn restore latest --image /dev/sdb
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

  @OptionGroup(title: "Images of disks") var image: ImageTargetArguments
  @OptionGroup(title: "Choosing") var choosing: IncludeArguments

  @Option(
    help: ArgumentHelp(
      "Replace what is there: always, if-changed (by size and time), if-newer or never. Default always.", valueName: "when"))
  var overwrite: RestoreOptions.Overwrite?

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
    guard [inPlace, target != nil, image.image != nil].filter({ $0 }).count == 1 else {
      throw ValidationError("Say where to: either --target DIRECTORY, --in-place or --image DEVICE.")
    }
    let others = delete || sparse || skipOwner || skipAttributes || overwrite != nil || choosing.isGiven
    if image.image != nil && others {
      throw ValidationError(
        "--image writes a whole image: --include, --exclude, --overwrite, --delete, --sparse, --skip-owner and --skip-attributes do not go "
          + "with it.")
    }
    if image.noVerify && verify { throw ValidationError("--verify and --no-verify exclude each other.") }
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
    let status: ExitStatus = isCertain ? .success : .incomplete
    defer {
      if !isCertain {
        run.reporter.report(
          .message("Some snapshots are missing or cannot be read: a later one than \(chosen.shortID) may be among them."))
      }
    }
    if image.image != nil { return try image.restore(chosen, snapshot.path, dryRun: dryRun, repository, run) ?? status }
    if inPlace, chosen.isImage { throw ImageTargetArguments.inPlace(chosen) }
    let place = try target?.bytes ?? InPlace.target(of: chosen, path: snapshot.path, in: repository.loadView())
    var options = RestoreOptions(snapshot: chosen, target: place)
    options.path = snapshot.path
    patterns.apply(to: &options)
    options.overwrite = overwrite ?? .always
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
    return report.problems > 0 ? .incomplete : status
  }
}

extension RestoreOptions.Overwrite: ExpressibleByArgument {}
