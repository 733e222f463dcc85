import CairnFormat
import CairnStorage

/// Objects of sessions that have neither a register nor an announcement, and whose time to get one has passed.
///
/// Index objects are left by maintenance that was interrupted before its record: it announces nothing. A manifest is evidence that a
/// register was lost, because a backup takes its announcement back only after it was decided.
struct Ownerless {
  /// Index objects that do not count, of sessions without a manifest.
  private(set) var index: [String] = []
  private(set) var manifests: [SessionID] = []

  /// Lists in the order in which no backup escapes: it announces itself before it stores anything.
  ///
  /// - Throws: `CairnError(.damaged)` when a record of the log cannot be read, if only this once: what it names would seem to be nobody's.
  static func find(_ repository: Repository) throws -> Ownerless {
    let storage = repository.storage
    var deltas: [DeltaName] = []
    var manifests: [SessionID] = []
    var announced = Set<SessionID>()
    try storageCall("looking for what interrupted runs have left") {
      try storage.list(.index) { key, _ in if let name = DeltaName(key.name) { deltas.append(name) } }
      try storage.list(.snapshots) { key, _ in if let name = ManifestName(key.name) { manifests.append(name.session) } }
      try storage.list(.sessions) { key, _ in if let session = SessionID(hex: key.name) { announced.insert(session) } }
    }
    let state = try repository.readState()
    try state.log.requireReadable()
    let counting = state.countingDeltas
    // Maintenance of a later epoch may still be about to put its record.
    let isOwnerless = { (session: SessionID) -> Bool in
      !announced.contains(session) && !state.isDecided(session) && UInt64(session.epoch) < state.log.next
    }
    var found = Ownerless()
    // Maintenance stores none.
    found.manifests = manifests.filter { !announced.contains($0) && !state.isDecided($0) }.sorted()
    let lost = Set(found.manifests)
    found.index = deltas.filter { isOwnerless($0.session) && !counting.contains($0.name) && !lost.contains($0.session) }.map(\.name)
    return found
  }

  /// Refuses to take the data of a snapshot for garbage whose register is gone.
  func requireRegisters() throws {
    guard let session = manifests.first else { return }
    let name = session.hexadecimal
    throw Liveness.refusal("commits/\(name) is missing, while the manifest of snapshot \(name.prefix(8)) is there.")
  }
}
