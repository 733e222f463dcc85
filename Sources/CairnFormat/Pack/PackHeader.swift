/// The first bytes of a pack.
///
/// | offset | bytes | content |
/// | --- | --- | --- |
/// | 0 | 8 | "CRNPACK1" |
/// | 8 | 2 | layout version 1 |
/// | 10 | 1 | suite 1 |
/// | 11 | 1 | class: 1 data, 2 tree |
/// | 12 | 2 | flags: bit 0 parity, bit 1 key slots |
/// | 14 | 2 | number k of key slots, 0 … 127 |
/// | 16 | 16 | owner session |
/// | 32 | 32 | salt, random |
/// | 64 | 88 k | key slots |
package struct PackHeader: Equatable, Sendable {
  package var packClass: PackClass
  package var session: SessionID
  /// 32 random bytes, which make the directory's additional data unique.
  package var salt: [UInt8]
  package var hasParity = false
  /// 88 bytes each. None are written by this version; packs that have them keep them.
  package var keySlots: [[UInt8]] = []

  package static let fixedLength = 64
  package static let keySlotLength = 88
  package static let saltLength = 32
  private static let magic: StaticString = "CRNPACK1"
  private static let parityFlag: UInt16 = 1
  private static let keySlotFlag: UInt16 = 2

  /// - Precondition: `salt` holds 32 bytes.
  package init(packClass: PackClass, session: SessionID, salt: [UInt8]) {
    precondition(salt.count == Self.saltLength)
    self.packClass = packClass
    self.session = session
    self.salt = salt
  }

  /// 64 … 11 240: where the first frame begins.
  package var encodedLength: Int { Self.fixedLength + keySlots.count * Self.keySlotLength }
  /// The longest header: what a reader fetches when it does not know the number of slots.
  package static let maximumLength = fixedLength + Limits.packKeySlots * keySlotLength

  package func encode() -> [UInt8] {
    precondition(keySlots.count <= Limits.packKeySlots && keySlots.allSatisfy { $0.count == Self.keySlotLength })
    var writer = ByteWriter(capacity: encodedLength)
    writer.append(Self.magic)
    writer.u16(1)
    writer.u8(1)
    writer.u8(packClass.rawValue)
    writer.u16((hasParity ? Self.parityFlag : 0) | (keySlots.isEmpty ? 0 : Self.keySlotFlag))
    writer.u16(UInt16(keySlots.count))
    writer.identifier(session)
    writer.append(salt)
    for slot in keySlots { writer.append(slot) }
    return writer.bytes
  }

  /// Reads the header at the start of `bytes`, which may go on behind it. Nothing here is authenticated before the directory opens.
  ///
  /// - Throws: `.badMagic`, `.unsupportedVersion`, `.unsupportedFeature`, `.invalid`, `.limitExceeded`, `.truncated`.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> PackHeader {
    var reader = ByteReader(bytes)
    try reader.expectMagic(magic)
    let version = try reader.u16()
    guard version == 1 else { throw .unsupportedVersion(UInt64(version)) }
    guard try reader.u8() == 1 else { throw .unsupportedFeature }
    guard let packClass = PackClass(rawValue: try reader.u8()) else { throw .invalid("pack class") }
    let flags = try reader.u16()
    guard flags & ~(parityFlag | keySlotFlag) == 0 else { throw .unsupportedFeature }
    let slots = Int(try reader.u16())
    guard slots <= Limits.packKeySlots else { throw .limitExceeded("key slots of a pack") }
    guard (flags & keySlotFlag != 0) == (slots > 0) else { throw .notCanonical("key slot flag") }
    let session: SessionID = try reader.identifier16()
    var header = PackHeader(packClass: packClass, session: session, salt: try reader.array(saltLength))
    header.hasParity = flags & parityFlag != 0
    for _ in 0..<slots { header.keySlots.append(try reader.array(keySlotLength)) }
    return header
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> PackHeader {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }
}
