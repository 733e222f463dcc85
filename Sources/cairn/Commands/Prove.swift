import ArgumentParser
import CairnKit
import CairnProfiles

/// `cairn prove`
struct Prove: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Restores a sample of a snapshot and compares it with what was recorded.",
    discussion: """
      The sample goes into a private folder, is read back, compared in content and metadata, and removed. Each difference is named and \
      makes the exit status 1; what could not be compared makes it 3. The result is kept in the journal of runs.

      EXAMPLES
        cairn prove
        cairn prove latest --bytes 10G --scratch /var/tmp
      """)

  @Argument(help: ArgumentHelp("Which snapshot; default the latest, of the profile's series if there is a profile.", valueName: "snapshot"))
  var snapshot = "latest"

  @Option(
    help: ArgumentHelp("Files in the sample, each as likely as any other. Default 20; with --bytes as many as fit.", valueName: "number"))
  var files: Int?

  @Option(help: ArgumentHelp("The sample has at most so many bytes; a larger file is left out.", valueName: "size"))
  var bytes: ByteSize?

  @Flag(help: "Restore and compare everything, some gigabytes at a time.")
  var all = false

  @Option(help: ArgumentHelp("Draw the sample that this number draws, which every proof says at its end.", valueName: "number"))
  var seed: UInt64?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Where to make the folder; default TMPDIR, else /tmp.", valueName: "directory"),
    completion: .directory)
  var scratch: PathArgument?

  @OptionGroup(title: "Filters for 'latest'") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "prove" }

  func validate() throws {
    if all && (files != nil || bytes != nil || seed != nil) {
      throw ValidationError("--all leaves nothing to draw: say no number with it.")
    }
    if let files, !(1...ProofOptions.largestSample).contains(files) {
      throw ValidationError("--files must be from 1 to \(ProofOptions.largestSample); for everything there is --all.")
    }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    run.stopsOnSignals()
    let list = try run.list(repository)
    let chosen = try SnapshotSelector.resolve(snapshot, in: list.snapshots, filter: filters.filter(run), forgotten: list.forgottenIDs)
    var options = ProofOptions(snapshot: chosen, seed: seed ?? ProofRun.randomSeed(), scratch: scratch?.bytes ?? run.temporaryDirectory)
    let most = files ?? (bytes == nil ? ProofOptions.standardFiles : ProofOptions.largestSample)
    options.sample = all ? .all : .drawn(files: most, bytes: bytes?.bytes)
    if !run.console.json { run.console.remark("proving \(SnapshotRecord.title(chosen))") }
    let output = ProofOutput(try run.withProgress { try ProofRun(run).prove(repository, options) })
    output.print(to: run.console)
    // Where snapshots are missing or cannot be read, the latest may be older than the one that was meant.
    guard !list.isComplete, snapshot.hasPrefix("latest") else { return output.status }
    run.reporter.report(
      .message("Some snapshots are missing or cannot be read: a later one than \(chosen.shortID) may be among them."))
    return output.status == .success ? .incomplete : output.status
  }
}
