/// The content of `sessions/<session>`: a run announces itself with it before it looks at the repository.
///
/// Prune rests on the object's presence alone; the fields tell people and resuming runs whose it is.
package struct SessionRecord: Equatable, Sendable {
  package enum Kind: UInt8, Sendable {
    case backup = 1
    /// A reader (restore, check): its snapshots count as referenced until it is resolved.
    case read = 2
  }

  package var kind: Kind
  package var client: ClientID
  package var host: [UInt8] = []
  package var user: [UInt8] = []
  package var processID: UInt32 = 0
  /// Clock ticks from boot to the start of the process: with the boot id and process id it tells whether the run is still alive on its host.
  package var processStart: UInt64 = 0
  package var bootID: [UInt8] = []
  package var started: Timestamp
  /// Number of log records that had been read when the record was written.
  package var logIndex: UInt64 = 0
  package var series: SeriesID?
  /// Sessions of the same run that were handed over or revoked, oldest first.
  package var predecessors: [SessionID] = []
  /// For a reader: the snapshots it reads.
  package var snapshots: [SessionID] = []
  package var programVersion = ""

  package init(kind: Kind, client: ClientID, started: Timestamp) {
    self.kind = kind
    self.client = client
    self.started = started
  }

  private static let maximumSessions = 1024

  package func validate() throws(FormatError) {
    try TextRules.checkShort(host, user, bootID, Array(programVersion.utf8))
    guard max(predecessors.count, snapshots.count) <= Self.maximumSessions else { throw .limitExceeded("list length") }
  }

  /// The plaintext of a `.session` envelope.
  ///
  /// - Throws: As `validate`: texts above 1 KiB, more than 1024 sessions.
  package func encode() throws(FormatError) -> [UInt8] {
    try validate()
    var fields = TLVWriter()
    fields.unsigned(2, UInt64(kind.rawValue))
    fields.identifier(4, client)
    fields.bytes(6, host)
    fields.bytes(8, user)
    fields.unsigned(10, UInt64(processID))
    fields.unsigned(12, processStart)
    fields.bytes(14, bootID)
    fields.timestamp(16, started)
    fields.unsigned(18, logIndex)
    fields.identifier(20, series)
    fields.identifiers(22, predecessors)
    fields.identifiers(24, snapshots)
    fields.bytes(26, Array(programVersion.utf8))
    return fields.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> SessionRecord {
    var kind: Kind?
    var client: ClientID?
    var started: Timestamp?
    var record = SessionRecord(kind: .backup, client: .zero, started: .zero)
    try bytes.forEachField { (field) throws(FormatError) in
      switch field.tag {
      case 2:
        kind = Kind(rawValue: UInt8(try field.unsigned(maximum: 255)))
        if kind == nil { throw .unsupportedFeature }
      case 4: client = try field.identifier16()
      case 16: started = try field.timestamp()
      default: try record.apply(field)
      }
    }
    guard let kind, let client, let started else { throw .invalid("missing field") }
    (record.kind, record.client, record.started) = (kind, client, started)
    return record
  }

  private mutating func apply(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 6: host = try field.bytes(maximum: Limits.shortTextBytes)
    case 8: user = try field.bytes(maximum: Limits.shortTextBytes)
    case 10: processID = try field.unsigned32()
    case 12: processStart = try field.unsigned()
    case 14: bootID = try field.bytes(maximum: Limits.shortTextBytes)
    case 18: logIndex = try field.unsigned()
    case 20: series = try field.identifier16()
    case 22: predecessors = try field.identifiers16(maximumCount: Self.maximumSessions)
    case 24: snapshots = try field.identifiers16(maximumCount: Self.maximumSessions)
    case 26: programVersion = try field.text()
    default: try field.skipUnknown()
    }
  }
}
