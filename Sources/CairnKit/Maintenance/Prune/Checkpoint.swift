import CairnFormat
import CairnStorage

/// Makes the checkpoint that goes with a sweep: one record that says everything again which is still true, so that all before it can go.
struct CheckpointMaker {
  let repository: Repository
  let state: RepositoryState
  /// Packs that the same record sweeps.
  let leaving: Set<PackName>
  /// Packs in the storage.
  let stored: Set<PackName>
  /// Sessions with a lower epoch are resolved.
  let bound: UInt32

  /// Index objects below this size are put together.
  private static let smallBytes: UInt64 = 4 << 20
  /// Swept packs that index objects may go on naming before all of them are written anew.
  private static let sweptLimit = 1 << 16

  private var log: LogState { state.log }

  /// Fills in a record that already has its sweeps. Writes index objects in the name of its owner.
  ///
  /// - Throws: `CairnError(.damaged)` when an index object that counts cannot be read.
  func fill(_ record: inout LogRecord) throws {
    let counting = indexObjects()
    let gone = log.swept.union(leaving)
    let sizes = try sizes(of: counting)
    let isCrowded = gone.count > Self.sweptLimit
    var small = sizes.filter { $0.value < Self.smallBytes || isCrowded }.map(\.key).sorted()
    if small.count == 1, gone.isEmpty { small = [] }
    let kept = counting.subtracting(small)
    let written = try write(small, without: gone, as: record.owner)
    // Large objects may still name packs that went earlier; others are only told of as long as their bytes lie there.
    let swept = kept.isEmpty ? log.swept.intersection(stored) : log.swept
    record.checkpoint = .init(
      index: Array(kept) + written, below: bound,
      accepted: state.acceptedManifests.filter { keeps($0.0) && $0.0.epoch < bound }
        .map { ManifestName(session: $0.0, hash: $0.1) }, swept: Array(swept.subtracting(leaving)))
    record.start = record.index
    let existing = Set(state.acceptedManifests.map(\.0)).filter { $0.epoch >= bound || keeps($0) }
    record.forget = log.forgottenIn.keys.filter { $0.epoch >= bound || existing.contains($0) }
    record.amend = log.amendments.values.filter { existing.contains($0.session) }
  }

  /// Whether the snapshot is to be known as before: where nothing is given up, what was forgotten can still be brought back.
  private func keeps(_ session: SessionID) -> Bool {
    let hasRoom = state.acceptedManifests.count + log.forgottenIn.count <= Limits.logSessions
    return !log.isForgotten(session) || (leaving.isEmpty && hasRoom && !log.isLost(session))
  }

  /// All that count, but for those that registers of sessions which are not folded go on naming.
  private func indexObjects() -> Set<String> {
    var names = Set(log.index)
    names.formUnion(log.deltas)
    for (session, register) in state.registers where state.isAccepted(session) && session.epoch < bound {
      names.formUnion(register.deltas)
    }
    return names
  }

  private func sizes(of names: Set<String>) throws -> [String: UInt64] {
    var sizes: [String: UInt64] = [:]
    try storageCall("listing the index") {
      try repository.storage.list(.index) { key, size in if names.contains(key.name) { sizes[key.name] = size } }
    }
    if let lost = names.first(where: { sizes[$0] == nil }) { throw Liveness.refusal("index/\(lost) is missing.") }
    return sizes
  }

  /// Puts the packs of index objects into as few new ones as hold them.
  private func write(_ names: [String], without gone: Set<PackName>, as owner: SessionID) throws -> [String] {
    var writer = IndexObjectWriter(repository: repository, owner: owner)
    var seen = Set<PackName>()
    for name in names {
      for pack in try Records.delta(name, repository.storage, repository.keys).packs {
        let identity = PackName(hash: pack.hash, owner: pack.owner)
        if !gone.contains(identity), seen.insert(identity).inserted { try writer.add(pack) }
      }
    }
    return try writer.finish()
  }
}
