extension LogRecord {
  /// Sorts every set, so that callers need not.
  package mutating func sortSets() {
    condemn.sort()
    for position in sweeps.indices { sweeps[position].packs.sort() }
    sweeps.sort { $0.record < $1.record }
    checkpoint?.index.sort()
    checkpoint?.accepted.sort { $0.session < $1.session }
    checkpoint?.swept.sort()
    forget.sort()
    restore.sort()
    amend.sort { $0.session < $1.session }
    deltas.sort()
  }

  /// The plaintext of a `.log` envelope. The sets must be sorted (see `sortSets`).
  ///
  /// - Throws: As `validate`.
  package func encode() throws(FormatError) -> [UInt8] {
    try validate()
    var fields = TLVWriter()
    fields.unsigned(2, index)
    fields.identifier(4, index == 0 ? nil : previous)
    fields.identifier(6, owner)
    fields.timestamp(8, time)
    fields.bytes(10, Self.encode(condemn))
    fields.list(12, sweeps.map(Self.encode))
    if let checkpoint {
      fields.field(14, Self.encodeList(checkpoint.index))
      fields.field(16, Self.encode(checkpoint))
    }
    fields.identifiers(18, forget)
    fields.identifiers(20, restore)
    fields.list(22, amend.map(Self.encode))
    fields.bytes(24, Self.encodeList(deltas))
    fields.identifier(26, config)
    fields.bytes(28, host)
    fields.bytes(30, user)
    fields.bytes(32, Array(programVersion.utf8))
    fields.unsigned(34, start)
    fields.bytes(36, Self.encode(checkpoint?.swept ?? []))
    return fields.bytes
  }

  private static func encode(_ packs: [PackName]) -> [UInt8] {
    var writer = ByteWriter(capacity: packs.count * PackName.encodedLength)
    for pack in packs { pack.encode(into: &writer) }
    return writer.bytes
  }

  /// u64 record, then the packs.
  private static func encode(_ sweep: Sweep) -> [UInt8] {
    var writer = ByteWriter(capacity: 8 + sweep.packs.count * PackName.encodedLength)
    writer.u64(sweep.record)
    for pack in sweep.packs { pack.encode(into: &writer) }
    return writer.bytes
  }

  /// u32 bound, then session and manifest digest of each accepted snapshot.
  private static func encode(_ checkpoint: Checkpoint) -> [UInt8] {
    var writer = ByteWriter(capacity: 4 + checkpoint.accepted.count * 48)
    writer.u32(checkpoint.below)
    for snapshot in checkpoint.accepted {
      writer.identifier(snapshot.session)
      writer.identifier(snapshot.hash)
    }
    return writer.bytes
  }

  /// Fields 2 session, 4 tags, 6 description. Empty values are written: they differ from none.
  private static func encode(_ amendment: SnapshotAmendment) -> [UInt8] {
    var fields = TLVWriter()
    fields.identifier(2, amendment.session)
    if let tags = amendment.tags {
      var list = ByteWriter()
      for tag in tags { list.counted(tag) }
      fields.field(4, list.bytes)
    }
    if let description = amendment.description { fields.field(6, description) }
    return fields.bytes
  }

  private static func encodeList(_ names: [String]) -> [UInt8] {
    var writer = ByteWriter(capacity: names.count * 100)
    for name in names { writer.counted(Array(name.utf8)) }
    return writer.bytes
  }
}

extension LogRecord {
  /// - Throws: `FormatError` for everything that `encode` does not write.
  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> LogRecord {
    var owner: SessionID?
    var time: Timestamp?
    var previous: ObjectHash?
    var record = LogRecord(index: 0, previous: .zero, owner: .zero, time: .zero)
    var parts = CheckpointParts()
    try bytes.forEachField { (field) throws(FormatError) in
      switch field.tag {
      case 2: record.index = try field.unsigned()
      case 4: previous = try field.identifier32()
      case 6: owner = try field.identifier16()
      case 8: time = try field.timestamp()
      case 14, 16, 36: try parts.apply(field)
      case ...12: try record.applyPacks(field)
      default: try record.applySnapshots(field)
      }
    }
    guard let owner, let time, (previous == nil) == (record.index == 0) else { throw .invalid("missing field") }
    (record.owner, record.time, record.previous) = (owner, time, previous ?? .zero)
    record.checkpoint = try parts.assemble()
    try record.validate()
    return record
  }

  private mutating func applyPacks(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 10: condemn = try field.packNames()
    case 12:
      for item in try field.list(maximumCount: Limits.logSweeps, maximumBytes: Limits.logRecordBytes) {
        sweeps.append(try item.withReader { (reader) throws(FormatError) in try Self.decodeSweep(&reader) })
      }
    default: try field.skipUnknown()
    }
  }

  private mutating func applySnapshots(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 18: forget = try field.identifiers16(maximumCount: Limits.logSessions)
    case 20: restore = try field.identifiers16(maximumCount: Limits.logSessions)
    case 22:
      for item in try field.list(maximumCount: Limits.logAmendments, maximumBytes: Limits.logRecordBytes) {
        amend.append(try Self.decodeAmendment(item))
      }
    case 24: deltas = try field.names(maximumCount: Limits.commitDeltas)
    case 26: config = try field.identifier32()
    case 28: host = try field.bytes(maximum: Limits.shortTextBytes)
    case 30: user = try field.bytes(maximum: Limits.shortTextBytes)
    case 32: programVersion = try field.text()
    case 34: start = try field.unsigned()
    default: try field.skipUnknown()
    }
  }

  private static func decodeSweep(_ reader: inout ByteReader) throws(FormatError) -> Sweep {
    let record = try reader.u64()
    let packs = try PackName.list(from: &reader, count: reader.remaining / PackName.encodedLength)
    try reader.expectEnd()
    return Sweep(record: record, packs: packs)
  }

  private static func decodeAmendment(_ bytes: [UInt8]) throws(FormatError) -> SnapshotAmendment {
    var session: SessionID?
    var amendment = SnapshotAmendment(session: .zero)
    try bytes.forEachField { (field) throws(FormatError) in
      switch field.tag {
      case 2: session = try field.identifier16()
      case 4: amendment.tags = field.content.isEmpty ? [] : try field.list()
      case 6: amendment.description = field.content.isEmpty ? [] : try field.bytes(maximum: Limits.descriptionBytes)
      default: try field.skipUnknown()
      }
    }
    guard let session else { throw .invalid("missing field") }
    amendment.session = session
    return amendment
  }
}

/// The fields of a checkpoint as they are met.
private struct CheckpointParts {
  private var index: [String]?
  private var fold: (below: UInt32, accepted: [ManifestName])?
  private var swept: [PackName] = []

  mutating func apply(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 14: index = field.content.isEmpty ? [] : try field.names(maximumCount: Limits.logIndexObjects)
    case 16: fold = try field.read { (reader) throws(FormatError) in try Self.decodeFold(&reader) }
    default: swept = try field.packNames()
    }
  }

  /// Fields 14 and 16 make a checkpoint, together only; 36 belongs to one.
  func assemble() throws(FormatError) -> LogRecord.Checkpoint? {
    guard (index == nil) == (fold == nil), swept.isEmpty || fold != nil else { throw .invalid("half a checkpoint") }
    guard let index, let fold else { return nil }
    return LogRecord.Checkpoint(index: index, below: fold.below, accepted: fold.accepted, swept: swept)
  }

  private static func decodeFold(_ reader: inout ByteReader) throws(FormatError) -> (below: UInt32, accepted: [ManifestName]) {
    let below = try reader.u32()
    guard reader.remaining / 48 <= Limits.logSessions else { throw .limitExceeded("list length") }
    var accepted: [ManifestName] = []
    while !reader.isAtEnd { accepted.append(ManifestName(session: try reader.identifier16(), hash: try reader.identifier32())) }
    return (below, accepted)
  }
}
