package import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// Announcing, handing over and committing (FORMAT.md, "Sessions and commit registers").
extension SessionWriter {
  /// Announces a session, reads the repository as it is after the announcement, and adopts what an interrupted run of the
  /// same client left behind.
  package static func begin(
    _ repository: Repository, description: SessionDescription, options: WriterOptions = WriterOptions(), context: RunContext
  ) throws -> SessionWriter {
    try repository.requireWritable()
    let storage: any Storage = options.dryRun ? DiscardingStorage(repository.storage) : repository.storage
    var epoch = try LogState.readComplete(storage, keys: repository.keys).next
    while true {
      try context.cancellation.check()
      let session = try announce(repository, description, storage: storage, epoch: epoch)
      do {
        let state = try RepositoryState.read(storage, keys: repository.keys, forWriting: true)
        if state.log.next == epoch {
          let view = try repository.loadView(state, forWriting: true)
          let writer = SessionWriter(
            repository: repository, description: description, options: options, context: context, storage: storage, view: view,
            session: session)
          try writer.adoptPredecessors()
          writer.reportProblems()
          return writer
        }
        // The log moved between reading it and the announcement: announce again with the position that is known now.
        epoch = state.log.next
      } catch {
        retract(session, storage)
        throw error
      }
      retract(session, storage)
    }
  }

  /// Says what of the repository this run cannot build on.
  private func reportProblems() {
    for problem in view.problems.prefix(8) {
      context.sink.report(.message("\(Escaping.terminal(problem.path)): \(problem.during): \(problem.message)"))
    }
    guard !view.problems.isEmpty else { return }
    context.sink.report(.message("Part of the repository cannot be used; what this backup needs of it is stored again. Run 'cairn check'."))
  }

  private static func announce(
    _ repository: Repository, _ description: SessionDescription, storage: any Storage, epoch: UInt64
  ) throws -> SessionID {
    let session = SessionID(random: SystemRandom.bytes(12), epoch: UInt32(truncatingIfNeeded: epoch))
    var record = SessionRecord(kind: .backup, client: description.client, started: Timestamp(SystemClock.now()))
    record.host = Array(Host.name.utf8)
    record.user = Array(Host.userName.utf8)
    record.processID = UInt32(Host.processID)
    record.processStart = Host.processStartTicks(Host.processID) ?? 0
    record.bootID = ProcessIdentity.boot
    record.logIndex = epoch
    record.series = description.series
    record.programVersion = programVersion
    let name = session.hexadecimal
    do {
      let bytes = try Envelope.seal(
        .session, logicalName: LogicalName.session(session), plaintext: record.encode(), nonce: SystemRandom.bytes(24),
        keys: repository.keys)
      guard let key = ObjectKey(kind: .sessions, name: name) else { throw CairnError(.failed, "Impossible session name.") }
      try storageCall("announcing the backup") {
        try bytes.withUnsafeBytes { try storage.put(key, $0) }
        try storage.flush()
      }
    } catch let error as FormatError {
      throw CairnError(.failed, "The session cannot be announced: \(error).")
    }
    return session
  }

  /// Removes an announcement; one that stays is only resolved later.
  private static func retract(_ session: SessionID, _ storage: any Storage) {
    guard let key = ObjectKey(kind: .sessions, name: session.hexadecimal) else { return }
    try? storage.delete(key)  // best effort, see above
  }

  // MARK: - Resuming

  /// Takes over the packs of undecided sessions of this client whose process is gone, or that began before this machine was
  /// started. Only the former are declared abandoned afterwards: of the latter it is not certain that they are of this machine.
  ///
  /// Their directories are read, and this session's own delta will name them. That is safe for the same reason as using any
  /// pack of the view: the announcement came first, and packs that the log condemns are left alone.
  private func adoptPredecessors() throws {
    var gone = Set<SessionID>()
    var earlier = Set<SessionID>()
    try storageCall("listing the sessions") {
      try storage.list(.sessions) { key, _ in
        guard let other = SessionID(hex: key.name), other != session else { return }
        if view.state.isDecided(other) {
          // Decided, but killed before it could take its announcement back, which nobody needs any more.
          if view.state.registers[other] != nil { Self.retract(other, storage) }
          return
        }
        // A record that cannot be read is somebody else's problem: `check` names it.
        guard let record = try? Records.session(other, storage, repository.keys) else { return }
        guard record.kind == .backup, record.client == description.client else { return }
        if ProcessIdentity.isGone(record) { gone.insert(other) } else if !ProcessIdentity.isOfThisBoot(record) { earlier.insert(other) }
      }
    }
    let dead = gone.union(earlier)
    guard !dead.isEmpty else { return }
    var packs: [SessionID: [(ObjectKey, UInt64)]] = [:]
    try storageCall("listing the packs") {
      try storage.list(.packs) { key, size in
        if let owner = PackFile.owner(of: key), dead.contains(owner) { packs[owner, default: []].append((key, size)) }
      }
    }
    let named = try view.index.named(Set(packs.values.joined().compactMap { PackName($0.0.name) }))
    let taken = named.union(view.state.log.unusablePacks)
    var count = 0
    for predecessor in dead {
      for (key, size) in packs[predecessor] ?? [] where PackName(key.name).map({ !taken.contains($0) }) ?? false {
        do {
          let pack = try PackFile.read(key, size: size, storage: storage, keys: repository.keys)
          // Who wrote it may not have come to its own flush.
          try storageCall("adopting \(key.path)") { try storage.includeInFlush(key) }
          try adopt(pack)
          count += 1
        } catch let error as CairnError where error.code == .damaged {
          context.sink.report(.message("\(key.path) of an interrupted backup cannot be used: \(error.message)"))
        }
      }
      if gone.contains(predecessor) { resolveLater(predecessor) }
    }
    if count > 0 { context.sink.report(.message("Resuming an interrupted backup: \(count) packs it stored are used again.")) }
  }

  // MARK: - Handing over

  func handOverIfDue() throws {
    guard isHandOverDue else { return }
    // Again under the lock: the other saver may just have done it.
    try handOverLock.withLock { _ in if isHandOverDue { try handOverAlone() } }
  }

  private var isHandOverDue: Bool {
    let isDue = state.withLock { state in
      guard state.storedSinceHandOver > 0 else { return false }
      // The clock is read under the lock, so that it is never behind `lastHandOver`.
      return state.storedSinceHandOver >= options.checkpointBytes
        || SystemClock.monotonicNanoseconds() - state.lastHandOver >= options.checkpointNanoseconds
    }
    return isDue || knownCount > max(1 << 18, context.memoryBytes / 8 / 43)
  }

  /// Makes everything stored so far count, under a register of its own, and goes on as the next session.
  package func handOver() throws { try handOverLock.withLock { _ in try handOverAlone() } }

  private func handOverAlone() throws {
    guard state.withLock({ $0.storedSinceHandOver > 0 }) else { return }
    let epoch = state.withLock { $0.epoch }
    let next = try Self.announce(repository, description, storage: storage, epoch: epoch)
    let (old, sequence, listed, adopted) = deltaLock.withLock { _ in
      state.withLock { state in
        defer {
          state.session = next
          state.sequence = 0
          state.deltas = []
          state.adopted = []
          state.storedSinceHandOver = 0
          state.lastHandOver = SystemClock.monotonicNanoseconds()
        }
        return (state.session, state.sequence, state.deltas, state.adopted)
      }
    }
    try closePacks()
    let deltas = listed + (try writeDeltas(as: old, from: sequence))
    try storageCall("making the checkpoint durable") { try storage.flush() }
    try register(old, CommitRecord(decision: .data, deltas: deltas.sorted(), manifest: nil, previous: nil))
    try requireNothingCondemned(since: epoch)
    resolve(adopted)
    Self.retract(old, storage)
    try ageKnown(adding: options.dryRun ? [] : deltas)
  }

  /// Decides a session. An answer that got lost is resolved by reading the register back.
  private func register(_ session: SessionID, _ record: CommitRecord) throws {
    let name = session.hexadecimal
    let bytes = try encoding("a commit register") {
      try Envelope.seal(
        .commit, logicalName: LogicalName.commit(session), plaintext: record.encode(), nonce: SystemRandom.bytes(24), keys: repository.keys)
    }
    guard let key = ObjectKey(kind: .commits, name: name) else { throw CairnError(.failed, "Impossible register name.") }
    let won = try storageCall("committing") { try bytes.withUnsafeBytes { try storage.putIfAbsent(key, $0) } }
    if won { return }
    let there = try storageCall("reading the register back") { try storage.readAll(key, limit: Limits.commitBytes) }
    guard there == bytes else {
      throw CairnError(
        .conflict, "This backup was revoked by maintenance while it ran, so it cannot be committed.",
        guidance: "Run the same command again; what was stored is used where it still exists.")
    }
  }

  /// After a hand-over: the session that goes on was announced before, so what was condemned since the view was made, and
  /// unknown to it, may be gone by the time it commits.
  private func requireNothingCondemned(since epoch: UInt64) throws {
    let log = try LogState.readComplete(storage, keys: repository.keys)
    guard log.next != epoch else { return }
    guard log.unusablePacks.subtracting(view.state.log.unusablePacks).isEmpty, !log.isFoldedOut(session) else {
      throw CairnError(
        .conflict, "Maintenance removed packs that this backup relied on.",
        guidance: "Run the same command again; what was stored is used where it still exists.")
    }
  }

  /// After the register of a snapshot was won. Packs that were condemned meanwhile do not matter: whoever did it decides this
  /// session first and finds the snapshot. Only a fold that began without this session leaves it out.
  private func requireNotFolded(since epoch: UInt64) throws {
    var ignored: [ItemProblem] = []
    let log = try LogState.read(storage, keys: repository.keys, problems: &ignored)
    guard log.next != epoch, log.isFoldedOut(session) else { return }
    throw CairnError(
      .conflict, "Maintenance closed the period in which this backup began, so the snapshot does not count.",
      guidance: "Run the same command again; what was stored is used where it still exists.")
  }

  /// Sessions whose packs are named by a register now are done with.
  private func resolve(_ adopted: [SessionID]) {
    for session in adopted {
      // Best effort: what stays undecided is resolved by maintenance, and adopting it twice does no harm.
      guard (try? register(session, CommitRecord(decision: .abandoned, deltas: [], manifest: nil, previous: nil))) != nil else { continue }
      Self.retract(session, storage)
    }
  }

  // MARK: - Committing

  /// Writes the manifest and decides the session: from then on the snapshot exists.
  ///
  /// - Parameter manifest: complete but for the session id, the log index and the bytes stored.
  /// - Throws: `CairnError(.conflict)` when the session was revoked; the snapshot does not exist then.
  package func commit(_ manifest: Manifest) throws -> Snapshot {
    try flush()
    return try handOverLock.withLock { _ in
      let (session, deltas, epoch, adopted) = state.withLock { ($0.session, $0.deltas, $0.epoch, $0.adopted) }
      var manifest = manifest
      manifest.session = session
      manifest.logIndex = epoch
      let name = session.hexadecimal
      let bytes = try encoding("the snapshot's manifest") {
        try Envelope.seal(
          .manifest, logicalName: LogicalName.manifest(session), plaintext: manifest.encode(), nonce: SystemRandom.bytes(24),
          keys: repository.keys)
      }
      let hash = SHA256Digest.hash(bytes)
      try put(.snapshots, "\(name)-\(hash.hexadecimal)", bytes)
      try storageCall("making the snapshot durable") { try storage.flush() }
      try context.cancellation.check()
      try register(session, CommitRecord(decision: .snapshot, deltas: deltas.sorted(), manifest: hash, previous: manifest.previousCommit))
      try requireNotFolded(since: epoch)
      resolve(adopted)
      Self.retract(session, storage)
      return Snapshot(id: session, manifest: manifest, object: hash)
    }
  }

  /// Ends a run that will not become a snapshot: what is stored is kept for the next run where that is possible.
  ///
  /// Called after cancellation and after errors of the source; after an error of the storage nothing more is written.
  package func abandon() {
    do {
      try closePacks()
      try writeDelta()
      let (session, deltas, adopted) = state.withLock { ($0.session, $0.deltas, $0.adopted) }
      try storage.flush()
      if deltas.isEmpty {
        try register(session, CommitRecord(decision: .abandoned, deltas: [], manifest: nil, previous: nil))
      } else {
        try register(session, CommitRecord(decision: .data, deltas: deltas.sorted(), manifest: nil, previous: nil))
      }
      resolve(adopted)
      Self.retract(session, storage)
    } catch {
      // The session stays undecided; the next run of this client adopts its packs.
      dropPacks()
    }
  }
}

/// Telling whether the process of a session record still runs.
enum ProcessIdentity {
  /// Names the running kernel and the process-id namespace, in which a process id means something.
  static let boot: [UInt8] = {
    let namespace = try? OpenFile.open(Array("/proc/self/ns".utf8), [.path, .directory])  // absent /proc: the boot id alone
    let id = namespace.flatMap { try? FileSystem.readLink(at: $0, name: Array("pid".utf8)) } ?? []
    return Array((Host.bootID + " ").utf8) + id
  }()

  /// Whether the record was written under the running kernel and process-id namespace.
  static func isOfThisBoot(_ record: SessionRecord) -> Bool { record.bootID == boot }

  /// True only when it is certain: same kernel and namespace, and no process with that id and start time.
  static func isGone(_ record: SessionRecord) -> Bool {
    guard record.bootID == boot, record.host == Array(Host.name.utf8), record.processStart != 0 else { return false }
    return Host.processStartTicks(Int32(truncatingIfNeeded: record.processID)) != record.processStart
  }
}
