import ArgumentParser
import CairnKit

/// `cairn repair`
struct Repair: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mends what 'cairn check' finds damaged.",
    discussion: """
      Each repair tells what it does before it does it. Nothing that is damaged is deleted: it is moved to quarantine/ in the repository.

      EXAMPLES
        cairn repair index
        cairn repair packs --source /home
        cairn repair snapshots --forget
      """,
    subcommands: [RepairIndex.self, RepairPacks.self, RepairSnapshots.self, RepairParity.self])
}

/// `cairn repair index`
struct RepairIndex: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "Makes index, log and registers anew from the packs and snapshots that are there.",
    discussion: """
      Damaged copies of the config and of key slots are replaced by good ones, too.

      EXAMPLES
        cairn repair index --dry-run
      """)

  @OptionGroup(title: "Options") var repair: RepairArguments

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "repair" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    run.stopsOnSignals()
    let output = RepairOutput(console: run.console)
    let report = try run.withProgress { try repository.repairIndex(repair.options(output), context: run.context) }
    return output.print(report)
  }
}
