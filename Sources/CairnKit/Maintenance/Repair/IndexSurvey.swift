import CairnFormat
import CairnStorage
import CairnSystem

/// What the index objects name, held against the packs that are there.
struct IndexSurvey {
  let repository: Repository
  /// Every pack in the storage.
  let stored: [PackName: UInt64]
  /// Packs that the index is not to name: given up earlier, or about to be.
  let leaving: Set<PackName>
  /// Sessions with a lower epoch are folded by the checkpoint that is to be made.
  let bound: UInt64

  /// Index objects that stay as they are.
  private(set) var kept: [String] = []
  /// Those of which a part goes.
  private(set) var rewritten: [String] = []
  /// Those of `rewritten` that have lost a pack.
  private(set) var partial: Set<String> = []
  private(set) var damaged: [(key: ObjectKey, what: String)] = []
  /// Packs that index objects name for certain and that are gone.
  private(set) var missing: Set<PackName> = []
  /// Packs that no index object names, and that can be read.
  private(set) var unnamed: [PackName] = []
  /// Those that cannot be read.
  private(set) var unreadable: [(key: ObjectKey, what: String)] = []
  private var named: Set<PackName> = []

  /// An index of more objects than these is written anew.
  private static let crowd = 4096

  /// - Parameters:
  ///   - records: what is known to count; where it is not complete, all index objects that prove themselves do.
  ///   - adding: index objects that are to count from now on.
  init(_ records: RecordSurvey, leaving: Set<PackName>, adding: [String] = [], bound: UInt64, _ context: RunContext) throws {
    repository = records.repository
    stored = try repository.storedPacks()
    self.leaving = leaving.union(records.state.log.swept)
    self.bound = bound
    let certain = records.state.countingDeltas.union(adding)
    let present = try objects()
    for name in present.union(certain).sorted() {
      try context.cancellation.check()
      guard let parsed = DeltaName(name) else { continue }
      let counts = certain.contains(name) || (!records.isComplete && !records.state.log.isFolded(parsed.session))
      if counts { try look(at: name, parsed, isCertain: certain.contains(name), isPresent: present.contains(name)) }
    }
    if kept.count > Self.crowd { (kept, rewritten) = ([], rewritten + kept) }
    try findUnnamed(records, context)
  }

  private func objects() throws -> Set<String> {
    var names = Set<String>()
    try storageCall("listing the index") {
      try repository.storage.list(.index) { key, _ in if DeltaName(key.name) != nil { names.insert(key.name) } }
    }
    return names
  }

  private mutating func look(at name: String, _ parsed: DeltaName, isCertain: Bool, isPresent: Bool) throws {
    let result = try ObjectFault.catching { try Records.delta(name, repository.storage, repository.keys) }
    switch result {
    case .failure(let fault):
      guard let key = ObjectKey(kind: .index, name: name) else { return }
      damaged.append((key, isPresent ? fault.predicate(of: key.path) : "is missing"))
    case .success(let delta):
      var isWhole = true
      for pack in delta.packs {
        let pack = PackName(hash: pack.hash, owner: pack.owner)
        if leaving.contains(pack) {
          isWhole = false
        } else if stored[pack] == nil {
          isWhole = false
          if isCertain { missing.insert(pack) }
        } else {
          named.insert(pack)
        }
      }
      // A register that is not folded goes on naming it, whatever it holds.
      guard UInt64(parsed.session.epoch) < bound else { return }
      if isWhole {
        kept.append(name)
      } else {
        rewritten.append(name)
        partial.insert(name)
      }
    }
  }

  private mutating func findUnnamed(_ records: RecordSurvey, _ context: RunContext) throws {
    for (name, size) in stored.sorted(by: { $0.key < $1.key }) {
      guard !named.contains(name), !leaving.contains(name), UInt64(name.owner.epoch) < bound, !records.isOpen(name.owner),
        let key = ObjectKey(kind: .packs, name: name.name)
      else { continue }
      try context.cancellation.check()
      let result = try ObjectFault.catching {
        _ = try PackFile.read(key, size: size, storage: repository.storage, keys: repository.keys, .damagedTrailer)
      }
      switch result {
      case .success: unnamed.append(name)
      case .failure(let fault): unreadable.append((key, fault.predicate(of: key.path)))
      }
    }
  }

  // MARK: - Writing

  /// Writes what is not kept as index objects of an owner.
  func write(as owner: SessionID, _ context: RunContext) throws -> [String] {
    var writer = IndexObjectWriter(repository: repository, owner: owner)
    var seen = Set<PackName>()
    for name in rewritten {
      for pack in try Records.delta(name, repository.storage, repository.keys).packs {
        let identity = PackName(hash: pack.hash, owner: pack.owner)
        guard !leaving.contains(identity), stored[identity] != nil, seen.insert(identity).inserted else { continue }
        try writer.add(pack)
      }
    }
    for name in unnamed where seen.insert(name).inserted {
      try context.cancellation.check()
      guard let key = ObjectKey(kind: .packs, name: name.name), let size = stored[name] else { continue }
      try writer.add(try PackFile.read(key, size: size, storage: repository.storage, keys: repository.keys, .damagedTrailer))
    }
    return try writer.finish()
  }
}

/// Writes index objects in the name of a maintenance run, each of as many packs as it holds.
struct IndexObjectWriter {
  let repository: Repository
  let owner: SessionID
  private var packs: [IndexedPack] = []
  private var members = 0
  private var written: [String] = []
  /// Blobs in an index object.
  private static let limit = 1 << 20

  private var next: UInt32 = 0

  init(repository: Repository, owner: SessionID) {
    self.repository = repository
    self.owner = owner
  }

  mutating func add(_ pack: IndexedPack) throws {
    if members + pack.memberCount > Self.limit { try flush() }
    packs.append(pack)
    members += pack.memberCount
  }

  /// - Returns: the names of all objects written.
  mutating func finish() throws -> [String] {
    try flush()
    return written
  }

  private mutating func flush() throws {
    guard !packs.isEmpty else { return }
    let delta = IndexDelta(session: owner, sequence: next, packs: packs)
    let bytes = try Records.seal(.delta, LogicalName.delta(owner, next), repository.keys, "an index object") { try delta.encode() }
    let name = DeltaName(session: owner, sequence: next, hash: SHA256Digest.hash(bytes)).name
    try Records.put(.index, name, bytes, repository.storage)
    written.append(name)
    next += 1
    (packs, members) = ([], 0)
  }
}
