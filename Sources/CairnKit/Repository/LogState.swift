package import CairnFormat
package import CairnStorage

/// The maintenance log, replayed from its newest checkpoint on.
package struct LogState: Sendable {
  /// The index of the next record: one more than the newest.
  package var next: UInt64 = 0
  /// Digest of the newest record's object, zero for an empty log.
  package var head: ObjectHash = .zero
  /// Index of the newest checkpoint, 0 before the first.
  package var start: UInt64 = 0
  /// Condemned by a record that has not been swept.
  package var condemned: [UInt64: Set<PackName>] = [:]
  /// Packs that a sweep gave up and that may not be deleted yet.
  package var swept: Set<PackName> = []
  /// The newest record with a sweep: what was forgotten before it is gone for ever. Nil before the first.
  package var newestSweep: UInt64?
  /// Forgotten snapshots, with the record that forgot them.
  package var forgottenIn: [SessionID: UInt64] = [:]
  package var amendments: [SessionID: SnapshotAmendment] = [:]
  /// Index objects that the checkpoint names.
  package var index: [String] = []
  /// Index objects of maintenance runs since.
  package var deltas: [String] = []
  /// Sessions with an epoch below this are resolved: accepted if listed, else gone.
  package var foldedBelow: UInt64 = 0
  package var foldedAccepted: [SessionID: ObjectHash] = [:]
  /// Maintenance runs whose records were read, and the digest of each record.
  package var owners: Set<SessionID> = []
  package var digests: [UInt64: ObjectHash] = [:]
  /// Records that are missing, replaced or cannot be read: readers go on without them, writers must not.
  package var unreadable: [UInt64] = []

  /// Packs that no writer may build on.
  package var unusablePacks: Set<PackName> { condemned.values.reduce(swept) { $0.union($1) } }

  /// Forgotten snapshots that can be brought back, as 32 hexadecimal digits.
  var restorableIDs: [String] { forgottenIn.keys.filter { !isLost($0) }.map(\.hexadecimal) }

  package func isForgotten(_ session: SessionID) -> Bool { forgottenIn[session] != nil }

  /// Resolved by the checkpoint, one way or the other.
  package func isFolded(_ session: SessionID) -> Bool { UInt64(session.epoch) < foldedBelow }

  /// Folded away without having been accepted.
  package func isFoldedOut(_ session: SessionID) -> Bool { isFolded(session) && foldedAccepted[session] == nil }

  /// What they say of condemned packs is unknown, so that nothing may be built on any pack.
  func requireReadable() throws {
    guard let first = unreadable.first else { return }
    throw CairnError(
      .damaged, "log/\(Records.logName(first)) is missing or cannot be read, so it is not known which packs may be used.",
      guidance: "Reading and restoring work. Run 'cairn check', then 'cairn repair index', before the next backup.")
  }

  // MARK: - Reading

  /// The index after the newest record's, from a listing alone.
  package static func length(_ storage: any Storage) throws -> UInt64 { try numbers(storage).last.map { $0 + 1 } ?? 0 }

  private static func numbers(_ storage: any Storage) throws -> [UInt64] {
    var numbers: [UInt64] = []
    try storageCall("listing the maintenance log") {
      try storage.list(.log) { key, _ in
        if let number = Hexadecimal.number64(key.name) { numbers.append(number) }
      }
    }
    numbers.sort()
    if let jump = numbers.indices.first(where: { isStray(numbers[$0], after: $0 == 0 ? nil : numbers[$0 - 1]) }) {
      numbers.removeSubrange(jump...)
    }
    return numbers
  }

  /// Whether a name is no record of this log: it is so far beyond the one before it that nobody loses so many in a row, or higher than a
  /// session could tell.
  static func isStray(_ number: UInt64, after last: UInt64?) -> Bool {
    number >= UInt64(UInt32.max) - 1 || last.map { number > $0 && number - $0 > widestGap } ?? false
  }

  /// Records that may be missing in a row.
  private static let widestGap: UInt64 = 1 << 16

  /// Replays the log as far as it can be read: a record that cannot is a problem, and what is there remains readable.
  package static func read(_ storage: any Storage, keys: KeySet, problems: inout [ItemProblem]) throws -> LogState {
    for _ in 0..<maximumReadings {
      let numbers = try numbers(storage)
      var reading = LogReading(storage: storage, keys: keys, numbers: numbers)
      let state = try reading.replay()
      // Records below a new checkpoint are deleted: what was missing may have gone for a good reason.
      if try reading.problems.isEmpty || numbers == Self.numbers(storage) {
        problems += reading.problems
        return state
      }
    }
    throw isRestless
  }

  /// How often something is read anew because the log has moved meanwhile: a storage that never tells the same twice must not keep anybody
  /// for ever.
  static let maximumReadings = 100

  static var isRestless: CairnError {
    CairnError(
      .conflict, "The maintenance log has changed each of \(maximumReadings) times that it was read.",
      guidance: "Run the command again; if it fails in the same way, the storage does not list what it holds.")
  }

  /// As `read`, for whoever writes.
  ///
  /// - Throws: `CairnError(.damaged)` when a record is missing or cannot be read: it may say that packs are about to be deleted.
  package static func readComplete(_ storage: any Storage, keys: KeySet) throws -> LogState {
    var problems: [ItemProblem] = []
    let state = try read(storage, keys: keys, problems: &problems)
    try state.requireReadable()
    return state
  }

  // MARK: - Replaying

  mutating func apply(_ record: LogRecord) {
    if let checkpoint = record.checkpoint { begin(checkpoint, of: record) }
    owners.insert(record.owner)
    if !record.condemn.isEmpty { condemned[record.index] = Set(record.condemn) }
    for sweep in record.sweeps {
      condemned[sweep.record] = nil
      swept.formUnion(sweep.packs)
      // One that gave up nothing has taken nothing.
      if !sweep.packs.isEmpty { newestSweep = record.index }
    }
    deltas += record.deltas
    for session in record.forget where forgottenIn[session] == nil { forgottenIn[session] = record.index }
    for session in record.restore { forgottenIn[session] = nil }
    for amendment in record.amend {
      let earlier = amendments[amendment.session]
      amendments[amendment.session] = SnapshotAmendment(
        session: amendment.session, tags: amendment.tags ?? earlier?.tags, description: amendment.description ?? earlier?.description)
    }
  }

  /// Everything before is void.
  private mutating func begin(_ checkpoint: LogRecord.Checkpoint, of record: LogRecord) {
    let (unreadable, digests) = (self.unreadable, self.digests)
    self = LogState()
    (self.unreadable, self.digests) = (unreadable, digests)
    start = record.index
    newestSweep = record.index
    index = checkpoint.index
    foldedBelow = UInt64(checkpoint.below)
    for name in checkpoint.accepted { foldedAccepted[name.session] = name.hash }
    swept = Set(checkpoint.swept)
    // They were forgotten by earlier records. One that is accepted nevertheless has lost nothing up to here.
    for session in record.forget { forgottenIn[session] = foldedAccepted[session] == nil ? 0 : record.index }
  }
}

/// One pass over the records.
private struct LogReading {
  let storage: any Storage
  let keys: KeySet
  /// Ascending.
  let numbers: [UInt64]
  var problems: [ItemProblem] = []
  private var opened: [UInt64: (record: LogRecord, digest: ObjectHash)] = [:]

  init(storage: any Storage, keys: KeySet, numbers: [UInt64]) {
    self.storage = storage
    self.keys = keys
    self.numbers = numbers
  }

  mutating func replay() throws -> LogState {
    var state = LogState()
    guard let newest = numbers.last else { return state }
    let start = try findStart()
    // Also where the checkpoint itself cannot be read.
    state.start = start
    var expected = start
    for number in numbers where number >= start {
      if number != expected { note(expected, "following the maintenance log", "records are missing", &state) }
      if let (record, digest) = try open(number, &state) {
        let follows = number == start || state.digests[number - 1] == nil || state.digests[number - 1] == record.previous
        let begins = number != start || (start == 0 ? record.previous == .zero : record.checkpoint != nil)
        if !follows || !begins {
          note(number, "following the maintenance log", "it does not follow the record before it; one of them was replaced", &state)
        }
        state.apply(record)
        state.digests[number] = digest
        state.head = digest
      }
      expected = number + 1
    }
    state.next = newest + 1
    return state
  }

  /// What the newest record that can be read names as the beginning; the first record there is if none can.
  private mutating func findStart() throws -> UInt64 {
    for number in numbers.reversed() {
      do {
        let found = try Records.log(number, storage, keys)
        opened[number] = found
        // A start that is not there is found missing by `replay`.
        return found.0.start
      } catch let error as CairnError where error.concernsOneObject {
        // Noted when its turn comes.
        continue
      }
    }
    return numbers.first ?? 0
  }

  private mutating func open(_ number: UInt64, _ state: inout LogState) throws -> (record: LogRecord, digest: ObjectHash)? {
    if let found = opened[number] { return found }
    do { return try Records.log(number, storage, keys) } catch let error as CairnError where error.concernsOneObject {
      note(number, "reading the maintenance log", error.message, &state)
      return nil
    }
  }

  private mutating func note(_ number: UInt64, _ during: String, _ message: String, _ state: inout LogState) {
    problems.append(ItemProblem(path: Array("log/\(Records.logName(number))".utf8), during: during, message: message))
    state.unreadable.append(number)
  }
}
