import CairnFormat
import CairnStorage
import Synchronization

/// Sessions whose packs a run has taken over.
struct AdoptedSessions {
  /// Undecided ones whose process is certainly gone: to be declared abandoned.
  var gone: [SessionID] = []
  /// Revoked ones that were never taken back.
  var revoked: [SessionID] = []
}

/// Resuming (FORMAT.md, "Adopting").
extension SessionWriter {
  /// Takes over the packs that dead or revoked sessions of this client have left and that no delta that counts names.
  ///
  /// Their directories are read, and this session's own delta will name them. That is safe for the same reason as using any
  /// pack of the view: the announcement came first, and packs that the log condemns or has swept are left alone.
  func adoptPredecessors() throws {
    let (owners, adopted) = try predecessors()
    handOvers.withLock { $0.adopted = adopted }
    guard !owners.isEmpty else { return }
    var left: [(key: ObjectKey, name: PackName, size: UInt64)] = []
    try storageCall("listing the packs") {
      try storage.list(.packs) { key, size in
        if let name = PackName(key.name), owners.contains(name.owner) { left.append((key, name, size)) }
      }
    }
    let taken = try view.index.named(Set(left.map(\.name))).union(view.state.log.unusablePacks)
    var count = 0
    for pack in left.sorted(by: { $0.name < $1.name }) where !taken.contains(pack.name) {
      do {
        let found = try PackFile.read(pack.key, size: pack.size, storage: storage, keys: repository.keys)
        // Who wrote it may not have come to its own flush.
        try storageCall("adopting \(pack.key.path)") { try storage.includeInFlush(pack.key) }
        known.add(found)
        try packs.add(found)
        count += 1
      } catch let error as CairnError where error.code == .damaged {
        context.sink.report(.message("\(pack.key.path) of an interrupted backup cannot be used: \(error.message)"))
      }
    }
    if count > 0 { context.sink.report(.message("Resuming an interrupted backup: \(count) packs it stored are used again.")) }
  }

  /// The sessions whose packs may be taken over: undecided ones whose process is gone or that began before this machine was
  /// started, and revoked ones. Of those from before it is not certain that they are of this machine: they stay undecided.
  private func predecessors() throws -> (owners: Set<SessionID>, AdoptedSessions) {
    var announced: [SessionID] = []
    try storageCall("listing the sessions") {
      try storage.list(.sessions) { key, _ in
        if let other = SessionID(hex: key.name), other != session { announced.append(other) }
      }
    }
    var owners = Set(earlier.sessions)
    var adopted = AdoptedSessions()
    for other in announced.sorted() {
      // One that cannot be read is somebody else's problem: `check` names it.
      let record = try? Records.session(other, storage, repository.keys)
      let isOwn = record.map { $0.kind == .backup && $0.client == description.client } ?? false
      if isVoid(other) {
        guard isOwn || earlier.sessions.contains(other) else { continue }
        owners.insert(other)
        adopted.revoked.append(other)
      } else if view.state.isDecided(other) {
        // Killed before it could take its announcement back, which nobody needs any more.
        if view.state.registers[other] != nil, !isSignOfLife(record) { Self.retract(other, storage) }
      } else if let record, isOwn {
        if ProcessIdentity.isGone(record) { adopted.gone.append(other) }
        if ProcessIdentity.isGone(record) || !ProcessIdentity.isOfThisBoot(record) { owners.insert(other) }
      }
    }
    return (owners, adopted)
  }

  /// Revoked, or folded away without having been accepted.
  private func isVoid(_ session: SessionID) -> Bool {
    view.state.registers[session]?.decision == .revoked || view.state.log.isFoldedOut(session)
  }

  /// Whether a record, though decided, says that a session that is not decided is still at work.
  private func isSignOfLife(_ record: SessionRecord?) -> Bool {
    guard let record, !ProcessIdentity.isGone(record) else { return false }
    return record.predecessors.contains { !view.state.isDecided($0) }
  }

  /// What was taken over counts in this run's name now: the sessions it came from are done with.
  func settle(_ adopted: AdoptedSessions) {
    for session in adopted.gone {
      // Best effort: what stays undecided is resolved by maintenance, and adopting it twice does no harm.
      guard (try? Records.resolve(session, as: .abandoned, storage, repository.keys)) == .abandoned else { continue }
      Self.retract(session, storage)
    }
    for session in adopted.revoked { Self.retract(session, storage) }
  }
}
