package import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// Reads the registers, the log and the manifests; no index, no packs.
  ///
  /// A snapshot whose register is damaged is still listed, because its manifest is authenticated by itself; the damage is a
  /// problem of the result.
  public func snapshots() throws -> SnapshotList {
    try snapshots(RepositoryState.read(storage, keys: keys))
  }

  func snapshots(_ state: RepositoryState) throws -> SnapshotList {
    var snapshots: [Snapshot] = []
    var problems = state.problems
    var wanted: [(SessionID, ObjectHash)] = state.log.foldedAccepted.map { ($0.key, $0.value) }
    wanted += state.registers.compactMap { session, register in
      register.decision == .snapshot && state.log.foldedAccepted[session] == nil ? register.manifest.map { (session, $0) } : nil
    }
    if !state.unreadableRegisters.isEmpty { wanted += try manifestObjects(of: Set(state.unreadableRegisters)) }
    for (session, hash) in wanted where !state.log.forgotten.contains(session) {
      do {
        var manifest = try Records.manifest(session, hash, storage, keys)
        guard manifest.session == session else { throw CairnError(.damaged, "The manifest of \(session.hexadecimal) is another's.") }
        if let amendment = state.log.amendments[session] {
          if let tags = amendment.tags { manifest.tags = tags }
          if let description = amendment.description { manifest.description = description }
        }
        snapshots.append(Snapshot(id: session, manifest: manifest, object: hash))
      } catch let error as CairnError where error.concernsOneObject {
        problems.append(
          ItemProblem(
            path: Array("snapshots/\(session.hexadecimal)-\(hash.hexadecimal)".utf8), during: "reading", message: error.message))
      }
    }
    snapshots.sort { ($0.manifest.time, $0.id) < ($1.manifest.time, $1.id) }
    return SnapshotList(snapshots: snapshots, problems: problems)
  }

  /// Manifest objects that lie in the storage for the given sessions.
  private func manifestObjects(of sessions: Set<SessionID>) throws -> [(SessionID, ObjectHash)] {
    var found: [(SessionID, ObjectHash)] = []
    try storageCall("listing the snapshots") {
      try storage.list(.snapshots) { key, _ in
        if let name = ManifestName(key.name), sessions.contains(name.session) { found.append((name.session, name.hash)) }
      }
    }
    return found
  }

  /// Appends a record to the maintenance log, retrying when another writer took the place.
  ///
  /// - Parameter make: builds the record for the log as it stands; called again for each try; nil = nothing to do any more.
  package func appendLog(_ make: (LogState) throws -> LogRecord?) throws {
    try requireWritable()
    for _ in 0..<1000 {
      let state = try LogState.readComplete(storage, keys: keys)
      guard var record = try make(state) else { return }
      record.index = state.next
      record.previous = state.head
      let bytes: [UInt8]
      do {
        bytes = try Envelope.seal(
          .log, logicalName: LogicalName.log(state.next), plaintext: record.encode(), nonce: SystemRandom.bytes(24), keys: keys)
      } catch {
        throw CairnError(.failed, "The log record cannot be written: \(error).")
      }
      guard let key = ObjectKey(kind: .log, name: Records.logName(state.next)) else { throw CairnError(.failed, "The log is full.") }
      if try storageCall("appending to the maintenance log", { try bytes.withUnsafeBytes { try storage.putIfAbsent(key, $0) } }) { return }
    }
    throw CairnError(.conflict, "Other programs keep writing to the maintenance log.", guidance: "Run the command again.")
  }

  /// Replaces the tags and, when given, the description of snapshots.
  ///
  /// Manifests are never rewritten: the change is a record of the log, and the newest record wins.
  package func amend(_ changes: [(SessionID, tags: [[UInt8]]?, description: [UInt8]?)]) throws {
    guard !changes.isEmpty else { return }
    try appendLog { _ in
      var record = LogRecord(index: 0, previous: .zero, owner: .zero, time: Timestamp(SystemClock.now()))
      record.amend = changes.map { SnapshotAmendment(session: $0.0, tags: $0.tags, description: $0.description) }
        .sorted { $0.session < $1.session }
      return record
    }
  }
}
