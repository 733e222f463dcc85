package import CairnFormat
package import CairnStorage

extension SessionID {
  /// The id under whose register this session's run makes its hand-over of a number, counted from 1: random bytes that follow from
  /// the session, and its epoch.
  package func handOver(_ number: UInt32) -> SessionID {
    var text = ByteWriter()
    text.append("cairn-handover")
    text.identifier(self)
    text.u32(number)
    return SessionID(random: Array(SHA256Digest.hash(text.bytes).bytes.prefix(12)), epoch: epoch)
  }
}

extension Records {
  /// Writes a session's register unless there is one. An answer that got lost is resolved by reading the register back.
  ///
  /// - Returns: whether the register says what was to be written.
  package static func decide(_ session: SessionID, _ record: CommitRecord, _ storage: any Storage, _ keys: KeySet) throws -> Bool {
    let bytes = try seal(.commit, LogicalName.commit(session), keys, "a commit register") { try record.encode() }
    let key = try key(.commits, session.hexadecimal)
    if try storageCall("committing", { try storage.putIfAbsent(key, bytes) }) { return true }
    return try storageCall("reading the register back") { try storage.readAll(key, limit: Envelope.Kind.commit.maximumStoredBytes) }
      == bytes
  }

  /// Decides another's session for ever. Whoever does that ends its hand-overs first: once a session is decided, no more of its deltas
  /// come to count.
  ///
  /// - Parameter decision: `.revoked` or `.abandoned`.
  /// - Returns: what the session is decided as, which may be something else when it was faster.
  package static func resolve(
    _ session: SessionID, as decision: CommitRecord.Decision, _ storage: any Storage, _ keys: KeySet
  ) throws -> CommitRecord.Decision {
    var number: UInt32 = 1
    while try !decide(session.handOver(number), CommitRecord(decision: decision), storage, keys) {
      let found: CommitRecord.Decision?
      do { found = try commit(session.handOver(number), storage, keys).decision } catch let error as CairnError where error.code == .damaged
      {
        found = nil
      }
      // Somebody else has ended them, unless it is one of them, or perhaps one.
      guard found == .data || found == nil, number < .max else { break }
      number += 1
    }
    if try decide(session, CommitRecord(decision: decision), storage, keys) { return decision }
    return try commit(session, storage, keys).decision
  }
}
