import CairnFormat
import CairnStorage

/// What the log, the registers, the announcements and the manifests say, as far as they can be read, and what of them cannot.
struct RecordSurvey {
  let repository: Repository
  let state: RepositoryState
  /// Snapshots that exist, forgotten ones included.
  private(set) var accepted: [SessionID: ObjectHash] = [:]
  /// Those of them for which nothing speaks any more but their manifests.
  private(set) var readmitted: Set<SessionID> = []
  /// Objects that cannot be used, with what is wrong with them.
  private(set) var damaged: [(key: ObjectKey, what: String)] = []
  /// Announcements among them whose sessions nobody has decided.
  private(set) var unknownSessions: Set<SessionID> = []
  /// Whether something is lost that could have said which index objects and packs count.
  private(set) var isComplete = true
  /// One more than the highest index a record may have had, by what was written afterwards.
  private(set) var logLength: UInt64
  private var announced: Set<SessionID> = []

  /// Whether a session is announced and nobody has decided it: what it stores may come to count.
  func isOpen(_ session: SessionID) -> Bool { announced.contains(session) && !state.isDecided(session) }

  private var storage: any Storage { repository.storage }

  /// - Parameter own: maintenance runs whose index objects are about to count.
  init(_ repository: Repository, own: Set<SessionID> = []) throws {
    self.repository = repository
    state = try repository.readState()
    logLength = state.log.next
    for (session, hash) in state.acceptedManifests { accepted[session] = hash }
    try surveyAnnouncements()
    try surveyLog()
    try surveyRegisters()
    try surveyManifests()
    try surveyOwners(own)
  }

  /// Snapshots that a record has forgotten, as far as records can be read.
  func isForgotten(_ session: SessionID) -> Bool { state.log.isForgotten(session) }

  private mutating func surveyAnnouncements() throws {
    for session in try sessions(in: .sessions) {
      let result = try ObjectFault.catching { _ = try Records.session(session, storage, repository.keys) }
      switch result {
      case .success:
        announced.insert(session)
        noteEpoch(session)
      case .failure(let fault):
        try note(.sessions, session.hexadecimal, fault)
        if !state.isDecided(session) { unknownSessions.insert(session) }
      }
    }
  }

  private mutating func surveyLog() throws {
    var names: [String] = []
    try storageCall("listing the maintenance log") { try storage.list(.log) { key, _ in names.append(key.name) } }
    for name in names {
      guard let number = Hexadecimal.number64(name) else { continue }
      let result = try ObjectFault.catching { _ = try Records.log(number, storage, repository.keys) }
      if case .failure(let fault) = result { try note(.log, name, fault) }
    }
    if !state.log.unreadable.isEmpty { isComplete = false }
  }

  private mutating func surveyRegisters() throws {
    for session in state.registers.keys { noteEpoch(session) }
    for session in state.unreadableRegisters.sorted() {
      isComplete = false
      let result = try ObjectFault.catching { _ = try Records.commit(session, storage, repository.keys) }
      if case .failure(let fault) = result { try note(.commits, session.hexadecimal, fault) }
    }
  }

  /// Accepts manifests that prove themselves where the register that named them is gone or cannot be read.
  private mutating func surveyManifests() throws {
    var names: [ManifestName] = []
    try storageCall("listing the snapshots") {
      try storage.list(.snapshots) { key, _ in if let name = ManifestName(key.name) { names.append(name) } }
    }
    var newest: [SessionID: Timestamp] = [:]
    for name in names.sorted(by: { ($0.session, $0.hash) < ($1.session, $1.hash) }) {
      let session = name.session
      guard state.registers[session] == nil, !state.log.isFolded(session), !announced.contains(session) else { continue }
      let result = try ObjectFault.catching { () -> Manifest in
        let manifest = try Records.manifest(session, name.hash, storage, repository.keys)
        guard manifest.session == session else { throw ObjectFault(what: "is the manifest of another session") }
        return manifest
      }
      isComplete = false
      switch result {
      case .failure(let fault): try note(.snapshots, name.name, fault)
      case .success(let manifest):
        if let other = newest[session], other > manifest.time { continue }
        newest[session] = manifest.time
        accepted[session] = name.hash
        readmitted.insert(session)
        noteEpoch(session)
      }
    }
  }

  /// A session that stored something and of which neither register nor announcement is left.
  private mutating func surveyOwners(_ own: Set<SessionID>) throws {
    var owners = Set<SessionID>()
    // What speaks of records that are gone: the run that put them had stored it before. All of it, as some may be damaged.
    var late: [(epoch: UInt32, key: ObjectKey, size: UInt64)] = []
    try storageCall("listing the index") {
      try storage.list(.index) { key, size in
        guard let owner = DeltaName(key.name)?.session else { return }
        owners.insert(owner)
        if UInt64(owner.epoch) > logLength { late.append((owner.epoch, key, size)) }
      }
    }
    try storageCall("listing the packs") {
      try storage.list(.packs) { key, size in
        guard let owner = PackName(key.name)?.owner else { return }
        owners.insert(owner)
        if UInt64(owner.epoch) > logLength { late.append((owner.epoch, key, size)) }
      }
    }
    try noteLatest(late)
    let isLost = owners.contains { !state.isDecided($0) && !state.log.owners.contains($0) && !announced.contains($0) && !own.contains($0) }
    if isLost || logLength > state.log.next { isComplete = false }
  }

  /// The greatest epoch of which an object proves itself: anybody can make up names.
  private mutating func noteLatest(_ late: [(epoch: UInt32, key: ObjectKey, size: UInt64)]) throws {
    for (epoch, key, size) in late.sorted(by: { $0.epoch > $1.epoch }) {
      let result = try ObjectFault.catching {
        if key.kind == .index {
          _ = try Records.delta(key.name, storage, repository.keys)
        } else {
          _ = try PackFile.read(key, size: size, storage: storage, keys: repository.keys, .damagedTrailer)
        }
      }
      guard case .success = result else { continue }
      logLength = max(logLength, UInt64(epoch))
      return
    }
  }

  private func sessions(in kind: ObjectKey.Kind) throws -> [SessionID] {
    var sessions: [SessionID] = []
    try storageCall("listing \(kind.rawValue)") {
      try storage.list(kind) { key, _ in if let session = SessionID(hex: key.name) { sessions.append(session) } }
    }
    return sessions.sorted()
  }

  private mutating func noteEpoch(_ session: SessionID) { logLength = max(logLength, UInt64(session.epoch)) }

  /// Gone meanwhile is not damaged.
  private mutating func note(_ kind: ObjectKey.Kind, _ name: String, _ fault: ObjectFault) throws {
    guard let key = ObjectKey(kind: kind, name: name), try storageCall("looking for \(name)", { try storage.exists(key) }) else { return }
    damaged.append((key, fault.predicate(of: key.path)))
  }
}
