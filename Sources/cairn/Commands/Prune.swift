import ArgumentParser
import CairnKit
import CairnProfiles

/// `cairn prune`
struct Prune: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Frees the space of what no snapshot needs.",
    discussion: """
      Backups may go on meanwhile, on this and other machines. What running backups might still refer to is deleted by the next prune, or \
      by this one with --wait.

      EXAMPLES
        cairn prune --dry-run
        cairn prune --max-unused 10% --max-repack-size 20G
      """,
    aliases: ["gc"])

  @OptionGroup(title: "Options") var options: PruneArguments

  @Flag(name: [.customShort("n"), .long], help: "Show what would be done, and change nothing.")
  var dryRun = false

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "prune" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    run.stopsOnSignals()
    let options = options.options(dryRun: dryRun, run.profile?.retention)
    let report = try run.withProgress { try repository.prune(options, context: run.context) }
    PruneOutput(console: run.console).print(report)
    return .success
  }
}
