/// The content of `log/<index>`: one step of maintenance. Records are totally ordered, each is written once, and each names the digest of
/// the one before it. A record with a checkpoint makes all before it void.
package struct LogRecord: Equatable, Sendable {
  package var index: UInt64
  /// SHA-256 of the previous record's stored bytes; zero for record 0.
  package var previous: ObjectHash
  /// The maintenance run: packs and deltas it wrote carry this id, whose epoch is `index`.
  package var owner: SessionID
  package var time: Timestamp
  /// Packs that may no longer be referenced by anyone who sees this record.
  package var condemn: [PackName] = []
  package var sweeps: [Sweep] = []
  package var checkpoint: Checkpoint?
  /// Index of the newest checkpoint: this record's own if it has one, 0 if there was none yet. Reading begins there.
  package var start: UInt64 = 0
  /// Snapshots forgotten; in a checkpoint all that are and were not folded away.
  package var forget: [SessionID] = []
  /// Snapshots forgotten earlier that count again.
  package var restore: [SessionID] = []
  package var amend: [SnapshotAmendment] = []
  /// The run's own index deltas (names under `index/`), valid from here on.
  package var deltas: [String] = []
  /// SHA-256 of the config's stored bytes after a change of it.
  package var config: ObjectHash?
  /// Who ran it, for people.
  package var host: [UInt8] = []
  package var user: [UInt8] = []
  package var programVersion = ""

  package init(index: UInt64, previous: ObjectHash, owner: SessionID, time: Timestamp) {
    self.index = index
    self.previous = previous
    self.owner = owner
    self.time = time
  }

  /// The end of what record `record` condemned: these of its packs are deleted, its others are rescued and count as before.
  package struct Sweep: Equatable, Sendable {
    package var record: UInt64
    package var packs: [PackName]

    package init(record: UInt64, packs: [PackName]) {
      self.record = record
      self.packs = packs
    }
  }

  /// The state of the repository in one record: what the records before it say is void, and they may be deleted.
  ///
  /// Every session with an epoch below `below` is resolved, and `accepted` are all those of them that still count as snapshots: their
  /// registers and announcements may be deleted.
  package struct Checkpoint: Equatable, Sendable {
    /// The complete set of index objects (names under `index/`) of folded sessions and of maintenance.
    package var index: [String]
    package var below: UInt32
    package var accepted: [ManifestName]
    /// Packs swept by earlier records that were still in the storage, or that an object of `index` may name.
    package var swept: [PackName]

    package init(index: [String], below: UInt32, accepted: [ManifestName], swept: [PackName] = []) {
      self.index = index
      self.below = below
      self.accepted = accepted
      self.swept = swept
    }
  }
}

/// A later change of what a snapshot is called; nil leaves the part as it was.
package struct SnapshotAmendment: Equatable, Sendable {
  package var session: SessionID
  package var tags: [[UInt8]]?
  package var description: [UInt8]?

  package init(session: SessionID, tags: [[UInt8]]? = nil, description: [UInt8]? = nil) {
    self.session = session
    self.tags = tags
    self.description = description
  }
}

extension LogRecord {
  /// - Throws: `.limitExceeded`, `.invalid`, `.notCanonical` for a set with an element twice or out of order.
  package func validate() throws(FormatError) {
    guard index != 0 || previous == .zero else { throw .invalid("previous record") }
    try validateCounts()
    try TextRules.checkAscending(condemn)
    try TextRules.checkAscending(sweeps.map(\.record))
    for sweep in sweeps {
      guard sweep.record < index else { throw .invalid("swept record") }
      try TextRules.checkAscending(sweep.packs)
    }
    try TextRules.checkAscending(deltas)
    guard deltas.allSatisfy({ DeltaName($0)?.session == owner }) else { throw .invalid("delta name") }
    try TextRules.checkAscending(forget)
    try TextRules.checkAscending(restore)
    guard Set(forget).isDisjoint(with: restore) else { throw .invalid("snapshot both forgotten and restored") }
    guard checkpoint == nil ? start < max(index, 1) : start == index else { throw .invalid("start of the log") }
    if let checkpoint { try validate(checkpoint) }
    try validateDetails()
  }

  private func validateCounts() throws(FormatError) {
    let packs = sweeps.reduce(condemn.count + (checkpoint?.swept.count ?? 0)) { $0 + $1.packs.count }
    guard packs <= Limits.logPacks, sweeps.count <= Limits.logSweeps, (checkpoint?.index.count ?? 0) <= Limits.logIndexObjects,
      deltas.count <= Limits.commitDeltas, amend.count <= Limits.logAmendments,
      forget.count + restore.count + (checkpoint?.accepted.count ?? 0) <= Limits.logSessions
    else { throw .limitExceeded("list length") }
  }

  private func validate(_ checkpoint: Checkpoint) throws(FormatError) {
    guard UInt64(checkpoint.below) <= index else { throw .invalid("fold") }
    try TextRules.checkAscending(checkpoint.accepted.map(\.session))
    guard checkpoint.accepted.allSatisfy({ $0.session.epoch < checkpoint.below }) else { throw .invalid("fold") }
    try TextRules.checkAscending(checkpoint.index)
    guard checkpoint.index.allSatisfy({ DeltaName($0) != nil }) else { throw .invalid("index object") }
    try TextRules.checkAscending(checkpoint.swept)
    // What a checkpoint does not say is void, so there is nothing to undo.
    guard restore.isEmpty, deltas.isEmpty, condemn.isEmpty else { throw .invalid("checkpoint") }
  }

  private func validateDetails() throws(FormatError) {
    try TextRules.checkShort(host, user, Array(programVersion.utf8))
    try TextRules.checkAscending(amend.map(\.session))
    for amendment in amend {
      guard amendment.tags != nil || amendment.description != nil else { throw .invalid("empty amendment") }
      try TextRules.checkList(amendment.tags ?? [])
      guard (amendment.description ?? []).count <= Limits.descriptionBytes else { throw .limitExceeded("text length") }
    }
  }
}
