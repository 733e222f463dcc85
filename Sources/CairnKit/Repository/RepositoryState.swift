package import CairnFormat
package import CairnStorage

/// What the registers and the maintenance log say: which sessions are decided and how, which packs are condemned or gone,
/// which snapshots are forgotten or amended. Holds about a hundred bytes a session and nothing of the index.
package struct RepositoryState: Sendable {
  /// Sessions whose register was read, with what it decides.
  package var registers: [SessionID: CommitRecord] = [:]
  /// Sessions whose register is there but cannot be read.
  package var unreadableRegisters: [SessionID] = []
  package var log = LogState()
  package var problems: [ItemProblem] = []

  /// Reads everything: the log first, then the registers (FORMAT.md, "Write order, read order").
  ///
  /// Single objects that are damaged become problems of the state.
  /// - Parameter forWriting: a register that the storage cannot read ends it: a writer would store again what is there.
  package static func read(_ storage: any Storage, keys: KeySet, forWriting: Bool = false) throws -> RepositoryState {
    var state = RepositoryState()
    state.log = try LogState.read(storage, keys: keys, problems: &state.problems)
    var sessions: [SessionID] = []
    try storageCall("listing the commit registers") {
      try storage.list(.commits) { key, _ in
        if let session = SessionID(hex: key.name) { sessions.append(session) }
      }
    }
    for session in sessions where !state.log.isFoldedOut(session) {
      do {
        state.registers[session] = try Records.commit(session, storage, keys)
      } catch let error as CairnError where error.code == .damaged || (error.concernsOneObject && !forWriting) {
        state.unreadableRegisters.append(session)
        state.problems.append(ItemProblem(path: Array("commits/\(session.hexadecimal)".utf8), during: "reading", message: error.message))
      }
    }
    return state
  }

  /// Whether the session's register decides that what it wrote counts.
  package func isAccepted(_ session: SessionID) -> Bool {
    guard let register = registers[session] else { return false }
    return register.decision == .snapshot || register.decision == .data
  }

  /// Whether a register exists, readable or not.
  package func isDecided(_ session: SessionID) -> Bool { registers[session] != nil || unreadableRegisters.contains(session) }
}

/// The maintenance log, replayed.
package struct LogState: Sendable {
  /// The number of records: the index of the next one.
  package var next: UInt64 = 0
  /// Digest of the newest record's object, zero for an empty log.
  package var head: ObjectHash = .zero
  /// Condemned by a record that has not been swept.
  package var condemned: [UInt64: Set<PackName>] = [:]
  /// Packs that a sweep record gave up; they may be deleted already.
  package var swept: Set<PackName> = []
  package var forgotten: Set<SessionID> = []
  package var amendments: [SessionID: SnapshotAmendment] = [:]
  /// The newest set of segments, empty before the first.
  package var segments: [String] = []
  /// Deltas that maintenance wrote and its records name.
  package var deltas: [String] = []
  /// Sessions announced with an epoch below this are resolved: accepted if listed, else gone.
  package var foldedBelow: UInt64 = 0
  package var foldedAccepted: [SessionID: ObjectHash] = [:]
  /// Records that are missing, replaced or cannot be read: readers go on without them, writers must not.
  package var unreadable: [UInt64] = []

  /// Packs that no writer may build on.
  package var unusablePacks: Set<PackName> { condemned.values.reduce(swept) { $0.union($1) } }

  /// What they say of condemned packs is unknown, so that nothing may be built on any pack.
  func requireReadable() throws {
    guard let first = unreadable.first else { return }
    throw CairnError(
      .damaged, "log/\(Records.logName(first)) is missing or cannot be read, so it is not known which packs may be used.",
      guidance: "Reading and restoring work. Run 'cairn check' to see what to do before the next backup.")
  }

  /// Folded away without having been accepted.
  package func isFoldedOut(_ session: SessionID) -> Bool {
    UInt64(session.epoch) < foldedBelow && foldedAccepted[session] == nil
  }

  /// Replays the log as far as it can be read: a record that cannot is a problem, and what is there remains readable.
  package static func read(_ storage: any Storage, keys: KeySet, problems: inout [ItemProblem]) throws -> LogState {
    var numbers: [UInt64] = []
    try storageCall("listing the maintenance log") {
      try storage.list(.log) { key, _ in
        if let number = Hexadecimal.number64(key.name) { numbers.append(number) }
      }
    }
    var state = LogState()
    for number in numbers.sorted() {
      // A name that nobody could write: there is no number after it.
      guard number < .max else { continue }
      let record: LogRecord
      let digest: ObjectHash
      do { (record, digest) = try Records.log(number, storage, keys) } catch let error as CairnError where error.concernsOneObject {
        problems.append(
          ItemProblem(path: Array("log/\(Records.logName(number))".utf8), during: "reading the maintenance log", message: error.message))
        state.unreadable.append(number)
        state.next = number + 1
        continue
      }
      if number != state.next || (number > 0 && record.previous != state.head && state.unreadable.last != number - 1) {
        state.unreadable.append(min(number, state.next))
        problems.append(
          ItemProblem(
            path: Array("log/\(Records.logName(number))".utf8), during: "following the maintenance log",
            message: "it does not follow the record before it; records are missing or were replaced"))
      }
      state.apply(record)
      state.next = number + 1
      state.head = digest
    }
    return state
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

  private mutating func apply(_ record: LogRecord) {
    if !record.condemn.isEmpty { condemned[record.index] = Set(record.condemn) }
    for sweep in record.sweeps {
      condemned[sweep.record] = nil
      swept.formUnion(sweep.packs)
    }
    if let newest = record.segments { segments = newest }
    deltas += record.deltas
    if let fold = record.fold {
      foldedBelow = UInt64(fold.below)
      for name in fold.accepted { foldedAccepted[name.session] = name.hash }
    }
    forgotten.formUnion(record.forget)
    forgotten.subtract(record.restore)
    for amendment in record.amend {
      let earlier = amendments[amendment.session]
      amendments[amendment.session] = SnapshotAmendment(
        session: amendment.session, tags: amendment.tags ?? earlier?.tags, description: amendment.description ?? earlier?.description)
    }
  }
}

/// Reading single small objects, with errors that name them.
package enum Records {
  package static func logName(_ number: UInt64) -> String { Hexadecimal.encode(number) }

  /// Reads an object whole.
  package static func bytes(_ kind: ObjectKey.Kind, _ name: String, limit: Int, _ storage: any Storage) throws -> [UInt8] {
    guard let key = ObjectKey(kind: kind, name: name) else { throw CairnError(.damaged, "A record names an impossible object.") }
    return try storageCall("reading \(kind.rawValue)/\(name)") { try storage.readAll(key, limit: limit) }
  }

  /// Reads an object that is an envelope and decodes it.
  package static func open<R>(
    _ kind: ObjectKey.Kind, _ name: String, _ envelope: Envelope.Kind, logicalName: String, _ storage: any Storage, _ keys: KeySet,
    expecting hash: ObjectHash? = nil, decode: ([UInt8]) throws -> R
  ) throws -> R {
    let object = try bytes(kind, name, limit: envelope.maximumStoredBytes, storage)
    if let hash, SHA256Digest.hash(object) != hash {
      throw CairnError.damaged("\(kind.rawValue)/\(name)", .authenticationFailed)
    }
    do {
      return try decode(Envelope.open(envelope, logicalName: logicalName, object, keys: keys))
    } catch let error as FormatError {
      throw CairnError.damaged("\(kind.rawValue)/\(name)", error)
    }
  }

  package static func commit(_ session: SessionID, _ storage: any Storage, _ keys: KeySet) throws -> CommitRecord {
    let name = session.hexadecimal
    return try open(.commits, name, .commit, logicalName: LogicalName.commit(session), storage, keys) { try CommitRecord.decode($0) }
  }

  package static func session(_ session: SessionID, _ storage: any Storage, _ keys: KeySet) throws -> SessionRecord {
    let name = session.hexadecimal
    return try open(.sessions, name, .session, logicalName: LogicalName.session(session), storage, keys) { try SessionRecord.decode($0) }
  }

  package static func manifest(_ session: SessionID, _ hash: ObjectHash, _ storage: any Storage, _ keys: KeySet) throws -> Manifest {
    let name = session.hexadecimal
    return try open(
      .snapshots, "\(name)-\(hash.hexadecimal)", .manifest, logicalName: LogicalName.manifest(session), storage, keys, expecting: hash
    ) { try Manifest.decode($0) }
  }

  /// Reads a delta by its object name `<session>-<sequence>-<sha256>`.
  package static func delta(_ name: String, _ storage: any Storage, _ keys: KeySet) throws -> IndexDelta {
    guard let parts = DeltaName(name) else { throw CairnError(.damaged, "A register names an impossible index object.") }
    return try open(
      .index, name, .delta, logicalName: parts.logicalName, storage, keys, expecting: parts.hash
    ) { try IndexDelta.decode($0) }
  }

  /// A log record and the digest of its object, which the next record carries.
  package static func log(_ number: UInt64, _ storage: any Storage, _ keys: KeySet) throws -> (LogRecord, ObjectHash) {
    let name = logName(number)
    let object = try bytes(.log, name, limit: Envelope.Kind.log.maximumStoredBytes, storage)
    do {
      let record = try LogRecord.decode(Envelope.open(.log, logicalName: LogicalName.log(number), object, keys: keys))
      guard record.index == number else { throw FormatError.invalid("log index") }
      return (record, SHA256Digest.hash(object))
    } catch let error as FormatError {
      throw CairnError.damaged("log/\(name)", error)
    }
  }
}
