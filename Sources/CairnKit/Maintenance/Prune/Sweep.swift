import CairnFormat
import CairnStorage
import CairnSystem

/// Ends what one record condemned: finds out which of its packs are needed after all, says so in the log, and deletes the others.
struct Sweep {
  let repository: Repository
  let context: RunContext
  /// The record that condemned; nil only folds.
  let condemned: UInt64?
  /// Sessions with a lower epoch are resolved.
  let bound: UInt32
  /// What was found needed when the packs were condemned, if that was in this run.
  let marked: Liveness?

  /// - Returns: false when another program has changed the log meanwhile: look again.
  func perform(_ report: inout PruneReport) throws -> Bool {
    let stored = try repository.storedPacks()
    let state = try repository.readState(forWriting: true)
    try state.requireFresh(at: repository.location)
    try state.log.requireReadable()
    if let problem = state.problems.first { throw Liveness.refusal("\(Escaping.terminal(problem.path)): \(problem.message)") }
    var record = LogRecord(next: state.log)
    var leaving = Set<PackName>()
    if let condemned {
      guard let packs = state.log.condemned[condemned] else { return false }
      let rescued = try needed(packs, state, stored)
      leaving = packs.subtracting(rescued)
      record.sweeps = [.init(record: condemned, packs: Array(leaving))]
      for name in rescued { report.rescued.add(stored[name] ?? 0) }
    }
    guard try append(&record, state, leaving, Set(stored.keys)) else { return false }
    for name in leaving.union(state.log.swept).sorted() {
      guard let size = stored[name], try repository.deleteObject(.packs, name.name) else { continue }
      report.deleted.add(size)
    }
    try repository.removeVoidObjects(&report)
    return true
  }

  /// On a disk with no room for a checkpoint the sweep alone is said.
  private func append(_ record: inout LogRecord, _ state: RepositoryState, _ leaving: Set<PackName>, _ stored: Set<PackName>) throws -> Bool
  {
    var full = record
    do {
      try CheckpointMaker(repository: repository, state: state, leaving: leaving, stored: stored, bound: bound).fill(&full)
      try storageCall("making the index durable") { try repository.storage.flush() }
    } catch let error as CairnError where error.code == .noSpace && condemned != nil {
      full = record
    }
    return try repository.tryAppend(full)
  }

  /// Those of the condemned packs that hold something needed of which there is no other copy.
  private func needed(_ packs: Set<PackName>, _ state: RepositoryState, _ stored: [PackName: UInt64]) throws -> Set<PackName> {
    if repository.breaks(.noRescue) { return [] }
    if let marked, let condemned, state.log.next == condemned + 1 {
      let existing = Set(state.acceptedManifests.map(\.0).filter { !state.log.isForgotten($0) })
      if existing.isSubset(of: marked.snapshots) { return [] }
    }
    // Read anew, with the condemned packs in it: what is needed may lie nowhere else.
    let liveness = try Liveness.mark(try repository.loadView(state, forWriting: false), context)
    let others = state.log.condemned.values.reduce(into: Set<PackName>()) { $0.formUnion($1) }
    var rescued = Set<PackName>()
    let index = liveness.view.index
    try index.forEachEntry(isUsable: { _, _ in true }) { _, entry, _, ordinal, isFirst in
      guard isFirst, liveness.live.contains(ordinal) else { return }
      let places = try index.locations(entry.key).map(\.frame.pack)
      // A copy that has been lost since is none.
      if places.allSatisfy({ others.contains($0.packName) || stored[$0.packName] != $0.size }) {
        rescued.formUnion(places.map(\.packName).filter(packs.contains))
      }
    }
    return rescued
  }
}

extension Repository {
  /// Every pack in the storage with its size.
  func storedPacks() throws -> [PackName: UInt64] {
    var packs: [PackName: UInt64] = [:]
    try storageCall("listing the packs") {
      try storage.list(.packs) { key, size in if let name = PackName(key.name) { packs[name] = size } }
    }
    return packs
  }

  /// - Returns: false when it was gone already.
  func deleteObject(_ kind: ObjectKey.Kind, _ name: String) throws -> Bool {
    guard let key = ObjectKey(kind: kind, name: name) else { return false }
    return try storageCall("deleting \(key.path)") {
      do {
        try storage.delete(key)
        return true
      } catch StorageError.notFound { return false }
    }
  }

  /// Deletes what the newest checkpoint has made void (FORMAT.md, "Maintenance"). Repeating it is harmless, and so is any order.
  func removeVoidObjects(_ report: inout PruneReport) throws {
    let log = try LogState.readComplete(storage, keys: keys)
    let index = Set(log.index)
    var void: [(ObjectKey.Kind, String)] = []
    func collect(_ kind: ObjectKey.Kind, _ isVoid: (String) -> Bool) throws {
      try storageCall("listing \(kind.rawValue)") {
        try storage.list(kind) { key, _ in if isVoid(key.name) { void.append((kind, key.name)) } }
      }
    }
    try collect(.sessions) { SessionID(hex: $0).map(log.isFolded) ?? false }
    try collect(.commits) { SessionID(hex: $0).map(log.isFolded) ?? false }
    try collect(.snapshots) { name in
      ManifestName(name).map { log.isFolded($0.session) && log.foldedAccepted[$0.session] != $0.hash } ?? false
    }
    try collect(.index) { name in DeltaName(name).map { log.isFolded($0.session) && !index.contains(name) } ?? false }
    try collect(.log) { name in Hexadecimal.number64(name).map { $0 < log.start } ?? false }
    void += try Ownerless.find(self).index.map { (.index, $0) }
    for (kind, name) in void where try deleteObject(kind, name) { report.smallObjectsDeleted += 1 }
    try storageCall("making deletions durable") { try storage.flush() }
  }
}
