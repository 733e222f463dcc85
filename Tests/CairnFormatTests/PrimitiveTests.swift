import CairnFormat
import CairnTestSupport
import Testing

@Suite struct PrimitiveTests {
  @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, UInt64(UInt32.max), 1 << 62, 1 << 63, .max] as [UInt64])
  func aVarintComesBackAndHasTheLengthAnnounced(value: UInt64) throws {
    var writer = ByteWriter()
    writer.varint(value)
    #expect(writer.count == ByteWriter.varintLength(value))
    let decoded = try writer.bytes.withReader { (reader) throws(FormatError) in
      let value = try reader.varint()
      try reader.expectEnd()
      return value
    }
    #expect(decoded == value)
  }

  @Test(arguments: [
    ([], FormatError.truncated), ([0x80], .truncated), ([0x80, 0x00], .notCanonical("varint")),
    ([0xFF, 0x80, 0x00], .notCanonical("varint")),
    ([UInt8](repeating: 0xFF, count: 9) + [0x02], .invalid("varint")), ([UInt8](repeating: 0xFF, count: 10), .invalid("varint")),
    ([UInt8](repeating: 0x80, count: 9) + [0x00], .notCanonical("varint")),
  ])
  func otherFormsOfAVarintAreRefused(bytes: [UInt8], error: FormatError) {
    #expect(formatError { try bytes.withReader { (reader) throws(FormatError) in try reader.varint() } } == error)
  }

  @Test func integersAreLittleEndian() throws {
    var writer = ByteWriter()
    writer.u8(1)
    writer.u16(0x0203)
    writer.u32(0x0405_0607)
    writer.u64(0x0809_0A0B_0C0D_0E0F)
    writer.i64(-2)
    #expect(Hexadecimal.encode(writer.bytes) == "010302070605040f0e0d0c0b0a0908feffffffffffffff")
    try writer.bytes.withReader { (reader) throws(FormatError) in
      #expect(try reader.u8() == 1)
      #expect(try reader.u16() == 0x0203)
      #expect(try reader.u32() == 0x0405_0607)
      #expect(try reader.u64() == 0x0809_0A0B_0C0D_0E0F)
      #expect(try reader.i64() == -2)
      #expect(reader.isAtEnd)
      #expect(throws: FormatError.truncated) { try reader.u8() }
    }
  }

  @Test func nothingIsReadBeyondTheEnd() {
    for count in 0..<8 {
      let bytes = [UInt8](repeating: 1, count: count)
      #expect(formatError { try bytes.withReader { (reader) throws(FormatError) in try reader.u64() } } == .truncated)
      #expect(formatError { try bytes.withReader { (reader) throws(FormatError) in try reader.array(8) } } == .truncated)
      #expect(formatError { try bytes.withReader { (reader) throws(FormatError) in try reader.array(-1) } } == .truncated)
      #expect(formatError { try bytes.withReader { (reader) throws(FormatError) in try reader.array(.max) } } == .truncated)
    }
  }

  @Test(arguments: [
    ([4, 0, 4, 0], FormatError.notCanonical("order of fields")), ([4, 0, 2, 0], .notCanonical("order of fields")), ([4, 1], .truncated),
    ([4], .truncated), ([0x84, 0x00, 0], .notCanonical("varint")), ([4, 0x81, 0x00, 1], .notCanonical("varint")),
    ([4, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .truncated),
  ])
  func fieldsHaveOneEncoding(bytes: [UInt8], error: FormatError) {
    #expect(formatError { try bytes.forEachField { (_) throws(FormatError) in } } == error)
  }

  @Test func defaultsWrittenOutAreRefused() {
    let zero: [UInt8] = [2, 1, 0]
    #expect(formatError { try zero.forEachField { (field) throws(FormatError) in _ = try field.unsigned() } }?.name == "notCanonical")
    let empty: [UInt8] = [2, 0]
    #expect(
      formatError { try empty.forEachField { (field) throws(FormatError) in _ = try field.bytes(maximum: 9) } }?.name == "notCanonical")
    #expect(
      formatError { try empty.forEachField { (field) throws(FormatError) in _ = try field.list(maximumCount: 9, maximumBytes: 9) } }?.name
        == "notCanonical")
  }

  @Test(arguments: [0, 1, -1, 1440, -1440, .max, .min] as [Int64])
  func signedNumbersComeBack(value: Int64) throws {
    var fields = TLVWriter()
    fields.signed(2, value)
    var decoded: Int64 = 0
    try fields.bytes.forEachField { (field) throws(FormatError) in decoded = try field.signed() }
    #expect(decoded == value)
  }

  @Test func identifiersSortAsTheirBytes() {
    var random = SeededRandom(seed: 1)
    let values = (0..<200).map { _ in
      // Few distinct bytes, so that long common prefixes occur.
      (0..<32).map { _ in UInt8(random.below(2)) * 0x80 }
    }
    let byBytes = values.sorted { $0.lexicographicallyPrecedes($1) }
    let byIdentifier = values.compactMap { BlobID(bytes: $0) }.sorted()
    #expect(byIdentifier.map(\.bytes) == byBytes)
    let short = values.map { Array($0[..<16]) }
    #expect(short.compactMap { SeriesID(bytes: $0) }.sorted().map(\.bytes) == short.sorted { $0.lexicographicallyPrecedes($1) })
  }

  @Test func identifiersReadAndWriteHexadecimal() throws {
    let bytes = Array(UInt8(0xE0)...0xFF)
    let id = try #require(ObjectHash(bytes: bytes))
    #expect(id.hexadecimal == "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    #expect(ObjectHash(hex: id.hexadecimal) == id)
    #expect(ObjectHash(hex: id.hexadecimal.uppercased()) == nil)
    #expect(ObjectHash(hex: String(id.hexadecimal.dropLast())) == nil)
    #expect(ObjectHash(hex: id.hexadecimal + "00") == nil)
    #expect(SessionID(random: Array(1...12), epoch: 0xDEAD_BEEF).epoch == 0xDEAD_BEEF)
    #expect(SessionID(random: Array(1...12), epoch: 0x0102_0304).hexadecimal == "0102030405060708090a0b0c01020304")
  }

  @Test func objectNamesComeBackAndOthersAreRefused() {
    let pack = PackName(hash: Fixtures.hash, owner: Fixtures.session)
    let manifest = ManifestName(session: Fixtures.session, hash: Fixtures.hash)
    #expect(DeltaName(Fixtures.delta.name) == Fixtures.delta)
    #expect(PackName(pack.name) == pack)
    #expect(ManifestName(manifest.name) == manifest)
    #expect(PackName(manifest.name) == nil)
    #expect(ManifestName(pack.name) == nil)
    for wrong in ["", "-", pack.name + "-", "-" + pack.name, pack.name.uppercased(), pack.name + "0", "a--b"] {
      #expect(PackName(wrong) == nil && DeltaName(wrong) == nil && ManifestName(wrong) == nil, "\(wrong)")
    }
    #expect(LogicalName.log(255) == "log/00000000000000ff")
    #expect(Hexadecimal.number64("00000000000000ff") == 255)
    #expect(Hexadecimal.number64("ff") == nil)
  }

  @Test func sizeClassesAreFixedPointsThatAddLittle() {
    var random = SeededRandom(seed: 2)
    for _ in 0..<2000 {
      let count = Int(random.next() >> UInt64(20 + random.below(43)))
      let padded = SizeClass.padded(count)
      #expect(padded >= count && SizeClass.padded(padded) == padded, "\(count)")
      if count >= 1 << 18 { #expect(Double(padded - count) <= Double(count) / 64, "\(count)") }
      let envelope = SizeClass.envelope(count)
      #expect(envelope >= count && SizeClass.envelope(envelope) == envelope, "\(count)")
    }
  }

  @Test func timestampsRefuseAFullSecondOfNanoseconds() {
    var writer = ByteWriter()
    Timestamp(seconds: -1, nanoseconds: 1_000_000_000).encode(into: &writer)
    #expect(
      formatError { try writer.bytes.withReader { (reader) throws(FormatError) in try Timestamp(from: &reader) } }
        == .invalid("nanoseconds"))
    #expect(Timestamp(seconds: -1, nanoseconds: 5) < Timestamp(seconds: 0))
  }
}
