/// The last 32 bytes of a pack: where its directory lies. A hint, believed only when the directory found there authenticates.
package struct PackTrailer: Equatable, Sendable {
  /// Offset and length of the sealed directory in bytes.
  package var directoryOffset: UInt64
  package var directoryLength: UInt32
  /// Where the parity area begins; without one, where the trailer begins.
  package var parityOffset: UInt64

  package static let length = 32
  private static let magic: StaticString = "CRNTAIL1"

  package init(directoryOffset: UInt64, directoryLength: UInt32, parityOffset: UInt64) {
    self.directoryOffset = directoryOffset
    self.directoryLength = directoryLength
    self.parityOffset = parityOffset
  }

  package func encode() -> [UInt8] {
    var writer = ByteWriter(capacity: Self.length)
    writer.append(Self.magic)
    writer.u64(directoryOffset)
    writer.u32(directoryLength)
    writer.u64(parityOffset)
    writer.u32(writer.bytes.withUnsafeBytes { CRC32C.checksum($0) })
    return writer.bytes
  }

  /// - Parameters:
  ///   - bytes: Exactly the last 32 bytes of the pack.
  ///   - packSize: The object's length.
  /// - Throws: `.badMagic`, `.authenticationFailed` (checksum), `.invalid` for offsets outside of the pack, `.truncated`, `.trailingBytes`.
  package static func decode(_ bytes: UnsafeRawBufferPointer, packSize: UInt64) throws(FormatError) -> PackTrailer {
    var reader = ByteReader(bytes)
    try reader.expectMagic(magic)
    let trailer = PackTrailer(
      directoryOffset: try reader.u64(), directoryLength: try reader.u32(), parityOffset: try reader.u64())
    let checksum = try reader.u32()
    try reader.expectEnd()
    guard checksum == CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<28])) else { throw .authenticationFailed }
    guard packSize <= UInt64(Limits.packBytes), packSize >= UInt64(Self.length) else { throw .limitExceeded("pack size") }
    guard trailer.directoryLength <= UInt32(Limits.packDirectoryBytes) else { throw .limitExceeded("pack directory size") }
    guard trailer.directoryOffset >= UInt64(PackHeader.fixedLength), trailer.directoryOffset <= packSize,
      trailer.directoryOffset + UInt64(trailer.directoryLength) <= trailer.parityOffset,
      trailer.parityOffset <= packSize - UInt64(Self.length)
    else { throw .invalid("pack trailer") }
    return trailer
  }

  package static func decode(_ bytes: [UInt8], packSize: UInt64) throws(FormatError) -> PackTrailer {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest(), packSize: packSize) }
  }
}

/// CRC-32C (Castagnoli, reflected, as in RFC 3720), bit by bit: it only ever runs over 28 bytes.
enum CRC32C {
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var value = UInt32.max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82F6_3B78 }
    }
    return ~value
  }
}
