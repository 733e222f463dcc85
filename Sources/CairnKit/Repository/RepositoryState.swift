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
  /// How it falls behind what this machine has seen before; set by `Repository.readState`.
  package var divergences: [Divergence] = []

  /// Reads everything: the log first, then the registers (FORMAT.md, "Write order, read order").
  ///
  /// Single objects that are damaged become problems of the state. A checkpoint that is written meanwhile may take registers away that
  /// were still to be read, so the log is looked at once more and all of it read again if it has grown.
  /// - Parameter forWriting: a register that the storage cannot read ends it: a writer would store again what is there.
  package static func read(_ storage: any Storage, keys: KeySet, forWriting: Bool = false) throws -> RepositoryState {
    for _ in 0..<LogState.maximumReadings {
      let state = try readOnce(storage, keys: keys, forWriting: forWriting)
      if try LogState.length(storage) == state.log.next { return state }
    }
    throw LogState.isRestless
  }

  private static func readOnce(_ storage: any Storage, keys: KeySet, forWriting: Bool) throws -> RepositoryState {
    var state = RepositoryState()
    state.log = try LogState.read(storage, keys: keys, problems: &state.problems)
    for session in try registered(storage).sorted() where !state.log.isFolded(session) {
      do {
        state.registers[session] = try Records.commit(session, storage, keys)
      } catch let error as CairnError where error.code == .damaged || (error.concernsOneObject && !forWriting) {
        state.unreadableRegisters.append(session)
        state.problems.append(ItemProblem(path: Array("commits/\(session.hexadecimal)".utf8), during: "reading", message: error.message))
      }
    }
    return state
  }

  /// The sessions that have a register.
  ///
  /// While registers are added, a listing may show one and miss an earlier one that it builds on. What is listed twice is complete: all
  /// that was there before the first listing ended is in the second.
  private static func registered(_ storage: any Storage) throws -> Set<SessionID> {
    func list() throws -> Set<SessionID> {
      var sessions = Set<SessionID>()
      try storageCall("listing the commit registers") {
        try storage.list(.commits) { key, _ in
          if let session = SessionID(hex: key.name) { sessions.insert(session) }
        }
      }
      return sessions
    }
    var sessions = try list()
    for _ in 0..<LogState.maximumReadings {
      let again = try list()
      if again == sessions { return sessions }
      sessions = again
    }
    throw LogState.isRestless
  }

  /// Whether the session's register decides that what it wrote counts.
  package func isAccepted(_ session: SessionID) -> Bool {
    guard let register = registers[session] else { return false }
    return register.decision == .snapshot || register.decision == .data
  }

  /// Whether a register exists, readable or not, or a checkpoint covers the session.
  package func isDecided(_ session: SessionID) -> Bool {
    registers[session] != nil || log.isFolded(session) || unreadableRegisters.contains(session)
  }

  /// Snapshots that exist, forgotten ones included, with the digests of their manifests. Those of unreadable registers are not known.
  package var acceptedManifests: [(SessionID, ObjectHash)] {
    log.foldedAccepted.map { ($0.key, $0.value) }
      + registers.compactMap { session, register in
        register.decision == .snapshot ? register.manifest.map { (session, $0) } : nil
      }
  }

  /// Names of the index objects that count (FORMAT.md, "What counts").
  package var countingDeltas: Set<String> {
    var names = Set(log.index)
    names.formUnion(log.deltas)
    for (session, register) in registers where isAccepted(session) { names.formUnion(register.deltas) }
    return names
  }
}
