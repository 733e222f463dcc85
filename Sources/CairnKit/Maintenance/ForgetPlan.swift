import CairnFormat

/// What `forget` shall do.
public struct ForgetOptions: Sendable {
  /// As `SnapshotSelector.resolve` takes them; then there is no policy. A snapshot that cannot be read is named by its whole id.
  public var snapshots: [String] = []
  public var policy = RetentionPolicy()
  /// What the policy is applied to one by one.
  public var grouping = SnapshotGrouping.series
  /// The snapshots that the policy and `latest` look at; the others stay.
  public var filter = SnapshotFilter()
  /// A policy may then leave nothing of a group; together with a filter there need be no policy at all.
  public var allowsRemovingAll = false

  public init() {}
}

/// What would be forgotten and why the others stay. `Repository.forget` carries it out.
public struct ForgetPlan: Sendable {
  public struct Group: Sendable {
    /// What its snapshots share, and all of them, oldest first.
    public let key: SnapshotGrouping.Group
    public let retention: Retention
  }

  /// Where a policy decided.
  public internal(set) var groups: [Group] = []
  /// All that go, group by group, oldest first; those named, in the order given.
  public internal(set) var removed: [Snapshot] = []
  /// Ids of snapshots that go and cannot be read.
  public internal(set) var unreadable: [String] = []
  /// What could not be read. No policy decides about a snapshot that cannot be read: it stays.
  public internal(set) var problems: [ItemProblem] = []

  var sessions: [SessionID] = []
  /// What the repository lacked that this machine has seen in it before.
  var divergences: [Divergence] = []
  /// Changes of tags that the plan knew of.
  var amendments: [SessionID: SnapshotAmendment] = [:]

  /// How many snapshots go.
  public var count: Int { sessions.count }
  /// Snapshots that a policy left alone because their time is impossible.
  public var fromTheFuture: [Snapshot] { groups.flatMap(\.retention.fromTheFuture) }

  /// - Throws: `CairnError(.conflict)` when the log has changed so that the plan might come out otherwise now: what it keeps was
  ///   forgotten, or what it forgets was tagged.
  func requireFresh(_ log: LogState) throws {
    let isStale =
      groups.contains { $0.retention.kept.contains { log.isForgotten($0.snapshot.id) || log.isFoldedOut($0.snapshot.id) } }
      || (!groups.isEmpty && sessions.contains { log.amendments[$0] != amendments[$0] })
    guard !isStale else {
      throw CairnError(
        .conflict, "Another program has forgotten or tagged snapshots since this plan was made; nothing was forgotten.",
        guidance: "Run the command again.")
    }
  }
}
