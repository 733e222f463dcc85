package import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// Finds out what would be forgotten; writes nothing.
  ///
  /// - Throws: `CairnError`: `.usage` without policy and ids, with both, or with an id twice; `.notFound`, `.ambiguous`; `.failed` when
  ///   the policy would leave nothing of a group; `.damaged` when it is not known what was forgotten before a policy looks.
  public func planForget(_ options: ForgetOptions) throws -> ForgetPlan { try planForget(options, now: Timestamp(SystemClock.now())) }

  package func planForget(_ options: ForgetOptions, now: Timestamp) throws -> ForgetPlan {
    let isFiltered = !options.filter.isEmpty
    guard options.snapshots.isEmpty || options.policy.isEmpty else {
      throw CairnError(.usage, "Snapshots are named and there is a policy; one of them must do.")
    }
    guard !options.snapshots.isEmpty || !options.policy.isEmpty || (options.allowsRemovingAll && isFiltered) else {
      throw CairnError(.usage, "There is no policy that keeps anything, and no snapshot is named; nothing was forgotten.")
    }
    let state = try readState()
    if options.snapshots.isEmpty { try requireCertainRecords(state) }
    let list = try snapshots(state)
    var plan = ForgetPlan()
    plan.problems = list.problems
    plan.divergences = state.divergences
    plan.amendments = state.log.amendments
    if options.snapshots.isEmpty {
      try decide(options, list.snapshots, now, &plan)
    } else {
      try name(options, list.snapshots, state, &plan)
    }
    return plan
  }

  private func decide(_ options: ForgetOptions, _ snapshots: [Snapshot], _ now: Timestamp, _ plan: inout ForgetPlan) throws {
    for group in options.grouping.groups(of: snapshots.filter(options.filter.matches)) {
      let retention = options.policy.apply(to: group.snapshots, now: now)
      let hasOthers = retention.kept.count > retention.fromTheFuture.count
      guard retention.removed.isEmpty || hasOthers || options.allowsRemovingAll else {
        let many = retention.removed.count == 1 ? "the only snapshot" : "all \(retention.removed.count) snapshots"
        let title = group.title.isEmpty ? "the repository" : group.title
        throw CairnError(
          .failed, "The policy would forget \(many) of \(title); nothing was forgotten, of no group.",
          guidance: "Look for a slip in the policy, or add --unsafe-allow-remove-all.")
      }
      plan.groups.append(ForgetPlan.Group(key: group, retention: retention))
      plan.removed += retention.removed
    }
    plan.sessions = plan.removed.map(\.id)
  }

  private func name(_ options: ForgetOptions, _ snapshots: [Snapshot], _ state: RepositoryState, _ plan: inout ForgetPlan) throws {
    let readable = Set(snapshots.map(\.id))
    let unreadable = Set(try committed(state).map(\.session)).subtracting(readable).filter { !state.log.isForgotten($0) }
    for text in options.snapshots {
      let id: SessionID
      if let session = SessionID(hex: text), unreadable.contains(session) {
        id = session
        plan.unreadable.append(text)
      } else {
        try requireUnambiguous(text, snapshots, unreadable, state.log)
        let snapshot = try SnapshotSelector.resolve(text, in: snapshots, filter: options.filter)
        id = snapshot.id
        plan.removed.append(snapshot)
      }
      guard !plan.sessions.contains(id) else { throw CairnError(.usage, "Snapshot \(id.hexadecimal.prefix(8)) is named twice.") }
      plan.sessions.append(id)
    }
  }

  /// Refuses the start of an id that a snapshot has which cannot be read, and says so of one that is forgotten already.
  private func requireUnambiguous(_ text: String, _ snapshots: [Snapshot], _ unreadable: Set<SessionID>, _ log: LogState) throws {
    let fits = { (session: SessionID) in !text.isEmpty && session.hexadecimal.hasPrefix(text) }
    if let session = unreadable.first(where: fits) {
      throw CairnError(
        .ambiguous, "\(text) is the start of the id of a snapshot that cannot be read: \(session.hexadecimal).",
        guidance: "Give all 32 digits of the snapshot that is meant.")
    }
    if !snapshots.contains(where: { fits($0.id) }), let session = log.forgottenIn.keys.first(where: fits) {
      throw CairnError(.notFound, "Snapshot \(session.hexadecimal.prefix(8)) is forgotten already.")
    }
  }

  /// Takes the plan's snapshots out of view. Their data stays until a prune has swept; until then `undoForget` brings them back.
  ///
  /// - Returns: how many were forgotten by this call: another program may have been faster.
  /// - Throws: `CairnError(.conflict)` for a plan that has grown stale, `.rolledBack` for one that was made from an older state of the
  ///   repository than this machine has seen, `.storage` where the storage would never let go of a snapshot; then nothing was forgotten.
  @discardableResult
  public func forget(_ plan: ForgetPlan) throws -> Int {
    try plan.divergences.requireNone("forgotten", at: location)
    try requireDeletable(plan.removed)
    var count = 0
    for start in stride(from: 0, to: plan.sessions.count, by: Limits.logSessions) {
      let part = plan.sessions[start..<min(plan.sessions.count, start + Limits.logSessions)]
      var chosen: [SessionID] = []
      try appendLog { log in
        if start == 0 { try plan.requireFresh(log) }
        chosen = part.filter { !log.isForgotten($0) && !log.isFoldedOut($0) }
        guard !chosen.isEmpty else { return nil }
        var record = LogRecord(next: log)
        record.forget = chosen
        return record
      }
      count += chosen.count
    }
    return count
  }
}

// MARK: Storages that only grow

extension Repository {
  /// Whoever may only add to a repository is not to take snapshots out of view.
  private func requireDeletable(_ snapshots: [Snapshot]) throws {
    for snapshot in snapshots {
      guard let hash = snapshot.object,
        let key = ObjectKey(kind: .snapshots, name: ManifestName(session: snapshot.id, hash: hash).name), storage.retains(key)
      else { continue }
      throw CairnError(
        .storage,
        "Snapshot \(snapshot.shortID) cannot be deleted: \(key.path) in \(storage.location) is immutable or may only be added to. "
          + "Nothing was forgotten.", guidance: "Run the command where the storage lets go of snapshots.")
    }
  }
}

// MARK: Undoing

/// Snapshots that are forgotten.
public struct ForgottenSnapshots: Sendable {
  /// Those that can be brought back, oldest first.
  public let snapshots: [Snapshot]
  /// Those whose data a prune may have swept: they are lost.
  public let lostIDs: [String]
  public let problems: [ItemProblem]
}

extension Repository {
  /// What was forgotten and is still known.
  public func forgottenSnapshots() throws -> ForgottenSnapshots {
    let state = try readState()
    let known = try committed(state).filter { state.log.isForgotten($0.session) && !state.log.isLost($0.session) }
    let list = try readSnapshots(known, state)
    let lost = state.log.forgottenIn.keys.filter(state.log.isLost).map(\.hexadecimal).sorted()
    return ForgottenSnapshots(snapshots: list.snapshots, lostIDs: lost, problems: list.problems)
  }

  /// Brings forgotten snapshots back.
  ///
  /// - Returns: how many this call brought back: another program may have been faster.
  /// - Throws: `CairnError(.failed)` when one of them is lost; then none of them comes back.
  @discardableResult
  public func undoForget(_ snapshots: [Snapshot]) throws -> Int {
    var count = 0
    for start in stride(from: 0, to: snapshots.count, by: Limits.logSessions) {
      let part = snapshots[start..<min(snapshots.count, start + Limits.logSessions)].map(\.id)
      var chosen: [SessionID] = []
      try appendLog { log in
        if let lost = part.first(where: log.isLost) { throw CairnError.lostSnapshot(lost.hexadecimal) }
        chosen = part.filter(log.isForgotten)
        guard !chosen.isEmpty else { return nil }
        var record = LogRecord(next: log)
        record.restore = chosen
        return record
      }
      count += chosen.count
    }
    return count
  }
}

extension LogState {
  /// Whether the snapshot was forgotten before the newest sweep: packs that only it needed may be gone.
  package func isLost(_ session: SessionID) -> Bool {
    if isFoldedOut(session) { return true }
    guard let record = forgottenIn[session], let newestSweep else { return false }
    return record < newestSweep
  }
}

extension CairnError {
  /// What is said of a forgotten snapshot that cannot come back.
  public static func lostSnapshot(_ id: String) -> CairnError {
    CairnError(
      .failed, "Snapshot \(id.prefix(8)) was forgotten before the last prune freed space: its data may be gone, so it cannot come back.")
  }
}
