/// What is kept three times in the parity area of a pack: the layout, and a checksum of every block.
///
/// | offset | bytes | content |
/// | --- | --- | --- |
/// | 0 | 8 | "CRNPARI1" |
/// | 8 | 2 | version 1 |
/// | 10 | 1 | k, data shards |
/// | 11 | 1 | m, parity shards |
/// | 12 | 4 | bytes of a block |
/// | 16 | 8 | P, bytes covered |
/// | 24 | 8 | S, bytes of a shard |
/// | 32 | 4 | L, bytes of the directory |
/// | 36 | 4 | zeros |
/// | 40 | 8 each | CRC-64 of each block as coded, by shard, then row |
/// | | | zeros, as few as make the length with what follows a multiple of 64 |
/// | | 8 | CRC-64 of all before |
///
/// Nothing of it is authenticated: the name of the pack, the hash of all its bytes, tells whether mending went right.
package struct ParityTable: Equatable, Sendable {
  package let layout: ParityLayout
  /// By shard, then row.
  package var checksums: [UInt64]

  static let fixedLength = 40
  private static let magic: StaticString = "CRNPARI1"

  /// - Precondition: one checksum for each block.
  package init(layout: ParityLayout, checksums: [UInt64]) {
    precondition(checksums.count == layout.blockCount)
    self.layout = layout
    self.checksums = checksums
  }

  package func checksum(shard: Int, row: Int) -> UInt64 { checksums[shard * layout.rows + row] }

  package func encode() -> [UInt8] {
    var writer = ByteWriter(capacity: layout.tableLength)
    writer.append(Self.magic)
    writer.u16(1)
    writer.u8(UInt8(layout.dataShards))
    writer.u8(UInt8(layout.parityShards))
    writer.u32(UInt32(layout.blockLength))
    writer.u64(UInt64(layout.coveredLength))
    writer.u64(UInt64(layout.shardLength))
    writer.u32(UInt32(layout.directoryLength))
    writer.u32(0)
    for checksum in checksums { writer.u64(checksum) }
    writer.zeros(layout.tableLength - writer.count - 8)
    writer.u64(writer.bytes.withUnsafeBytes(ParityCode.checksum))
    return writer.bytes
  }

  /// The layout that the first 40 bytes of a table tell.
  ///
  /// - Throws: `.badMagic`, `.unsupportedVersion`, `.truncated`, `.notCanonical`; as `ParityLayout.init`.
  package static func decodeLayout(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> ParityLayout {
    var reader = ByteReader(bytes)
    return try layout(from: &reader)
  }

  private static func layout(from reader: inout ByteReader) throws(FormatError) -> ParityLayout {
    try reader.expectMagic(magic)
    let version = try reader.u16()
    guard version == 1 else { throw .unsupportedVersion(UInt64(version)) }
    let (data, parity) = (Int(try reader.u8()), Int(try reader.u8()))
    let block = Int(try reader.u32())
    let (covered, shard) = (try reader.u64(), try reader.u64())
    let directory = Int(try reader.u32())
    try reader.expectZeros(4, "parity table")
    guard covered <= UInt64(Limits.packBytes), shard <= UInt64(Limits.packBytes) else { throw .limitExceeded("pack size") }
    return try ParityLayout(
      dataShards: data, parityShards: parity, blockLength: block, shardLength: Int(shard), coveredLength: Int(covered),
      directoryLength: directory)
  }

  /// - Parameter bytes: one copy of the table, no more and no less.
  /// - Throws: As `decodeLayout`; `.truncated`, `.trailingBytes`, `.authenticationFailed` (checksum), `.notCanonical`.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> ParityTable {
    var reader = ByteReader(bytes)
    let layout = try layout(from: &reader)
    guard bytes.count >= layout.tableLength else { throw .truncated }
    guard bytes.count == layout.tableLength else { throw .trailingBytes }
    let sum = ParityCode.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)]))
    var checksums: [UInt64] = []
    checksums.reserveCapacity(layout.blockCount)
    for _ in 0..<layout.blockCount { checksums.append(try reader.u64()) }
    try reader.expectZeros(reader.remaining - 8, "parity table")
    guard try reader.u64() == sum else { throw .authenticationFailed }
    return ParityTable(layout: layout, checksums: checksums)
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> ParityTable {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }
}
