/// What makes backups and maintenance safe beside each other (FORMAT.md, "Protocol").
///
/// Debug builds can switch each of them off, so that a simulation can show that it would notice: a rule whose absence loses nothing
/// is either not needed or not tested.
package enum SafetyRule: String, CaseIterable, Hashable, Sendable {
  /// A writer announces its session before it reads the repository. Broken: the other way round.
  case listBeforeSession
  /// A sweep waits until every session that may know the condemned packs is decided. Broken: it takes no notice of them.
  case ignoreOpenSessions
  /// A sweep keeps packs that became live after they were condemned. Broken: it deletes all that were condemned.
  case noRescue
  /// A session that was revoked cannot commit. Broken: it does.
  case noFence
  /// A backup whose session was revoked looks up again everything that it refers to. Broken: it goes on believing what it knew.
  case noRevalidation
  /// The session stays undecided until the snapshot is committed. Broken: a hand-over decides it.
  case releaseAnchorAtHandOver
  /// An index delta that no register or record names does not exist. Broken: it counts as soon as it lies there.
  case seeUncommitted
}

extension OpenOptions {
  /// Whether a rule is switched off; never in release builds.
  @inline(__always)
  package func breaks(_ rule: SafetyRule) -> Bool {
    #if FAULT_INJECTION
      brokenRules.contains(rule)
    #else
      false
    #endif
  }
}

extension Repository {
  /// Whether a rule is switched off; never in release builds.
  @inline(__always)
  package func breaks(_ rule: SafetyRule) -> Bool { options.breaks(rule) }
}
