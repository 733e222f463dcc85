import CairnFormat
import CairnTestSupport
import Testing

@Suite struct KeySlotTests {
  static let info = SlotInfo(label: "laptop · été", host: Array("host".utf8), user: [0xFF])

  /// The master key also serves as the key file's key here.
  static func keyFileSlot() throws(FormatError) -> [UInt8] { try slot(.keyFile, Fixtures.master, .weakest) }

  static func slot(_ kind: KeySlot.Kind, _ credential: [UInt8], _ kdf: KDFParameters, floor: KDFParameters = .weakest) throws(FormatError)
    -> [UInt8]
  {
    let master = Fixtures.master.withUnsafeBytes { SecretBytes(copying: $0) }
    return try credential.withReader { (reader) throws(FormatError) in
      try KeySlot.create(
        kind: kind, credential: reader.rest(), master: master, repository: Fixtures.repository, created: Fixtures.time, info: info,
        kdf: kdf,
        floor: floor, salt: Array(0x10...0x1F), nonce: Fixtures.nonce)
    }
  }

  static func unlock(_ slot: [UInt8], _ credential: [UInt8]) throws -> (master: [UInt8], info: SlotInfo) {
    let parsed = try KeySlot.parse(slot)
    let opened = try credential.withReader { (reader) throws(FormatError) in try parsed.unlock(reader.rest()) }
    return (opened.master.withBytes { [UInt8]($0) }, opened.info)
  }

  @Test(arguments: [KeySlot.Kind.passphrase, .keyFile])
  func aSlotGivesBackTheMasterKeyAndItsLabel(kind: KeySlot.Kind) throws {
    let credential = kind == .keyFile ? Array(UInt8(100)...131) : Array("correct horse".utf8)
    let opened = try Self.unlock(try Self.slot(kind, credential, .weakest), credential)
    #expect(opened.master == Fixtures.master)
    #expect(opened.info == Self.info)
  }

  @Test func theWrongPassphraseFailsAuthentication() throws {
    let slot = try Self.slot(.passphrase, Array("right".utf8), .weakest)
    #expect(formatError { try Self.unlock(slot, Array("wrong".utf8)) } == .authenticationFailed)
    #expect(formatError { try Self.unlock(slot, Array("right\n".utf8)) } == .authenticationFailed)
    #expect(formatError { try Self.unlock(slot, []) } == .authenticationFailed)
  }

  @Test func anEmptyPassphraseOpensItsOwnSlotOnly() throws {
    let slot = try Self.slot(.passphrase, [], .weakest)
    #expect(try Self.unlock(slot, []).master == Fixtures.master)
    #expect(formatError { try Self.unlock(slot, [0]) } == .authenticationFailed)
  }

  @Test(arguments: [24, 40, 56, 64, 95, 96, 119, 124, 200])
  func anyChangedByteFailsAuthentication(offset: Int) throws {
    var slot = try Self.keyFileSlot()
    slot[offset] ^= 1
    #expect(formatError { try Self.unlock(slot, Fixtures.master) } == .authenticationFailed)
  }

  @Test(arguments: [
    (12, 17, FormatError.limitExceeded("key derivation cost")), (12, 0, .limitExceeded("key derivation cost")),
    (16, (1 << 20) + 1, .limitExceeded("key derivation cost")), (16, 8191, .limitExceeded("key derivation cost")),
    (16, 1 << 30, .limitExceeded("key derivation cost")), (20, 2, .unsupportedFeature), (120, 1 << 20, .limitExceeded("object size")),
    (120, 3, .limitExceeded("object size")),
  ])
  func costsOutOfBoundsAreRefusedBeforeTheyArePaid(offset: Int, value: UInt32, error: FormatError) throws {
    var slot = try Self.slot(.passphrase, [1], .weakest)
    withUnsafeBytes(of: value.littleEndian) { slot.replaceSubrange(offset..<offset + 4, with: $0) }
    #expect(formatError { try KeySlot.parse(slot) } == error)
  }

  @Test func unknownKindsAndRolesAreUnsupportedAndOtherChangesNotCanonical() throws {
    let slot = try Self.keyFileSlot()
    func changed(_ offset: Int, _ value: UInt8) -> FormatError? {
      var copy = slot
      copy[offset] = value
      return formatError { try KeySlot.parse(copy) }
    }
    #expect(changed(0, 0) == .badMagic)
    #expect(changed(8, 3) == .unsupportedFeature)
    #expect(changed(9, 2) == .unsupportedFeature)
    #expect(changed(10, 1) == .notCanonical("reserved bytes"))
    #expect(changed(12, 1) == .notCanonical("cost of a key file"))
    #expect(formatError { try KeySlot.parse(slot + [0]) } == .trailingBytes)
    #expect(formatError { try KeySlot.parse(Array(slot.dropLast())) } == .truncated)
    #expect(formatError { try KeySlot.parse([UInt8](repeating: 0, count: 65_537)) } == .limitExceeded("object size"))
  }

  @Test func weakCostsAreNotWrittenUnlessTheFloorAllowsThem() {
    #expect(formatError { try Self.slot(.passphrase, [1], .weakest, floor: .default) } == .limitExceeded("key derivation cost"))
    #expect(formatError { try Self.slot(.keyFile, [1], .weakest) } == .invalid("key file length"))
  }

  @Test func aKeyFileIsReadWithOrWithoutALineEnd() throws {
    let key = Fixtures.master.withUnsafeBytes { SecretBytes(copying: $0) }
    let text = KeyFile.encode(key).withBytes { [UInt8]($0) }
    #expect(text == Array("cairn-key-1 \(Hexadecimal.encode(Fixtures.master))\n".utf8))
    for variant in [text, Array(text.dropLast()), text + Array("\r\n \t".utf8)] {
      let decoded = try variant.withReader { (reader) throws(FormatError) in try KeyFile.decode(reader.rest()) }
      #expect(decoded.withBytes { [UInt8]($0) } == Fixtures.master)
    }
  }

  @Test(arguments: [
    ("", FormatError.badMagic), ("cairn-key-2 00", .badMagic), ("cairn-key-1 00", .invalid("key file length")),
    ("cairn-key-1 " + String(repeating: "0A", count: 32), .invalid("key file digits")),
    ("cairn-key-1 " + String(repeating: "0", count: 400), .limitExceeded("key file length")),
  ])
  func otherTextsAreNoKeyFiles(text: String, error: FormatError) {
    #expect(formatError { try Array(text.utf8).withReader { (reader) throws(FormatError) in try KeyFile.decode(reader.rest()) } } == error)
  }
}
