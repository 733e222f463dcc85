package import CairnFormat
package import CairnStorage

extension Records {
  /// Writes a session's register unless there is one. An answer that got lost is resolved by reading the register back.
  ///
  /// - Returns: whether the register says what was to be written.
  package static func decide(_ session: SessionID, _ record: CommitRecord, _ storage: any Storage, _ keys: KeySet) throws -> Bool {
    let bytes = try seal(.commit, LogicalName.commit(session), keys, "a commit register") { try record.encode() }
    let key = try key(.commits, session.hexadecimal)
    if try storageCall("committing", { try storage.putIfAbsent(key, bytes) }) { return true }
    return try storageCall("reading the register back") {
      do { return try storage.readAll(key, limit: Envelope.Kind.commit.maximumStoredBytes) == bytes } catch StorageError.notFound {
        return false  // revoked, and taken away by a checkpoint since
      }
    }
  }

  /// Decides another's session for ever. Whoever does that ends its hand-overs first: once a session is decided, no more of its deltas
  /// come to count.
  ///
  /// - Parameter decision: `.revoked` or `.abandoned`.
  /// - Returns: what the session is decided as, which may be something else when it was faster; nil when that cannot be read.
  package static func resolve(
    _ session: SessionID, as decision: CommitRecord.Decision, _ storage: any Storage, _ keys: KeySet
  ) throws -> CommitRecord.Decision? {
    var number: UInt32 = 1
    while try !decide(session.handOver(number), CommitRecord(decision: decision), storage, keys) {
      let found = try Self.decision(session.handOver(number), storage, keys)
      // Somebody else has ended them, unless it is one of them, or perhaps one.
      guard found == .data || found == nil, number < .max else { break }
      number += 1
    }
    if try decide(session, CommitRecord(decision: decision), storage, keys) { return decision }
    return try Self.decision(session, storage, keys)
  }

  /// What a register that was there says; nil when it cannot be read.
  private static func decision(_ session: SessionID, _ storage: any Storage, _ keys: KeySet) throws -> CommitRecord.Decision? {
    do { return try commit(session, storage, keys).decision } catch let error as CairnError where error.code == .damaged {
      let key = try key(.commits, session.hexadecimal)
      return try storageCall("looking for a commit register") { try storage.exists(key) } ? nil : .revoked
    }
  }
}

extension RepositoryState {
  /// Index objects that lie in the storage and that a register which cannot be read may name: those of its session, and of the session
  /// whose hand-over it is.
  package func deltasBehindUnreadableRegisters(_ storage: any Storage) throws -> [String] {
    guard !unreadableRegisters.isEmpty else { return [] }
    let unreadable = Set(unreadableRegisters)
    var counts: [SessionID: UInt32] = [:]
    let names = try Repository.deltaNames(storage)
    for name in names { counts[name.session, default: 0] += 1 }
    let owners = counts.filter { session, count in
      // The first hand-over may name nothing and each after it names a delta, a few of which may be lost.
      unreadable.contains(session) || (1...count + 16).contains { unreadable.contains(session.handOver($0)) }
    }
    return names.filter { owners[$0.session] != nil }.map(\.name)
  }
}

extension Repository {
  /// All index objects that lie in the storage, whether they count or not.
  static func deltaNames(_ storage: any Storage) throws -> [DeltaName] {
    var found: [DeltaName] = []
    try storageCall("listing the index") {
      try storage.list(.index) { key, _ in
        if let name = DeltaName(key.name) { found.append(name) }
      }
    }
    return found
  }
}
