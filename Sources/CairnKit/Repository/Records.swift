package import CairnFormat
package import CairnStorage

/// Reading single small objects, with errors that name them.
package enum Records {
  package static func logName(_ number: UInt64) -> String { Hexadecimal.encode(number) }

  /// Reads an object whole.
  package static func bytes(_ kind: ObjectKey.Kind, _ name: String, limit: Int, _ storage: any Storage) throws -> [UInt8] {
    guard let key = ObjectKey(kind: kind, name: name) else { throw CairnError(.damaged, "A record names an impossible object.") }
    return try storageCall("reading \(kind.rawValue)/\(name)") { try storage.readAll(key, limit: limit) }
  }

  /// Reads an object that is an envelope and decodes it.
  package static func open<R>(
    _ kind: ObjectKey.Kind, _ name: String, _ envelope: Envelope.Kind, logicalName: String, _ storage: any Storage, _ keys: KeySet,
    expecting hash: ObjectHash? = nil, decode: ([UInt8]) throws -> R
  ) throws -> R {
    let object = try bytes(kind, name, limit: envelope.maximumStoredBytes, storage)
    if let hash, SHA256Digest.hash(object) != hash {
      throw CairnError.damaged("\(kind.rawValue)/\(name)", .authenticationFailed)
    }
    do {
      return try decode(Envelope.open(envelope, logicalName: logicalName, object, keys: keys))
    } catch let error as FormatError {
      throw CairnError.damaged("\(kind.rawValue)/\(name)", error)
    }
  }

  package static func commit(_ session: SessionID, _ storage: any Storage, _ keys: KeySet) throws -> CommitRecord {
    let name = session.hexadecimal
    return try open(.commits, name, .commit, logicalName: LogicalName.commit(session), storage, keys) { try CommitRecord.decode($0) }
  }

  package static func session(_ session: SessionID, _ storage: any Storage, _ keys: KeySet) throws -> SessionRecord {
    let name = session.hexadecimal
    return try open(.sessions, name, .session, logicalName: LogicalName.session(session), storage, keys) { try SessionRecord.decode($0) }
  }

  package static func manifest(_ session: SessionID, _ hash: ObjectHash, _ storage: any Storage, _ keys: KeySet) throws -> Manifest {
    let name = session.hexadecimal
    return try open(
      .snapshots, "\(name)-\(hash.hexadecimal)", .manifest, logicalName: LogicalName.manifest(session), storage, keys, expecting: hash
    ) { try Manifest.decode($0) }
  }

  /// Reads a delta by its object name `<session>-<sequence>-<sha256>`.
  package static func delta(_ name: String, _ storage: any Storage, _ keys: KeySet) throws -> IndexDelta {
    guard let parts = DeltaName(name) else { throw CairnError(.damaged, "A register names an impossible index object.") }
    return try open(
      .index, name, .delta, logicalName: parts.logicalName, storage, keys, expecting: parts.hash
    ) { try IndexDelta.decode($0) }
  }

  /// A log record and the digest of its object, which the next record carries.
  package static func log(_ number: UInt64, _ storage: any Storage, _ keys: KeySet) throws -> (LogRecord, ObjectHash) {
    let name = logName(number)
    let object = try bytes(.log, name, limit: Envelope.Kind.log.maximumStoredBytes, storage)
    do {
      let record = try LogRecord.decode(Envelope.open(.log, logicalName: LogicalName.log(number), object, keys: keys))
      guard record.index == number else { throw FormatError.invalid("log index") }
      return (record, SHA256Digest.hash(object))
    } catch let error as FormatError {
      throw CairnError.damaged("log/\(name)", error)
    }
  }
}
