package import CairnFormat

/// What a policy says of the snapshots of one group.
public struct Retention: Sendable {
  public struct Kept: Sendable {
    public let snapshot: Snapshot
    /// In words: `daily 2026-11-21`, `last 2 of 3`, `within 2d`.
    public let reasons: [String]
  }

  /// Oldest first, as are the others.
  public fileprivate(set) var kept: [Kept] = []
  public fileprivate(set) var removed: [Snapshot] = []
  /// Those of `kept` that say they were made more than a day from now. They are kept whatever the policy says and otherwise left out of
  /// it: a client whose clock is wrong, or whose owner means harm, would else push out the snapshots of everybody.
  public fileprivate(set) var fromTheFuture: [Snapshot] = []
}

extension RetentionPolicy {
  /// Sorts the snapshots of one group into those that stay and those that go.
  ///
  /// - Parameter now: against which a snapshot's time counts as impossible.
  package func apply(to snapshots: [Snapshot], now: Timestamp) -> Retention {
    let limit = Timestamp(seconds: Saturating.sum(now.seconds, 86_400), nanoseconds: now.nanoseconds)
    let sorted = snapshots.sorted { ($0.manifest.time, $0.id) > ($1.manifest.time, $1.id) }
    let real = sorted.filter { $0.manifest.time <= limit }
    var rules = makeRules(newest: real.first?.manifest)
    var result = Retention()
    for (position, snapshot) in real.enumerated() {
      let moment = LocalMoment(snapshot.manifest.time, offsetMinutes: snapshot.manifest.zoneOffsetMinutes)
      var reasons: [String] = []
      for index in rules.indices {
        if let reason = rules[index].judge(snapshot.manifest, moment, isOldest: position == real.count - 1) { reasons.append(reason) }
      }
      if reasons.isEmpty { result.removed.append(snapshot) } else { result.kept.append(.init(snapshot: snapshot, reasons: reasons)) }
    }
    result.fromTheFuture = sorted.filter { $0.manifest.time > limit }.reversed()
    result.kept = result.kept.reversed() + result.fromTheFuture.map { .init(snapshot: $0, reasons: ["dated in the future"]) }
    result.removed.reverse()
    return result
  }

  private func makeRules(newest: Manifest?) -> [any RetentionRule] {
    func since(_ span: RetentionSpan) -> Timestamp {
      newest.map { span.start(before: $0.time, offsetMinutes: $0.zoneOffsetMinutes) } ?? .zero
    }
    var rules: [any RetentionRule] = tags.map { TagRule(tags: $0) }
    if let within { rules.append(WithinRule(span: within, since: since(within))) }
    if let last { rules.append(LastRule(count: last)) }
    for period in RetentionPeriod.allCases {
      if let count = periods[period] { rules.append(PeriodRule(period: period, left: count)) }
    }
    for period in RetentionPeriod.allCases {
      if let span = periodsWithin[period] {
        rules.append(PeriodRule(period: period, left: .unlimited, suffix: " within \(span)", since: since(span)))
      }
    }
    for kind in RetentionKind.allCases {
      if let count = kinds[kind] { rules.append(KindRule(kind: kind, count: count)) }
    }
    return rules
  }
}

/// One rule of a policy on its way through the snapshots of a group, newest first.
private protocol RetentionRule {
  /// - Returns: why the snapshot stays; nil = not because of this rule.
  mutating func judge(_ manifest: Manifest, _ moment: LocalMoment, isOldest: Bool) -> String?
}

private struct TagRule: RetentionRule {
  let tags: [String]

  func judge(_ manifest: Manifest, _: LocalMoment, isOldest _: Bool) -> String? {
    if tags.isEmpty { return manifest.tags.isEmpty ? "no tag" : nil }
    guard tags.allSatisfy({ manifest.tags.contains(Array($0.utf8)) }) else { return nil }
    return "tag " + tags.map { Escaping.terminal(Array($0.utf8)) }.joined(separator: ",")
  }
}

private struct WithinRule: RetentionRule {
  let span: RetentionSpan
  let since: Timestamp

  func judge(_ manifest: Manifest, _: LocalMoment, isOldest _: Bool) -> String? { manifest.time > since ? "within \(span)" : nil }
}

private struct LastRule: RetentionRule {
  let count: RetentionCount
  private var taken = 0

  init(count: RetentionCount) { self.count = count }

  mutating func judge(_: Manifest, _: LocalMoment, isOldest _: Bool) -> String? {
    if case .limited(let limit) = count, taken >= limit { return nil }
    taken += 1
    return "last " + count.text(taken)
  }
}

private struct KindRule: RetentionRule {
  let kind: RetentionKind
  let count: RetentionCount
  private var taken = 0

  init(kind: RetentionKind, count: RetentionCount) {
    self.kind = kind
    self.count = count
  }

  mutating func judge(_ manifest: Manifest, _: LocalMoment, isOldest _: Bool) -> String? {
    guard RetentionKind(manifest.kind) == kind else { return nil }
    if case .limited(let limit) = count, taken >= limit { return nil }
    taken += 1
    return "\(kind.rawValue) " + count.text(taken)
  }
}

/// The newest of each bucket. While a rule has room the oldest snapshot of all stays too, as with restic: the history reaches as far back
/// as it can, and the day that follows does not cut it short.
private struct PeriodRule: RetentionRule {
  let period: RetentionPeriod
  var left: RetentionCount
  var suffix = ""
  var since: Timestamp?
  private var seen: Set<String> = []

  init(period: RetentionPeriod, left: RetentionCount, suffix: String = "", since: Timestamp? = nil) {
    self.period = period
    self.left = left
    self.suffix = suffix
    self.since = since
  }

  mutating func judge(_ manifest: Manifest, _ moment: LocalMoment, isOldest: Bool) -> String? {
    guard !left.isExhausted, since.map({ manifest.time > $0 }) ?? true else { return nil }
    let bucket = period.bucket(moment)
    let isNew = seen.insert(bucket).inserted
    guard isNew || isOldest else { return nil }
    left.take()
    return (isNew ? "" : "oldest ") + "\(period.rawValue) \(bucket)\(suffix)"
  }
}
