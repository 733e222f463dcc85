/// The name of an index delta: session, sequence number, digest of the stored bytes.
package struct DeltaName: Hashable, Comparable, Sendable {
  package var session: SessionID
  package var sequence: UInt32
  package var hash: ObjectHash

  package init(session: SessionID, sequence: UInt32, hash: ObjectHash) {
    self.session = session
    self.sequence = sequence
    self.hash = hash
  }

  /// Nil unless `name` has the form that `name` returns.
  package init?(_ name: some StringProtocol) {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let session = SessionID(hex: parts[0]), let sequence = Hexadecimal.number32(parts[1]),
      let hash = ObjectHash(hex: parts[2])
    else { return nil }
    self.init(session: session, sequence: sequence, hash: hash)
  }

  /// `<session>-<8 hex digits>-<hash>`, under `index/`.
  package var name: String { "\(session)-\(Hexadecimal.encode(sequence))-\(hash)" }
  package var logicalName: String { LogicalName.delta(session, sequence) }

  package static func < (left: Self, right: Self) -> Bool {
    (left.session, left.sequence, left.hash) < (right.session, right.sequence, right.hash)
  }
}

/// The name of a pack: digest of the stored bytes, then the session or maintenance run that wrote it.
package struct PackName: Hashable, Comparable, Sendable {
  package var hash: ObjectHash
  package var owner: SessionID
  package static let encodedLength = 48

  package init(hash: ObjectHash, owner: SessionID) {
    self.hash = hash
    self.owner = owner
  }

  package init?(_ name: some StringProtocol) {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let hash = ObjectHash(hex: parts[0]), let owner = SessionID(hex: parts[1]) else { return nil }
    self.init(hash: hash, owner: owner)
  }

  init(from reader: inout ByteReader) throws(FormatError) {
    self.init(hash: try reader.identifier32(), owner: try reader.identifier16())
  }

  func encode(into writer: inout ByteWriter) {
    writer.identifier(hash)
    writer.identifier(owner)
  }

  /// `<hash>-<owner>`, under `packs/<first two digits>/`.
  package var name: String { "\(hash)-\(owner)" }

  package static func < (left: Self, right: Self) -> Bool { (left.hash, left.owner) < (right.hash, right.owner) }
}

/// The name of a manifest object: session, then digest of the stored bytes.
package struct ManifestName: Hashable, Sendable {
  package var session: SessionID
  package var hash: ObjectHash

  package init(session: SessionID, hash: ObjectHash) {
    self.session = session
    self.hash = hash
  }

  package init?(_ name: some StringProtocol) {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let session = SessionID(hex: parts[0]), let hash = ObjectHash(hex: parts[1]) else { return nil }
    self.init(session: session, hash: hash)
  }

  /// `<session>-<hash>`, under `snapshots/`.
  package var name: String { "\(session)-\(hash)" }
  package var logicalName: String { LogicalName.manifest(session) }
}

/// The names that envelopes are bound to: a store cannot answer for one object with another, nor for one repository with another.
package enum LogicalName {
  package static let config = "config"
  package static func session(_ session: SessionID) -> String { "sessions/\(session)" }
  package static func commit(_ session: SessionID) -> String { "commits/\(session)" }
  package static func delta(_ session: SessionID, _ sequence: UInt32) -> String { "index/\(session)-\(Hexadecimal.encode(sequence))" }
  package static func manifest(_ session: SessionID) -> String { "snapshots/\(session)" }
  package static func log(_ index: UInt64) -> String { "log/\(Hexadecimal.encode(index))" }
}

extension Hexadecimal {
  /// All digits, leading zeros included: 8 for a u32, 16 for a u64.
  package static func encode<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> String {
    withUnsafeBytes(of: value.bigEndian) { encode($0) }
  }

  /// Nil unless `text` is eight lower-case digits.
  package static func number32(_ text: some StringProtocol) -> UInt32? {
    guard let bytes = decode(text), bytes.count == 4 else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Nil unless `text` is sixteen lower-case digits, as in the name of a log record.
  package static func number64(_ text: some StringProtocol) -> UInt64? {
    guard let bytes = decode(text), bytes.count == 8 else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}
