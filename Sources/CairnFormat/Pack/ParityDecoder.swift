/// Finds what is damaged in a pack with parity, and puts it right. Holds the table and one row of blocks.
///
/// Everything it reads may be hostile: what it writes is the pack only if it hashes to the pack's name.
package final class ParityDecoder {
  /// Reads as many bytes of the pack as the buffer takes; fewer where the pack ends or cannot be read.
  package typealias Read = (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws -> Int

  /// What `examine` found.
  package struct Damage: Equatable, Sendable {
    /// Bytes to be replaced, ascending and apart: whole blocks, tables or the trailer.
    package var ranges: [Range<Int>]
    /// Rows in which more blocks are bad than parity can give back.
    package var lostRows = 0
    /// The most bad blocks in one row.
    package var worst = 0

    package init(ranges: [Range<Int>] = []) { self.ranges = ranges }

    package var isMendable: Bool { lostRows == 0 }
  }

  package let table: ParityTable
  private let read: Read
  private let encodedTable: [UInt8]
  private var isBad: [Bool]
  /// A row of blocks as coded, then room for those that are computed.
  private let memory: UnsafeMutableRawBufferPointer

  private var layout: ParityLayout { table.layout }

  package init(_ table: ParityTable, read: @escaping Read) {
    self.table = table
    self.read = read
    encodedTable = table.encode()
    isBad = [Bool](repeating: false, count: table.layout.blockCount)
    memory = .allocate(byteCount: (table.layout.shards + table.layout.parityShards + 1) * table.layout.blockLength, alignment: 64)
  }

  deinit { memory.deallocate() }

  // MARK: - Locating

  /// Reads all of the pack in order and compares every block with its checksum.
  ///
  /// - Parameter size: bytes that the object has.
  package func examine(size: Int) throws -> Damage {
    var ranges: [Range<Int>] = []
    for shard in 0..<layout.shards {
      for row in 0..<layout.rows {
        let isGood = try load(shard, row, slot: 0) && checksum(row) == table.checksum(shard: shard, row: row)
        isBad[shard * layout.rows + row] = !isGood
        if !isGood { ranges.append(layout.range(shard: shard, row: row)) }
      }
    }
    for offset in layout.tableOffsets where try !holds(encodedTable, at: offset) { ranges.append(offset..<offset + encodedTable.count) }
    let trailer = layout.trailer.encode()
    let end = layout.packLength - trailer.count
    if try !holds(trailer, at: end) { ranges.append(end..<layout.packLength) }
    if size > layout.packLength { ranges.append(layout.packLength..<size) }
    var damage = Damage(ranges: Self.merged(ranges))
    for row in 0..<layout.rows {
      let bad = (0..<layout.shards).count { isBad[$0 * layout.rows + row] }
      damage.worst = max(damage.worst, bad)
      if bad > layout.parityShards { damage.lostRows += 1 }
    }
    return damage
  }

  private static func merged(_ ranges: [Range<Int>]) -> [Range<Int>] {
    var merged: [Range<Int>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = merged.last, last.upperBound >= range.lowerBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  private func holds(_ bytes: [UInt8], at offset: Int) throws -> Bool {
    var found = [UInt8](repeating: 0, count: bytes.count)
    return try found.withUnsafeMutableBytes { try read(offset, $0) } == bytes.count && found == bytes
  }

  // MARK: - Mending

  /// Writes the whole pack in order, with what `examine` found bad computed from the rest.
  ///
  /// - Precondition: `examine` found it mendable.
  package func mend(write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let (data, middle) = (layout.dataShards, layout.dataShards + layout.parityShards / 2)
    for shards in [0..<data, data..<middle, middle..<layout.shards] {
      for shard in shards {
        for row in 0..<layout.rows { try mend(shard, row, write) }
      }
      try encodedTable.withUnsafeBytes(write)
    }
    try layout.trailer.encode().withUnsafeBytes(write)
  }

  private func mend(_ shard: Int, _ row: Int, _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let stored = layout.range(shard: shard, row: row).count
    guard stored > 0 else { return }
    var place = shard
    if isBad[shard * layout.rows + row] { place = try compute(shard, row) } else { _ = try load(shard, row, slot: shard) }
    try write(UnsafeRawBufferPointer(rebasing: slot(place, row)[..<stored]))
  }

  /// Computes a block from the others of its row.
  ///
  /// - Returns: the slot that holds it then.
  private func compute(_ shard: Int, _ row: Int) throws -> Int {
    let k = layout.dataShards
    let lost = (0..<k).filter { isBad[$0 * layout.rows + row] }
    let parity = (k..<layout.shards).filter { !isBad[$0 * layout.rows + row] }.prefix(lost.count).map { $0 - k }
    var inputs: [Int] = []
    for data in 0..<k {
      let source = lost.firstIndex(of: data).map { k + parity[$0] } ?? data
      _ = try load(source, row, slot: source)
      inputs.append(source)
    }
    let free = layout.shards
    if !lost.isEmpty {
      let matrix = ParityCode.recoveryMatrix(data: k, lost: lost, parity: parity)
      let outputs = lost.indices.map { free + $0 }
      multiply(matrix, inputs, outputs, row)
      for (index, data) in lost.enumerated() { inputs[data] = outputs[index] }
    }
    if shard < k { return inputs[shard] }
    let last = free + lost.count
    multiply(ParityCode.encodingMatrix(data: k, shards: [shard - k]), inputs, [last], row)
    return last
  }

  private func multiply(_ matrix: [UInt8], _ inputs: [Int], _ outputs: [Int], _ row: Int) {
    ParityCode.multiply(
      matrix, inputs.compactMap { slot($0, row).baseAddress.map { UnsafeRawPointer($0) } },
      into: outputs.compactMap { slot($0, row).baseAddress }, length: layout.length(ofRow: row))
  }

  // MARK: - Blocks

  /// Reads a block and the zeros behind it; false when not all of it could be read.
  private func load(_ shard: Int, _ row: Int, slot number: Int) throws -> Bool {
    let stored = layout.range(shard: shard, row: row)
    let block = slot(number, row)
    let got = stored.isEmpty ? 0 : try read(stored.lowerBound, UnsafeMutableRawBufferPointer(rebasing: block[..<stored.count]))
    UnsafeMutableRawBufferPointer(rebasing: block[min(got, stored.count)...]).initializeMemory(as: UInt8.self, repeating: 0)
    return got == stored.count
  }

  /// Of the block in the first slot.
  private func checksum(_ row: Int) -> UInt64 { ParityCode.checksum(UnsafeRawBufferPointer(slot(0, row))) }

  private func slot(_ number: Int, _ row: Int) -> UnsafeMutableRawBufferPointer {
    let start = number * layout.blockLength
    return UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + layout.length(ofRow: row)])
  }
}
