extension Manifest {
  /// The plaintext of a `.manifest` envelope.
  ///
  /// - Throws: As `validate`.
  package func encode() throws(FormatError) -> [UInt8] {
    try validate()
    var fields = TLVWriter()
    fields.identifier(2, session)
    fields.timestamp(4, time)
    fields.signed(6, Int64(zoneOffsetMinutes))
    fields.bytes(8, Array(zoneName.utf8))
    fields.bytes(10, host)
    fields.bytes(12, user)
    fields.list(14, arguments)
    fields.list(16, paths)
    fields.list(18, tags)
    fields.bytes(20, description)
    fields.identifier(22, root)
    fields.bytes(24, rootNodeItem ?? [])
    fields.unsigned(26, UInt64(kind.rawValue))
    fields.identifier(28, series)
    fields.bytes(30, seriesName)
    fields.identifier(32, base)
    fields.identifier(34, deltaRoot)
    fields.unsigned(36, logIndex)
    fields.identifier(38, previousCommit)
    fields.identifier(40, client)
    fields.timestamp(42, started)
    fields.bytes(44, statistics.encode())
    fields.list(46, excludes)
    fields.unsigned(48, flags.rawValue)
    fields.bytes(50, Array(programVersion.utf8))
    return fields.bytes
  }

  /// - Throws: `FormatError` for everything that `encode` does not write.
  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> Manifest {
    var kind: SnapshotKind?
    var required: Set<UInt64> = [2, 4, 22, 26, 28, 40, 42]
    var manifest = Manifest(
      session: .zero, time: .zero, root: .zero, kind: .full, series: .zero, client: .zero, started: .zero)
    try bytes.forEachField { (field) throws(FormatError) in
      required.remove(field.tag)
      if field.tag == 26 {
        kind = SnapshotKind(rawValue: UInt8(try field.unsigned(maximum: 255)))
        if kind == nil { throw .unsupportedFeature }
      } else if field.tag <= 20 {
        try manifest.applyDescription(field)
      } else {
        try manifest.applyContent(field)
      }
    }
    guard required.isEmpty, let kind else { throw .invalid("missing field") }
    manifest.kind = kind
    try manifest.validate()
    return manifest
  }

  private mutating func applyDescription(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 2: session = try field.identifier16()
    case 4: time = try field.timestamp()
    case 6:
      guard let minutes = Int32(exactly: try field.signed()) else { throw .invalid("zone offset") }
      zoneOffsetMinutes = minutes
    case 8: zoneName = try field.text()
    case 10: host = try field.bytes(maximum: Limits.shortTextBytes)
    case 12: user = try field.bytes(maximum: Limits.shortTextBytes)
    case 14: arguments = try field.list()
    case 16: paths = try field.list()
    case 18: tags = try field.list()
    case 20: description = try field.bytes(maximum: Limits.descriptionBytes)
    default: try field.skipUnknown()
    }
  }

  private mutating func applyContent(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 22: root = try field.identifier32()
    case 24: rootNodeItem = try field.bytes(maximum: Limits.treeNodeBytes)
    case 28: series = try field.identifier16()
    case 30: seriesName = try field.bytes(maximum: Limits.longTextBytes)
    case 32: base = try field.identifier16()
    case 34: deltaRoot = try field.identifier32()
    case 36: logIndex = try field.unsigned()
    case 38: previousCommit = try field.identifier16()
    case 40: client = try field.identifier16()
    case 42: started = try field.timestamp()
    case 44: statistics = try SnapshotStatistics(field.content)
    case 46: excludes = try field.list()
    case 48: flags = SnapshotFlags(rawValue: try field.unsigned())
    case 50: programVersion = try field.text()
    default: try field.skipUnknown()
    }
  }
}
