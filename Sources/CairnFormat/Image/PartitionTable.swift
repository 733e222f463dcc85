/// A partition table as it was found on a disk, in bytes. Reading it is safe whatever the disk holds.
package struct PartitionTable: Equatable, Sendable {
  package struct Partition: Equatable, Sendable {
    /// As Linux counts: of the entry in a GPT; in an MBR 1 … 4, and from 5 on those inside an extended partition.
    package var number: UInt32
    package var range: Range<UInt64>
    /// 16 bytes of a GPT, 1 of an MBR.
    package var type: [UInt8]
    package var id: [UInt8] = []
    package var name = ""
    package var attributes: UInt64 = 0
  }

  package var kind: ImageRecord.Table
  package var id: [UInt8]
  /// Ascending by number; each lies inside the disk. They may overlap.
  package var partitions: [Partition] = []
  /// What is wrong with the table, in words that end a sentence.
  package var problems: [String] = []

  /// Reads `count` bytes at an offset; fewer only at the end of the disk.
  package typealias Source = (_ offset: UInt64, _ count: Int) throws -> [UInt8]

  /// Looks for a partition table.
  ///
  /// - Parameters:
  ///   - size: of the disk in bytes.
  ///   - sector: its logical sector; nil for a file, which may be the image of a disk of either of the usual sectors.
  /// - Returns: nil when there is none.
  /// - Throws: what `source` throws, nothing else.
  package static func read(size: UInt64, sector: UInt32?, _ source: Source) throws -> PartitionTable? {
    let sectors: [UInt64] = sector.map { [UInt64($0)] } ?? [512, 4096]
    let first = try source(0, 512)
    let mbr = MasterBootRecord(first)
    for sector in sectors where (512...4096).contains(sector) && mbr?.isProtective ?? true {
      if let table = try GUIDTable.read(size: size, sector: sector, isExpected: mbr != nil, source) { return table }
    }
    return try mbr?.table(size: size, sector: sector.map(UInt64.init) ?? 512, source)
  }
}
