import ArgumentParser
import CairnKit

/// Which snapshots stay.
struct RetentionArguments: ParsableArguments {
  @Option(name: [.customShort("l"), .long], parsing: .unconditional, help: Self.count("Keep the newest N"), transform: RetentionCount.init)
  var keepLast: RetentionCount?

  @Option(
    name: [.customShort("H"), .long], parsing: .unconditional, help: Self.count("Keep the newest of each of the newest N hours"),
    transform: RetentionCount.init)
  var keepHourly: RetentionCount?

  @Option(name: [.customShort("d"), .long], parsing: .unconditional, help: Self.count("The same for days"), transform: RetentionCount.init)
  var keepDaily: RetentionCount?

  @Option(
    name: [.customShort("w"), .long], parsing: .unconditional, help: Self.count("The same for weeks, from Monday on"),
    transform: RetentionCount.init)
  var keepWeekly: RetentionCount?

  @Option(
    name: [.customShort("m"), .long], parsing: .unconditional, help: Self.count("The same for months"), transform: RetentionCount.init)
  var keepMonthly: RetentionCount?

  @Option(parsing: .unconditional, help: Self.count("The same for quarters"), transform: RetentionCount.init)
  var keepQuarterly: RetentionCount?

  @Option(
    name: [.customShort("y"), .long], parsing: .unconditional, help: Self.count("The same for years"), transform: RetentionCount.init)
  var keepYearly: RetentionCount?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep all that are newer than this long (as 2y5m7d3h; also w) before the newest snapshot of the group.", valueName: "duration"),
    transform: RetentionSpan.init)
  var keepWithin: RetentionSpan?

  @Option(parsing: .unconditional, help: Self.span("the newest of each hour"), transform: RetentionSpan.init)
  var keepWithinHourly: RetentionSpan?

  @Option(parsing: .unconditional, help: Self.span("the newest of each day"), transform: RetentionSpan.init)
  var keepWithinDaily: RetentionSpan?

  @Option(parsing: .unconditional, help: Self.span("the newest of each week"), transform: RetentionSpan.init)
  var keepWithinWeekly: RetentionSpan?

  @Option(parsing: .unconditional, help: Self.span("the newest of each month"), transform: RetentionSpan.init)
  var keepWithinMonthly: RetentionSpan?

  @Option(parsing: .unconditional, help: Self.span("the newest of each quarter"), transform: RetentionSpan.init)
  var keepWithinQuarterly: RetentionSpan?

  @Option(parsing: .unconditional, help: Self.span("the newest of each year"), transform: RetentionSpan.init)
  var keepWithinYearly: RetentionSpan?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Keep snapshots with all tags of this list; may be repeated; '' for those without tags.", valueName: "tag,..."))
  var keepTag: [CommaList] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Keep the newest N of a kind: full=N, incremental=N or differential=N; may be repeated.", valueName: "kind=n"),
    transform: Self.kind)
  var keepKind: [KindCount] = []

  func validate() throws {
    guard Set(keepKind.map(\.kind)).count == keepKind.count else { throw ValidationError("--keep-kind names a kind twice.") }
  }

  var policy: RetentionPolicy {
    var policy = RetentionPolicy()
    policy.last = keepLast
    let counts: [(RetentionPeriod, RetentionCount?)] = [
      (.hourly, keepHourly), (.daily, keepDaily), (.weekly, keepWeekly), (.monthly, keepMonthly), (.quarterly, keepQuarterly),
      (.yearly, keepYearly),
    ]
    for (period, count) in counts { policy.periods[period] = count }
    policy.within = keepWithin
    let spans: [(RetentionPeriod, RetentionSpan?)] = [
      (.hourly, keepWithinHourly), (.daily, keepWithinDaily), (.weekly, keepWithinWeekly), (.monthly, keepWithinMonthly),
      (.quarterly, keepWithinQuarterly), (.yearly, keepWithinYearly),
    ]
    for (period, span) in spans { policy.periodsWithin[period] = span }
    policy.tags = keepTag.map(\.items)
    for argument in keepKind { policy.kinds[argument.kind] = argument.count }
    return policy
  }

  /// Whether anything of a policy was given, also `--keep-last 0`.
  var isGiven: Bool {
    let policy = policy
    return policy.last != nil || policy.within != nil || !policy.periods.isEmpty || !policy.periodsWithin.isEmpty || !policy.tags.isEmpty
      || !policy.kinds.isEmpty
  }

  private static func count(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text); 'unlimited' for all.", valueName: "n") }
  private static func span(_ text: String) -> ArgumentHelp { ArgumentHelp("As --keep-within, but only \(text).", valueName: "duration") }

  /// `full=3`
  struct KindCount {
    let kind: RetentionKind
    let count: RetentionCount
  }

  private static func kind(_ text: String) throws -> KindCount {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = RetentionKind(rawValue: String(parts[0])) else {
      throw ValidationError("use full=N, incremental=N or differential=N.")
    }
    return KindCount(kind: kind, count: try RetentionCount(String(parts[1])))
  }
}
