import ArgumentParser
import CairnKit
import CairnProfiles

/// What all repairs take alike.
struct RepairArguments: ParsableArguments {
  @Flag(name: [.customShort("n"), .long], help: "Show what would be done, and change nothing.")
  var dryRun = false

  @Option(
    help: ArgumentHelp(
      "Give up a backup that has shown no sign of life for so long. If it lives it begins again; nothing is lost.", valueName: "duration"))
  var revokeAfter: TimeSpan = TimeSpan(seconds: 86400)

  func options(_ output: RepairOutput) -> RepairOptions {
    var options = RepairOptions()
    options.dryRun = dryRun
    options.revokeAfterSeconds = revokeAfter.seconds
    options.onPlan = { output.plan($0) }
    return options
  }
}
