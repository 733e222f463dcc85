import CairnFormat
import CairnStorage
import CairnSystem

/// Sees to it that every session which may know of packs that are to be deleted is decided (FORMAT.md, "Maintenance").
struct SessionSurvey {
  let repository: Repository
  let options: PruneOptions
  /// Sessions with a lower epoch are decided by the checkpoint; what is left of their announcements says nothing.
  var foldedBelow: UInt64 = 0

  /// What came of it.
  struct Outcome {
    var revoked: [SessionID] = []
    /// Not decided, and not to be revoked either.
    var open: [PruneReport.OpenSession] = []
  }

  private struct Announced {
    let session: SessionID
    /// Nil when it cannot be read.
    let record: SessionRecord?
  }

  /// Looks at all sessions that were announced before the log had `bound` records, and revokes the dead.
  ///
  /// - Parameters:
  ///   - revoking: false only looks.
  ///   - sparingRecent: leave also the dead alone until they have been silent for as long as the living may: what an interrupted backup
  ///     has stored is what the next one begins with.
  func resolve(below bound: UInt64, revoking: Bool = true, sparingRecent: Bool = false) throws -> Outcome {
    var outcome = Outcome()
    if repository.breaks(.ignoreOpenSessions) { return outcome }
    let announced = try list()
    let signs = signsOfLife(announced)
    for one in announced where UInt64(one.session.epoch) < bound && UInt64(one.session.epoch) >= foldedBelow {
      guard try !isDecided(one.session) else { continue }
      let silent = silence(one, signs)
      let isDead = !sparingRecent && (one.record.map(ProcessIdentity.isGone) ?? false)
      guard isDead || silent >= options.revokeAfterSeconds || options.revokes?(one.session) ?? false else {
        outcome.open.append(describe(one, silent))
        continue
      }
      if revoking { try revoke(one.session) }
      outcome.revoked.append(one.session)
    }
    return outcome
  }

  private func list() throws -> [Announced] {
    var sessions: [SessionID] = []
    try storageCall("listing the sessions") {
      try repository.storage.list(.sessions) { key, _ in
        if let session = SessionID(hex: key.name) { sessions.append(session) }
      }
    }
    return try sessions.sorted().map { session in
      do { return Announced(session: session, record: try Records.session(session, repository.storage, repository.keys)) } catch let error
        as CairnError where error.concernsOneObject
      {
        // Withdrawn meanwhile, or damaged: its presence is what counts.
        return Announced(session: session, record: nil)
      }
    }
  }

  private func isDecided(_ session: SessionID) throws -> Bool {
    guard let key = ObjectKey(kind: .commits, name: session.hexadecimal) else { return false }
    let isThere = try ObjectFault.catching { try repository.storage.exists(key) }
    // What cannot be looked at decides nothing.
    if case .success(let isThere) = isThere { return isThere }
    return false
  }

  /// When an announcement was last made that names a session as its run.
  private func signsOfLife(_ announced: [Announced]) -> [SessionID: Int64] {
    var last: [SessionID: Int64] = [:]
    for sign in announced.compactMap(\.record) {
      for session in sign.predecessors { last[session] = max(last[session] ?? .min, sign.started.seconds) }
    }
    return last
  }

  /// Seconds since the last sign of life: the announcement, or another that names it. Zero where it is not known.
  private func silence(_ one: Announced, _ signs: [SessionID: Int64]) -> Int64 {
    guard let record = one.record else { return 0 }
    let last = max(record.started.seconds, signs[one.session] ?? .min)
    // Any time can be written there, also one that no subtraction survives.
    return max(0, SystemClock.now().seconds - max(0, last))
  }

  private func describe(_ one: Announced, _ silent: Int64) -> PruneReport.OpenSession {
    PruneReport.OpenSession(
      session: one.session.hexadecimal, who: one.record.map { Escaping.terminal($0.user + [0x40] + $0.host) } ?? "",
      processID: one.record?.processID ?? 0, silentSeconds: silent)
  }

  /// Whoever comes first decides: a session that commits at this moment has either done so, or never will.
  private func revoke(_ session: SessionID) throws {
    _ = try Records.resolve(session, as: .revoked, repository.storage, repository.keys)
  }
}
