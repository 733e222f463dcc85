/// The encrypted fields of a config. None is left out for being a default but parity and cipher: defaults may change between versions.
extension Config {
  func encodeBody() -> [UInt8] {
    var fields = TLVWriter()
    var chunking = ByteWriter(capacity: 13)
    chunking.u8(chunker.algorithm)
    for size in [chunker.minimum, chunker.average, chunker.maximum] { chunking.u32(size) }
    fields.field(2, chunking.bytes)
    fields.unsigned(4, UInt64(groupBytes))
    fields.unsigned(6, UInt64(groupMaximumBlob))
    fields.unsigned(8, UInt64(dataPackBytes))
    fields.unsigned(10, UInt64(treePackBytes))
    fields.unsigned(12, UInt64(dataEpoch))
    fields.timestamp(14, created)
    fields.bytes(16, maintenancePublicKey)
    if parityData != 0 { fields.field(18, [parityData, parityExtra]) }
    if frameCipher != .xchacha20Poly1305 { fields.unsigned(20, UInt64(frameCipher.rawValue)) }
    return fields.bytes
  }

  init(_ header: ConfigHeader, body: UnsafeRawBufferPointer) throws(FormatError) {
    self.init(repository: header.repository, maintenancePublicKey: [])
    readFeatures = header.readFeatures
    writeFeatures = header.writeFeatures
    gcFeatures = header.gcFeatures
    compatibleFeatures = header.compatibleFeatures
    counter = header.counter
    (groupBytes, groupMaximumBlob, dataPackBytes, treePackBytes) = (0, 0, 0, 0)
    var seen: Set<UInt64> = []
    var fields = TLVReader(body)
    while let field = try fields.next() {
      seen.insert(field.tag)
      try apply(field)
    }
    guard seen.isSuperset(of: [2, 8, 10, 14, 16]) else { throw .invalid("missing field") }
    try validate()
  }

  private mutating func apply(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 2:
      chunker = try field.read { (reader) throws(FormatError) in
        ChunkerParameters(
          algorithm: try reader.u8(), minimum: try reader.u32(), average: try reader.u32(), maximum: try reader.u32())
      }
    case 4: groupBytes = try field.unsigned32()
    case 6: groupMaximumBlob = try field.unsigned32()
    case 8: dataPackBytes = try field.unsigned32()
    case 10: treePackBytes = try field.unsigned32()
    case 12: dataEpoch = try field.unsigned32()
    case 14: created = try field.timestamp()
    case 16: maintenancePublicKey = try field.bytes(maximum: SigningKey.publicKeyBytes)
    case 18:
      (parityData, parityExtra) = try field.read { (reader) throws(FormatError) in (try reader.u8(), try reader.u8()) }
      guard parityData != 0 else { throw .notCanonical("default value written out") }
    case 20:
      guard let cipher = FrameCipher(rawValue: UInt8(try field.unsigned(maximum: 255))) else { throw .unsupportedFeature }
      frameCipher = cipher
    default: try field.skipUnknown()
    }
  }
}
