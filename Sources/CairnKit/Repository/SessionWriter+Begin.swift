import CairnFormat
import CairnStorage
import CairnSystem

/// What is left of attempts at the same run that maintenance has revoked.
package struct EarlierAttempts: Sendable {
  /// Oldest first.
  var sessions: [SessionID] = []
  /// What they knew: nil unless the rule that it is void is broken.
  var known: KnownBlobs?

  package init() {}

  mutating func add(_ attempt: SessionWriter) {
    sessions.append(attempt.session)
    if attempt.repository.breaks(.noRevalidation) { known = attempt.known }
  }
}

/// Announcing (FORMAT.md, "A writer").
extension SessionWriter {
  /// Announces a session, reads the repository as it is after the announcement, and adopts what an interrupted run of the
  /// same client left behind.
  package static func begin(
    _ repository: Repository, description: SessionDescription, options: WriterOptions = WriterOptions(), context: RunContext,
    after earlier: EarlierAttempts = EarlierAttempts()
  ) throws -> SessionWriter {
    try repository.requireWritable()
    let storage: any Storage = options.dryRun ? DiscardingStorage(repository.storage) : repository.storage
    func start(_ session: SessionID, _ view: RepositoryView) throws -> SessionWriter {
      let writer = SessionWriter(
        repository: repository, description: description, options: options, context: context, storage: storage, view: view,
        session: session, earlier: earlier)
      try writer.adoptPredecessors()
      writer.reportProblems()
      return writer
    }
    let announcement = Announcement(repository: repository, description: description, earlier: earlier.sessions)
    if repository.breaks(.listBeforeSession) {
      let view = try repository.loadView(repository.readState(forWriting: true), forWriting: true)
      return try announcement.make(storage, epoch: view.state.log.next) { try start($0, view) }
    }
    for _ in 0..<LogState.maximumReadings {
      try context.cancellation.check()
      let epoch = try LogState.readComplete(storage, keys: repository.keys).next
      let writer = try announcement.make(storage, epoch: epoch) { session -> SessionWriter? in
        if let view = try load(repository, storage, epoch: epoch) { return try start(session, view) }
        retract(session, storage)
        return nil
      }
      if let writer { return writer }
    }
    throw LogState.isRestless
  }

  /// Reads the repository for a session that was announced with an epoch.
  ///
  /// - Returns: nil when the log has moved between reading it and the announcement, or while the index was read and something of it
  ///   is missing: a checkpoint may have taken it away.
  private static func load(_ repository: Repository, _ storage: any Storage, epoch: UInt64) throws -> RepositoryView? {
    let state = try repository.readState(forWriting: true)
    guard state.log.next == epoch else { return nil }
    let view = try repository.loadView(state, forWriting: true)
    return try view.problems.isEmpty || LogState.length(storage) == epoch ? view : nil
  }

  /// Says what of the repository this run cannot build on.
  private func reportProblems() {
    for problem in view.problems.prefix(8) {
      context.sink.report(.message("\(Escaping.terminal(problem.path)): \(problem.during): \(problem.message)"))
    }
    guard !view.problems.isEmpty else { return }
    context.sink.report(.message("Part of the repository cannot be used; what this backup needs of it is stored again. Run 'cairn check'."))
  }

  /// Removes an announcement; one that stays is only resolved later.
  static func retract(_ session: SessionID, _ storage: any Storage) {
    guard let key = ObjectKey(kind: .sessions, name: session.hexadecimal) else { return }
    try? storage.delete(key)  // best effort, see above
  }
}

/// What a run says of itself in `sessions/`.
struct Announcement {
  let repository: Repository
  let description: SessionDescription
  let earlier: [SessionID]

  /// Announces a session of its own and goes on with it; takes the announcement back when that fails.
  func make<R>(_ storage: any Storage, epoch: UInt64, _ body: (SessionID) throws -> R) throws -> R {
    let session = SessionID(random: SystemRandom.bytes(12), epoch: UInt32(truncatingIfNeeded: epoch))
    try put(session, storage)
    do {
      try storageCall("announcing the backup") { try storage.flush() }
      return try body(session)
    } catch {
      SessionWriter.retract(session, storage)
      throw error
    }
  }

  /// Stores a record under the given id.
  func put(_ session: SessionID, _ storage: any Storage) throws {
    var record = SessionRecord(kind: .backup, client: description.client, started: Timestamp(SystemClock.now()))
    record.host = Array(Host.name.utf8)
    record.user = Array(Host.userName.utf8)
    record.processID = UInt32(Host.processID)
    record.processStart = Host.processStartTicks(Host.processID) ?? 0
    record.bootID = ProcessIdentity.boot
    record.logIndex = UInt64(session.epoch)
    record.series = description.series
    record.predecessors = earlier
    record.programVersion = programVersion
    let bytes = try Records.seal(.session, LogicalName.session(session), repository.keys, "the announcement of the backup") {
      try record.encode()
    }
    try Records.put(.sessions, session.hexadecimal, bytes, storage)
  }
}
