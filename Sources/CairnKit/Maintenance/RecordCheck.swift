import CairnFormat
import CairnStorage
import CairnSystem

/// Checks sessions, commit registers and manifests, and finds out which sessions' objects count.
struct RecordCheck {
  /// What a session's objects are to everybody else.
  enum Standing {
    /// Its register (or a log record) says that they count.
    case accepted
    /// Revoked, abandoned or folded away: what it left is garbage.
    case refused
    /// Not decided: it is running, or was interrupted.
    case open
    /// The register is there and cannot be read.
    case unreadable
    /// Neither register nor announcement are there: the register was lost.
    case lost
  }

  /// What the rest of the check has to know.
  struct Outcome {
    /// Names under `index/` that count.
    var deltas: [String] = []
    let standing: @Sendable (SessionID) -> Standing
  }

  let run: CheckRun
  private var state: RepositoryState { run.view.state }

  func perform() throws -> Outcome {
    let announced = try sessions()
    let state = state
    let owners = state.log.owners
    let unreadable = Set(state.unreadableRegisters)
    let standing: @Sendable (SessionID) -> Standing = { session in
      if state.isAccepted(session) || owners.contains(session) || state.log.foldedAccepted[session] != nil { return .accepted }
      if unreadable.contains(session) { return .unreadable }
      if state.registers[session] != nil || state.log.isFoldedOut(session) { return .refused }
      return announced.contains(session) ? .open : .lost
    }
    try checkRegisters(unreadable)
    try checkManifests(standing)
    var outcome = Outcome(standing: standing)
    outcome.deltas = try state.countingDeltas.union(state.deltasBehindUnreadableRegisters(run.storage)).sorted()
    try checkIndexNames(Set(outcome.deltas), standing)
    return outcome
  }

  /// Sessions that have announced themselves and are not decided.
  private func sessions() throws -> Set<SessionID> {
    var announced = Set<SessionID>()
    try storageCall("listing the sessions") {
      try run.storage.list(.sessions) { key, _ in
        guard let session = SessionID(hex: key.name) else {
          run.findings.add(key.path, "is no session", .garbage, next: CheckAdvice.foreign(key.path, at: run.storage.location))
          return
        }
        announced.insert(session)
      }
    }
    for session in announced.sorted() where state.log.isFolded(session) { noteSettled("sessions/\(session.hexadecimal)") }
    for session in announced where !state.isDecided(session) && !state.log.isFoldedOut(session) { try check(session) }
    return announced
  }

  private func check(_ session: SessionID) throws {
    guard let key = ObjectKey(kind: .sessions, name: session.hexadecimal) else { return }
    let result = try ObjectFault.catching {
      let bytes = try run.storage.checkedBytes(key, limit: Envelope.Kind.session.maximumStoredBytes)
      return try SessionRecord.decode(Envelope.open(.session, logicalName: LogicalName.session(session), bytes, keys: run.keys))
    }
    switch result {
    case .failure(let fault):
      run.findings.add(
        key.path, "\(fault.what); it announces a backup that is running or was interrupted, nothing else depends on it", .harmless,
        next: CheckAdvice.replace(key.path))
    case .success(let record):
      let person = Escaping.terminal(record.user + [0x40] + record.host)
      run.findings.add(
        key.path, "announces a backup of \(person) that is running or was interrupted", .garbage,
        next: "If it was interrupted, the next backup of \(person) goes on with what it stored.")
    }
  }

  private func checkRegisters(_ unreadable: Set<SessionID>) throws {
    try storageCall("listing the commit registers") {
      try run.storage.list(.commits) { key, _ in
        if let session = SessionID(hex: key.name) {
          if state.log.isFolded(session) { noteSettled(key.path) }
        } else {
          run.findings.add(key.path, "is no commit register", .garbage, next: CheckAdvice.foreign(key.path, at: run.storage.location))
        }
      }
    }
    let present = Set(run.view.snapshots.map(\.id))
    for session in unreadable.sorted() {
      guard let key = ObjectKey(kind: .commits, name: session.hexadecimal) else { continue }
      let result = try ObjectFault.catching {
        let bytes = try run.storage.checkedBytes(key, limit: Envelope.Kind.commit.maximumStoredBytes)
        _ = try CommitRecord.decode(Envelope.open(.commit, logicalName: LogicalName.commit(session), bytes, keys: run.keys))
      }
      guard case .failure(let fault) = result else { continue }
      let what = "\(fault.what); the index objects and the manifest of its session are used nevertheless"
      let place = run.findings.add(key.path, what, .harmless, next: CheckAdvice.replace(key.path))
      if present.contains(session) { run.findings.touch(place, session.hexadecimal, [0x2f], isLoss: false) }
    }
  }

  /// What the newest checkpoint has made void.
  private func noteSettled(_ object: String) {
    run.findings.add(object, "is of a backup that a later checkpoint has settled", .garbage, next: CheckAdvice.prune)
  }

  // MARK: - Manifests

  private func checkManifests(_ standing: (SessionID) -> Standing) throws {
    var wanted: [SessionID: ObjectHash] = state.log.foldedAccepted
    for (session, register) in state.registers where register.decision == .snapshot { wanted[session] = register.manifest }
    let readable = Set(run.view.snapshots.map(\.id))
    for (session, hash) in wanted.sorted(by: { $0.key < $1.key })
    where !state.log.isForgotten(session) && !readable.contains(session) {
      try reportManifest(session, hash)
    }
    try storageCall("listing the snapshots") {
      try run.storage.list(.snapshots) { key, _ in
        guard let name = ManifestName(key.name) else {
          run.findings.add(key.path, "is no manifest", .garbage, next: CheckAdvice.foreign(key.path, at: run.storage.location))
          return
        }
        guard wanted[name.session] != name.hash, !state.log.isForgotten(name.session) else { return }
        try reportUnwanted(key, name, standing(name.session), readable)
      }
    }
  }

  /// A manifest that a register names and that cannot be used: its snapshot is gone.
  private func reportManifest(_ session: SessionID, _ hash: ObjectHash) throws {
    let name = ManifestName(session: session, hash: hash)
    guard let key = ObjectKey(kind: .snapshots, name: name.name) else { return }
    let result = try ObjectFault.catching {
      let bytes = try run.storage.checkedBytes(key, limit: Envelope.Kind.manifest.maximumStoredBytes, hash: hash)
      let manifest = try Manifest.decode(Envelope.open(.manifest, logicalName: name.logicalName, bytes, keys: run.keys))
      guard manifest.session == session else { throw FormatError.invalid("session of the manifest") }
    }
    guard case .failure(let fault) = result else { return }
    let place = run.findings.add(
      key.path, "\(fault.what): snapshot \(session.hexadecimal.prefix(8)) cannot be listed or restored", .loss,
      next: CheckAdvice.replace(key.path))
    run.findings.touch(place, session.hexadecimal, [0x2f])
  }

  private func reportUnwanted(_ key: ObjectKey, _ name: ManifestName, _ standing: Standing, _ readable: Set<SessionID>) throws {
    switch standing {
    case .open: break  // part of an unfinished run, which has its own finding
    case .accepted, .refused:
      run.findings.add(key.path, "is named by no commit register", .garbage, next: CheckAdvice.prune)
    case .unreadable:
      guard !readable.contains(name.session) else { return }
      try reportManifest(name.session, name.hash)
    case .lost:
      let place = run.findings.add(
        "commits/\(name.session.hexadecimal)",
        "is missing: snapshot \(name.session.hexadecimal.prefix(8)), whose manifest is there, is not listed",
        .loss, next: CheckAdvice.replace("commits/\(name.session.hexadecimal)"))
      run.findings.touch(place, name.session.hexadecimal, [0x2f])
    }
  }

  // MARK: - Index

  private func checkIndexNames(_ named: Set<String>, _ standing: (SessionID) -> Standing) throws {
    try storageCall("listing the index") {
      try run.storage.list(.index) { key, _ in
        guard let name = DeltaName(key.name) else {
          run.findings.add(key.path, "is no index object", .garbage, next: CheckAdvice.foreign(key.path, at: run.storage.location))
          return
        }
        guard !named.contains(key.name) else { return }
        switch standing(name.session) {
        case .open, .unreadable: break
        case .accepted, .refused: run.findings.add(key.path, "is named by no commit register", .garbage, next: CheckAdvice.prune)
        case .lost:
          run.findings.add(
            key.path, "is of a run that neither was committed nor is announced", .garbage, next: CheckAdvice.abandoned)
        }
      }
    }
  }
}
