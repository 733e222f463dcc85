import ArgumentParser
import CairnKit

/// `cairn check`
struct Check: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Checks the repository, and names what damage touches.",
    discussion: """
      Structure is always checked; --read-data also reads, decrypts and compares every blob. Damage makes the exit status 1; what a \
      crash may leave behind is garbage and no damage. The result is kept in the journal of runs.

      EXAMPLES
        cairn check
        cairn check --read-data-subset 1/7
      """,
    aliases: ["verify"])

  @Flag(help: "Read all data.")
  var readData = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Read some data: the nth of m parts, a percentage, or about that much.", valueName: "n/m|p%|size"))
  var readDataSubset: String?

  @Flag(help: "Accept what is there, although this machine has seen newer things: an older copy was put back on purpose.")
  var acceptRollback = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "check" }

  func validate() throws {
    if readData && readDataSubset != nil { throw ValidationError("--read-data and --read-data-subset exclude each other.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let what = try readDataSubset.map { try CheckOptions.ReadData(subset: $0) } ?? (readData ? .all : .none)
    let repository = try run.openRepository()
    run.stopsOnSignals()
    var options = CheckOptions(readData: what)
    options.acceptsRollback = acceptRollback
    let report = try CheckRun(run: run).check(repository, options, subset: readDataSubset)
    CheckOutput(console: run.console).print(report)
    return report.isDamaged ? .failed : .success
  }
}
