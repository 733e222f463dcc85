/// The content of `commits/<session>`: the write-once register that decides what becomes of a session.
package struct CommitRecord: Equatable, Sendable {
  package enum Decision: UInt8, Sendable {
    /// The session made a snapshot; its manifest and deltas count.
    case snapshot = 1
    /// The session made no snapshot (hand-over, checkpoint); its deltas count.
    case data = 2
    /// Maintenance decided that the session shall never count.
    case revoked = 3
    /// The session gave up by itself.
    case abandoned = 4
  }

  package var decision: Decision
  /// Names under `index/`, each as `DeltaName.name` gives it, all of this session. `encode` sorts them.
  package var deltas: [String]
  /// Digest of the manifest object's stored bytes; set exactly for `.snapshot`.
  package var manifest: ObjectHash?
  /// The previous commit of the same client.
  package var previous: SessionID?

  package init(decision: Decision, deltas: [String] = [], manifest: ObjectHash? = nil, previous: SessionID? = nil) {
    self.decision = decision
    self.deltas = deltas
    self.manifest = manifest
    self.previous = previous
  }

  /// - Throws: `.invalid` when the fields contradict the decision or a name is no delta's, `.limitExceeded`, `.notCanonical` for a name twice.
  package func validate() throws(FormatError) {
    guard (decision == .snapshot) == (manifest != nil) else { throw .invalid("manifest of a commit") }
    guard deltas.isEmpty || decision == .snapshot || decision == .data else { throw .invalid("deltas of a commit") }
    guard deltas.count <= Limits.commitDeltas else { throw .limitExceeded("list length") }
    let sorted = deltas.sorted()
    guard sorted.allSatisfy({ DeltaName($0) != nil }) else { throw .invalid("delta name") }
    try TextRules.checkAscending(sorted)
  }

  /// The plaintext of a `.commit` envelope.
  package func encode() throws(FormatError) -> [UInt8] {
    try validate()
    var fields = TLVWriter()
    fields.unsigned(2, UInt64(decision.rawValue))
    fields.list(4, deltas.sorted().map { Array($0.utf8) })
    fields.identifier(6, manifest)
    fields.identifier(8, previous)
    return fields.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> CommitRecord {
    var decision: Decision?
    var record = CommitRecord(decision: .data)
    try bytes.forEachField { (field) throws(FormatError) in
      switch field.tag {
      case 2:
        decision = Decision(rawValue: UInt8(try field.unsigned(maximum: 255)))
        if decision == nil { throw .unsupportedFeature }
      case 4: record.deltas = try field.names(maximumCount: Limits.commitDeltas)
      case 6: record.manifest = try field.identifier32()
      case 8: record.previous = try field.identifier16()
      default: try field.skipUnknown()
      }
    }
    guard let decision else { throw .invalid("missing field") }
    record.decision = decision
    try record.validate()
    return record
  }
}

extension TLVField {
  /// Object names, strictly ascending; what form they have is for the caller to check.
  func names(maximumCount: Int) throws(FormatError) -> [String] {
    var names: [String] = []
    for bytes in try list(maximumCount: maximumCount, maximumBytes: Limits.objectNameBytes) {
      guard let name = String(validating: bytes, as: UTF8.self) else { throw .invalid("object name") }
      names.append(name)
    }
    try TextRules.checkAscending(names)
    return names
  }
}
