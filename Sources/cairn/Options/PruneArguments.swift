import ArgumentParser
import CairnKit
import CairnProfiles

/// What `prune` and `forget --prune` take alike.
struct PruneArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Garbage that may stay, in percent of what is needed, as a size, or 'unlimited'. (default: 2%)", valueName: "limit"))
  var maxUnused: UnusedLimit?

  @Option(help: ArgumentHelp("Write packs of at most this size anew; the rest waits for another run.", valueName: "size"))
  var maxRepackSize: ByteSize?

  @Flag(help: "Wait for running backups, so that this run deletes what they might still refer to.")
  var wait = false

  @Option(
    help: ArgumentHelp(
      "Give up a backup that has shown no sign of life for so long. If it lives it begins again; nothing is lost. (default: 24h)",
      valueName: "duration"))
  var revokeAfter: TimeSpan?

  /// Whether any of them was named.
  var isGiven: Bool { maxUnused != nil || maxRepackSize != nil || wait || revokeAfter != nil }

  /// - Parameter profile: what stands in for options that are not given.
  func options(dryRun: Bool, _ profile: RetentionSettings?) -> PruneOptions {
    var options = profile?.pruneOptions ?? PruneOptions()
    if let maxUnused { options.maxUnused = maxUnused.limit }
    if let maxRepackSize { options.maxRepackBytes = maxRepackSize.bytes }
    options.dryRun = dryRun
    options.wait = wait
    if let revokeAfter { options.revokeAfterSeconds = revokeAfter.seconds }
    return options
  }
}

/// `5%`, `500M` or `unlimited`.
struct UnusedLimit: ExpressibleByArgument {
  let limit: PruneOptions.Unused

  init?(argument: String) {
    guard let limit = PruneOptions.Unused(text: argument) else { return nil }
    self.limit = limit
  }
}
