import CairnFormat
import CairnStorage
import CairnSystem

/// Puts a checkpoint that says everything anew, from what is really there (FORMAT.md, "Repair").
struct RepairCheckpoint {
  let repository: Repository
  let options: RepairOptions
  let context: RunContext

  /// What a checkpoint was made from.
  struct Outcome {
    let records: RecordSurvey
    let index: IndexSurvey
    /// Index objects that it took.
    let written: [String]
  }

  private var storage: any Storage { repository.storage }

  /// - Throws: `CairnError(.conflict)` when a backup is running. Nothing has been written then.
  func requireQuiet(_ records: RecordSurvey) throws {
    try requireNone(try survey(records).resolve(below: records.logLength + 1, revoking: false))
  }

  /// Makes the checkpoint.
  ///
  /// - Parameters:
  ///   - leaving: packs that the index is not to name any more.
  ///   - adding: index objects that are to count.
  ///   - length: of the log when it was found out what may leave: another record since then may be that of a prune, which has given up copies
  ///     that were counted on. Nil where nothing was counted on.
  /// - Throws: `CairnError(.conflict)` when a backup is running, or others keep maintaining the repository. What was written by then says
  ///   nothing.
  func put(leaving: Set<PackName> = [], adding: [String] = [], after length: UInt64? = nil) throws -> Outcome {
    let own = Set(adding.compactMap { DeltaName($0)?.session })
    for _ in 0..<16 {
      try context.cancellation.check()
      guard let bound = try barrier() else { continue }
      if let length, bound != length + 1 {
        throw CairnError(
          .conflict, "Other maintenance has changed the log since the packs were examined; nothing was taken out of use.",
          guidance: "Run the repair again.")
      }
      let before = try RecordSurvey(repository, own: own)
      try requireNone(try survey(before).resolve(below: bound))
      // What has just been decided is part of it.
      let records = try RecordSurvey(repository, own: own)
      guard records.state.log.next == bound else { continue }
      let index = try IndexSurvey(records, leaving: leaving, adding: adding, bound: bound, context)
      // Nothing announces a repair: a prune may have taken for garbage what it has written.
      if let gone = adding.first(where: { !index.kept.contains($0) && !index.rewritten.contains($0) || index.partial.contains($0) }) {
        throw CairnError(
          .conflict, "index/\(gone) was just written, and it or a pack that it names is gone: a prune has run meanwhile.",
          guidance: "Run the repair again.")
      }
      var record = LogRecord(next: records.state.log)
      let written = try index.write(as: record.owner, context)
      try storageCall("making the index durable") { try storage.flush() }
      fill(&record, records, index, written, bound: bound)
      if try repository.tryAppend(record) { return Outcome(records: records, index: index, written: written) }
    }
    throw Repository.neverQuiet
  }

  /// Appends a record that says nothing: sessions that are announced later have seen that the log has grown.
  ///
  /// - Returns: the index after it; nil when another record came first.
  private func barrier() throws -> UInt64? {
    let records = try RecordSurvey(repository)
    guard records.logLength < UInt64(UInt32.max) - 1 else {
      let name = "log/\(Records.logName(records.logLength - 1))"
      throw CairnError(.damaged, "The maintenance log cannot go on after \(name).", guidance: "If \(name) is no record, move it away.")
    }
    var record = LogRecord(next: records.state.log)
    // Numbers that were used are not used again, so that nobody takes this record for one that is gone.
    record.index = records.logLength
    record.owner = SessionID(random: SystemRandom.bytes(12), epoch: UInt32(record.index))
    if record.index > 0, let newest = try newestBytes(records.state.log.next) { record.previous = SHA256Digest.hash(newest) }
    if record.start >= max(record.index, 1) { record.start = 0 }
    return try repository.tryAppend(record) ? record.index + 1 : nil
  }

  /// The bytes of the newest record, whatever they are.
  private func newestBytes(_ next: UInt64) throws -> [UInt8]? {
    guard next > 0, let key = ObjectKey(kind: .log, name: Records.logName(next - 1)) else { return nil }
    let bytes = try ObjectFault.catching { try storage.readAll(key, limit: Envelope.Kind.log.maximumStoredBytes) }
    if case .success(let bytes) = bytes { return bytes }
    return nil
  }

  private func fill(_ record: inout LogRecord, _ records: RecordSurvey, _ index: IndexSurvey, _ written: [String], bound: UInt64) {
    let log = records.state.log
    record.checkpoint = .init(
      index: index.kept + written, below: UInt32(bound),
      accepted: records.accepted.filter { !log.isForgotten($0.key) && UInt64($0.key.epoch) < bound }
        .map { ManifestName(session: $0.key, hash: $0.value) },
      swept: log.swept.filter { index.stored[$0] != nil })
    record.start = record.index
    record.forget = log.forgottenIn.keys.filter { UInt64($0.epoch) >= bound }
    record.amend = log.amendments.values.filter { records.accepted[$0.session] != nil && !log.isForgotten($0.session) }
  }

  // MARK: - Sessions

  private func survey(_ records: RecordSurvey) -> SessionSurvey {
    var prune = PruneOptions()
    prune.revokeAfterSeconds = options.revokeAfterSeconds
    // Nobody can tell whose they are. A backup that still runs notices when it commits, and begins again.
    let unknown = records.unknownSessions
    prune.revokes = { unknown.contains($0) }
    return SessionSurvey(repository: repository, options: prune)
  }

  private func requireNone(_ outcome: SessionSurvey.Outcome) throws {
    guard let open = outcome.open.first else { return }
    let who = open.who.isEmpty ? "" : " of \(open.who), process \(open.processID),"
    throw CairnError(
      .conflict, "Backup \(open.session.prefix(8))\(who) is running; its last sign of life was \(open.silentSeconds) seconds ago.",
      guidance: "Run the repair when it has ended; --revoke-after says when a silent one is given up.")
  }
}

extension Repository {
  /// Runs `body` again when the log has grown meanwhile: what it missed may have gone for a good reason.
  func whileTheLogStands<R>(_ body: () throws -> R) throws -> R {
    for _ in 0..<64 {
      let before = try LogState.length(storage)
      let result = Result { try body() }
      if try LogState.length(storage) == before { return try result.get() }
    }
    throw Self.neverQuiet
  }

  static var neverQuiet: CairnError {
    CairnError(.conflict, "Other programs keep maintaining the repository.", guidance: "Run the repair again later.")
  }
}
