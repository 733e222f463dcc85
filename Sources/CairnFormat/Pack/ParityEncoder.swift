/// Computes the parity area of a pack.
package enum ParityEncoder {
  /// Reads exactly as many bytes of the pack as the buffer takes.
  package typealias Read = (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws -> Void

  /// Calls `write` with the pieces that follow the first P bytes of a pack, in order and without the trailer.
  ///
  /// Holds the parity shards and one row of blocks.
  package static func encode(
    _ layout: ParityLayout, read: Read, write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let matrix = ParityCode.encodingMatrix(data: layout.dataShards, shards: 0..<layout.parityShards)
    let row = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.dataShards * layout.blockLength, alignment: 64)
    defer { row.deallocate() }
    let parity = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.parityShards * layout.shardLength, alignment: 64)
    defer { parity.deallocate() }
    var table = ParityTable(layout: layout, checksums: [UInt64](repeating: 0, count: layout.blockCount))
    for number in 0..<layout.rows {
      let length = layout.length(ofRow: number)
      let data = (0..<layout.dataShards).map { blockOf(row, $0 * layout.blockLength, length) }
      let coded = (0..<layout.parityShards).map { blockOf(parity, $0 * layout.shardLength + number * layout.blockLength, length) }
      for (shard, block) in data.enumerated() {
        let stored = layout.range(shard: shard, row: number)
        try read(stored.lowerBound, UnsafeMutableRawBufferPointer(rebasing: block[..<stored.count]))
        UnsafeMutableRawBufferPointer(rebasing: block[stored.count...]).initializeMemory(as: UInt8.self, repeating: 0)
      }
      ParityCode.multiply(
        matrix, data.compactMap { $0.baseAddress.map { UnsafeRawPointer($0) } }, into: coded.compactMap(\.baseAddress), length: length)
      for (shard, block) in (data + coded).enumerated() {
        table.checksums[shard * layout.rows + number] = ParityCode.checksum(UnsafeRawBufferPointer(block))
      }
    }
    try writeArea(table, UnsafeRawBufferPointer(parity), write)
  }

  private static func writeArea(
    _ table: ParityTable, _ parity: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let middle = table.layout.parityShards / 2 * table.layout.shardLength
    try table.encode().withUnsafeBytes { table in
      for piece in [
        table, UnsafeRawBufferPointer(rebasing: parity[..<middle]), table, UnsafeRawBufferPointer(rebasing: parity[middle...]), table,
      ]
      where !piece.isEmpty { try write(piece) }
    }
  }

  private static func blockOf(_ memory: UnsafeMutableRawBufferPointer, _ offset: Int, _ length: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: memory[offset..<(offset + length)])
  }
}
