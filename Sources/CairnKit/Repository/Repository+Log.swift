package import CairnFormat
import CairnStorage
import CairnSystem

extension LogRecord {
  /// A record that follows the log as it stands, by this program on this machine; it has an owner of its own, and says nothing yet.
  package init(next log: LogState) {
    self.init(
      index: log.next, previous: log.head,
      owner: SessionID(random: SystemRandom.bytes(12), epoch: UInt32(truncatingIfNeeded: log.next)), time: Timestamp(SystemClock.now()))
    start = log.start
    host = Array(Host.name.utf8)
    user = Array(Host.userName.utf8)
    programVersion = CairnKit.programVersion
  }
}

extension Repository {
  /// Appends a record to the maintenance log, retrying when another writer took the place.
  ///
  /// - Parameter make: builds the record for the log as it stands, from `LogRecord(next:)`; called again for each try; nil = nothing to
  ///   do any more.
  package func appendLog(_ make: (LogState) throws -> LogRecord?) throws {
    for _ in 0..<1000 {
      let state = try LogState.readComplete(storage, keys: keys)
      guard let record = try make(state) else { return }
      if try tryAppend(record) { return }
    }
    throw CairnError(.conflict, "Other programs keep writing to the maintenance log.", guidance: "Run the command again.")
  }

  /// Puts one record in its place, if nobody else has taken it.
  ///
  /// A place below the newest checkpoint may be free again, because what lay there was deleted: a record put there says nothing to
  /// anybody. So the log is looked at once more, and the record counts only if it is in the chain.
  /// - Returns: whether it counts.
  package func tryAppend(_ record: LogRecord) throws -> Bool {
    try requireWritable()
    var record = record
    record.sortSets()
    let bytes: [UInt8]
    do {
      bytes = try Envelope.seal(
        .log, logicalName: LogicalName.log(record.index), plaintext: record.encode(), nonce: SystemRandom.bytes(24), keys: keys)
    } catch {
      throw CairnError(.failed, "The log record cannot be written: \(error).")
    }
    guard let key = ObjectKey(kind: .log, name: Records.logName(record.index)) else { throw CairnError(.failed, "The log is full.") }
    guard try putRecord(key, bytes) else { return false }
    var problems: [ItemProblem] = []
    let log = try LogState.read(storage, keys: keys, problems: &problems)
    // Those before it need not be read: a repair goes on after them. One after it may be the checkpoint that makes it void.
    if let later = log.unreadable.first(where: { $0 > record.index }) {
      throw CairnError(
        .damaged, "log/\(Records.logName(later)) cannot be read, so it is not known whether log/\(key.name) counts.",
        guidance: "Run 'cairn check', then 'cairn repair index'.")
    }
    guard log.digests[record.index] == SHA256Digest.hash(bytes) else { return false }
    remember(log)
    return true
  }

  /// What is kept of the reserve for the records that a prune puts after the one at hand.
  static let recordReserve = 256 << 10

  /// On a full disk the reserve is given up for it: it is what frees space in the end.
  private func putRecord(_ key: ObjectKey, _ bytes: [UInt8]) throws -> Bool {
    let put = { () throws -> Bool in
      if try bytes.withUnsafeBytes({ try self.storage.putIfAbsent(key, $0) }) { return true }
      // Our own, if the answer to an earlier attempt was lost on its way.
      do { return try self.storage.readAll(key, limit: Envelope.Kind.log.maximumStoredBytes) == bytes } catch StorageError.notFound {
        return false  // another's, and taken away by a checkpoint since
      }
    }
    return try storageCall("appending to the maintenance log") {
      for kept in [Self.recordReserve, 0] {
        do { return try put() } catch StorageError.noSpace { _ = try storage.releaseReserve(keeping: kept) }
      }
      return try put()
    }
  }
}
