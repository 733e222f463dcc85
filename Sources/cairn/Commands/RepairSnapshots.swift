import ArgumentParser
import CairnKit

/// `cairn repair snapshots`
struct RepairSnapshots: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "snapshots",
    abstract: "Makes snapshots without what is lost, in place of those that need it.",
    discussion: """
      Files of which a part is lost are left out, directories that are lost stay with what is known of them; all are named. Run 'cairn \
      repair packs' before, which may still find what is missing. The exit status is 3 when something is lost.

      EXAMPLES
        cairn repair snapshots --dry-run
        cairn repair snapshots --forget
      """)

  @OptionGroup(title: "Options") var repair: RepairArguments

  @Flag(help: "Forget the damaged snapshots; 'cairn forget --undo' brings them back until a prune.")
  var forget = false

  @Argument(help: ArgumentHelp("First digits of ids; all snapshots if none is given.", valueName: "snapshot"))
  var snapshots: [String] = []

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "repair" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    run.stopsOnSignals()
    var options = SnapshotRepairOptions()
    let output = RepairOutput(console: run.console)
    options.repair = repair.options(output)
    options.snapshots = snapshots
    options.forget = forget
    let report = try run.withProgress { try repository.repairSnapshots(options, context: run.context) }
    return output.print(report)
  }
}
