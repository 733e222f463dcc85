package import CairnKit

/// `[profile.NAME.retention]`: which snapshots of the profile's series stay, and how often the space is freed.
package struct RetentionSettings: Sendable {
  /// What the profile says; see `policy(with:)`.
  package private(set) var policy = RetentionPolicy()
  /// Whether each backup is followed by it; else only `forget -P` applies it.
  package private(set) var afterBackup = true
  /// Free the space in every Nth run of the retention; nil = never.
  package private(set) var pruneEvery: Int?
  package private(set) var maxUnused: PruneOptions.Unused?
  package private(set) var maxRepackBytes: UInt64?

  init(_ reader: inout SectionReader) {
    let count = "a number, or \"unlimited\""
    let span = "a length of time such as \"14d\", \"8w\" or \"2y5m7d3h\""
    // `try?`: whatever is wrong with the text, the mistake says what is expected.
    func number(_ text: String) -> RetentionCount? { try? RetentionCount(text) }
    func length(_ text: String) -> RetentionSpan? { try? RetentionSpan(text) }
    policy.last = reader.parsed("keep-last", count, number)
    for period in RetentionPeriod.allCases { policy.periods[period] = reader.parsed("keep-\(period.rawValue)", count, number) }
    policy.within = reader.parsed("keep-within", span, length)
    for period in RetentionPeriod.allCases {
      policy.periodsWithin[period] = reader.parsed("keep-within-\(period.rawValue)", span, length)
    }
    policy.tags = (reader.strings("keep-tag") ?? []).map { $0.split(separator: ",").map(String.init) }
    for text in reader.list("keep-kind", "\"full=N\", \"differential=N\" or \"incremental=N\"", Self.kind) ?? [] {
      policy.kinds[text.0] = text.1
    }
    afterBackup = reader.boolean("after-backup") ?? true
    pruneEvery = reader.integer("prune-every", 1...1_000_000)
    maxUnused = reader.parsed("max-unused", "a percentage such as \"5%\", a size, or \"unlimited\"", PruneOptions.Unused.init(text:))
    maxRepackBytes = reader.size("max-repack-size")
    if policy.isEmpty && pruneEvery == nil {
      reader.log.mistake(reader.place, "[\(reader.name)] keeps nothing: name a rule such as keep-daily = 7")
    }
    reader.finish()
  }

  /// The policy of a profile.
  ///
  /// Under a scheme the newest full and the newest differential snapshot always stay: what the next ones are compared with, and how
  /// the scheme knows that they were made. Nothing is added to a policy that keeps nothing, so that one is refused as ever.
  package func policy(with scheme: Scheme?) -> RetentionPolicy {
    guard let scheme, !policy.isEmpty else { return policy }
    var out = policy
    for (kind, frequency) in [(RetentionKind.full, scheme.full), (.differential, scheme.differential)] where frequency != .never {
      if out.kinds[kind] == nil || out.kinds[kind] == .limited(0) { out.kinds[kind] = .limited(1) }
    }
    return out
  }

  /// How `prune` goes about it for this profile.
  package var pruneOptions: PruneOptions {
    var options = PruneOptions()
    if let maxUnused { options.maxUnused = maxUnused }
    options.maxRepackBytes = maxRepackBytes
    return options
  }

  private static func kind(_ text: String) -> (RetentionKind, RetentionCount)? {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = RetentionKind(rawValue: String(parts[0])), let count = try? RetentionCount(String(parts[1]))
    else { return nil }
    return (kind, count)
  }
}
