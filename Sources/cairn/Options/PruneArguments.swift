import ArgumentParser
import CairnKit

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

  func options(dryRun: Bool) -> PruneOptions {
    var options = PruneOptions()
    if let maxUnused { options.maxUnused = maxUnused.limit }
    options.maxRepackBytes = maxRepackSize?.bytes
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
    if argument == "unlimited" {
      limit = .unlimited
    } else if argument.hasSuffix("%") {
      guard let value = Double(argument.dropLast()), value >= 0, value <= 1e6 else { return nil }
      limit = .percent(value)
    } else {
      guard let size = ByteSize(argument: argument) else { return nil }
      limit = .bytes(size.bytes)
    }
  }
}

extension TimeSpan {
  var defaultValueDescription: String { seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds)s" }
}
