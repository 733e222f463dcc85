package import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// Handing over and committing (FORMAT.md, "A writer").
extension SessionWriter {
  /// Makes everything stored so far count for everybody, and gives a sign of life.
  package func handOver() throws { try handOvers.withLock { run in try handOver(&run) } }

  /// The session itself stays undecided: a register under an id derived from it lists the deltas. Whoever revokes the session takes
  /// the next of these ids first, so that no hand-over follows.
  func handOver(_ run: inout HandOvers) throws {
    noteHandOver()
    let deltas = Array(try packs.checkpoint().dropFirst(run.listed))
    let isReleasing = repository.breaks(.releaseAnchorAtHandOver)
    // Where nothing is new the last hand-over's announcement is only made anew.
    if !deltas.isEmpty || run.count == 0 {
      let id = isReleasing ? release(&run) : session.handOver(run.count + 1)
      try decide(id, CommitRecord(decision: .data, deltas: deltas))
      run.count += 1
      run.listed += deltas.count
    }
    if !isReleasing { try beat(&run) }
    settle(run.adopted)
    run.adopted = AdoptedSessions()
    do { try known.age(adding: options.dryRun ? [] : deltas, repository) } catch let error as CairnError where error.code == .damaged {
      // A checkpoint that follows the revocation of this session takes its deltas away.
      guard try LogState.readComplete(storage, keys: repository.keys).isFoldedOut(session) else { throw error }
      throw Self.foldedOut
    }
  }

  /// Gives up the session and goes on under one that nobody knows.
  private func release(_ run: inout HandOvers) -> SessionID {
    let old = run.session
    run.session = SessionID(random: SystemRandom.bytes(12), epoch: old.epoch)
    Self.retract(old, storage)
    return old
  }

  /// Announces the last hand-over's id, which is decided, so that people and maintenance see when this run was last at work.
  private func beat(_ run: inout HandOvers) throws {
    let id = session.handOver(run.count)
    // An object is never replaced; that this one is not there for a moment does not matter.
    if run.heartbeat == id { Self.retract(id, storage) }
    try Announcement(repository: repository, description: description, earlier: [session]).put(id, storage)
    if let old = run.heartbeat, old != id { Self.retract(old, storage) }
    run.heartbeat = id
  }

  /// Decides a session of this run.
  ///
  /// - Throws: `CairnError(.revoked)`.
  private func decide(_ session: SessionID, _ record: CommitRecord) throws {
    if try Records.decide(session, record, storage, repository.keys) { return }
    guard repository.breaks(.noFence) else {
      throw CairnError(
        .revoked, "Maintenance revoked this backup's session while it ran, so it cannot be committed.",
        guidance: "Run the same command again; what was stored is used where it still exists.")
    }
    try storage.delete(Records.key(.commits, session.hexadecimal))
    _ = try Records.decide(session, record, storage, repository.keys)
  }

  /// After the register of a snapshot was won. Packs that were condemned meanwhile do not matter: whoever did it decides this
  /// session first and finds the snapshot. Only a fold that began without this session leaves it out.
  private func requireNotFolded(_ session: SessionID) throws {
    var problems: [ItemProblem] = []
    let log = try LogState.read(storage, keys: repository.keys, problems: &problems)
    if let first = log.unreadable.first {
      throw CairnError(
        .damaged, "log/\(Records.logName(first)) cannot be read, so it is not known whether the snapshot counts.",
        guidance: "Run 'cairn check', then 'cairn repair index', and look for the snapshot with 'cairn snapshots'.")
    }
    guard log.isFoldedOut(session), !repository.breaks(.noFence) else { return }
    throw Self.foldedOut
  }

  private static var foldedOut: CairnError {
    CairnError(
      .revoked, "Maintenance closed the period in which this backup began, so the snapshot does not count.",
      guidance: "Run the same command again; what was stored is used where it still exists.")
  }

  // MARK: - Committing

  /// Writes the manifest and decides the session: from then on the snapshot exists.
  ///
  /// - Parameter manifest: complete but for the session id, the log index and the bytes stored.
  /// - Throws: `CairnError(.revoked)` when maintenance revoked the session; the snapshot does not exist then.
  package func commit(_ manifest: Manifest) throws -> Snapshot {
    let deltas = try packs.flush()
    return try handOvers.withLock { run in
      let id = run.session
      var manifest = manifest
      manifest.session = id
      manifest.logIndex = UInt64(session.epoch)
      let bytes = try Records.seal(.manifest, LogicalName.manifest(id), repository.keys, "the snapshot's manifest") {
        try manifest.encode()
      }
      let hash = SHA256Digest.hash(bytes)
      try Records.put(.snapshots, "\(id.hexadecimal)-\(hash.hexadecimal)", bytes, storage)
      try storageCall("making the snapshot durable") { try storage.flush() }
      try context.cancellation.check()
      try decide(
        id,
        CommitRecord(decision: .snapshot, deltas: listable(deltas, run), manifest: hash, previous: manifest.previousCommit))
      try requireNotFolded(id)
      repository.remember(id)
      finish(run)
      return Snapshot(id: id, manifest: manifest, object: hash)
    }
  }

  /// Ends a run that will not become a snapshot: what is stored is kept for the next run where that is possible.
  ///
  /// Called after cancellation and after errors of the source; after an error of the storage nothing more is written.
  package func abandon() {
    do {
      let deltas = try packs.checkpoint()
      try handOvers.withLock { run in
        let deltas = listable(deltas, run)
        try decide(run.session, CommitRecord(decision: deltas.isEmpty ? .abandoned : .data, deltas: deltas))
        finish(run)
      }
    } catch {
      // The session stays undecided; the next run of this client adopts its packs.
      packs.dropOpenPacks()
    }
  }

  /// The deltas that the last register names: all, so that nothing depends on those of the hand-overs; if they are too many, those
  /// that no hand-over has named.
  private func listable(_ deltas: [String], _ run: HandOvers) -> [String] {
    deltas.count <= Limits.commitDeltas ? deltas : Array(deltas.dropFirst(run.listed))
  }

  /// The session is decided: nobody needs its announcements any more.
  private func finish(_ run: HandOvers) {
    settle(run.adopted)
    if let heartbeat = run.heartbeat { Self.retract(heartbeat, storage) }
    Self.retract(run.session, storage)
  }

  /// Ends a run that was revoked. The announcement stays: by it another run of this client finds what it may adopt.
  func giveUp() {
    packs.dropOpenPacks()
    // Best effort: who ended the hand-overs may not have come to the session itself yet.
    _ = try? Records.decide(session, CommitRecord(decision: .abandoned), storage, repository.keys)
    if let heartbeat = handOvers.withLock({ $0.heartbeat }) { Self.retract(heartbeat, storage) }
  }
}
