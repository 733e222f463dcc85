import CCairn
import CairnTestSupport
import Testing

@testable import CairnFormat

@Suite struct ParityTests {
  /// Small ones of different shape: several rows with a short last block and a short last shard; one data shard; one parity shard.
  static var layouts: [ParityLayout] {
    get throws {
      [
        try ParityLayout(dataShards: 3, parityShards: 2, blockLength: 128, shardLength: 320, coveredLength: 896, directoryLength: 256),
        try ParityLayout(dataShards: 1, parityShards: 3, blockLength: 64, shardLength: 128, coveredLength: 128, directoryLength: 64),
        try ParityLayout(dataShards: 5, parityShards: 1, blockLength: 64, shardLength: 64, coveredLength: 320, directoryLength: 64),
      ]
    }
  }

  static func area(_ layout: ParityLayout, _ covered: [UInt8]) throws -> [UInt8] {
    var area: [UInt8] = []
    try ParityEncoder.encode(layout) { offset, buffer in
      buffer.copyBytes(from: covered[offset..<offset + buffer.count])
    } write: {
      area += $0
    }
    return area
  }

  static func pack(_ layout: ParityLayout) throws -> [UInt8] {
    let covered = SampleBytes.random(seed: 7, count: layout.coveredLength)
    return covered + (try area(layout, covered)) + layout.trailer.encode()
  }

  static func table(_ layout: ParityLayout) throws -> ParityTable {
    let pack = try pack(layout)
    return try ParityTable.decode(Array(pack[layout.coveredLength..<layout.coveredLength + layout.tableLength]))
  }

  static func reader(_ bytes: [UInt8]) -> ParityDecoder.Read {
    { offset, buffer in
      guard offset < bytes.count else { return 0 }
      let count = min(buffer.count, bytes.count - offset)
      buffer.copyBytes(from: bytes[offset..<offset + count])
      return count
    }
  }

  /// The mended pack; nil when the table is gone or too much is damaged.
  private func mended(_ damaged: [UInt8]) throws -> [UInt8]? {
    let read = Self.reader(damaged)
    guard let table = try ParityTable.find(size: damaged.count, read: read) else { return nil }
    let decoder = ParityDecoder(table, read: read)
    guard try decoder.examine(size: damaged.count).isMendable else { return nil }
    var bytes: [UInt8] = []
    try decoder.mend { bytes += $0 }
    return bytes
  }

  private func subsets(_ count: Int, _ size: Int) -> [[Int]] {
    if size == 0 { return [[]] }
    return (0..<count).flatMap { first in
      subsets(count - first - 1, size - 1).map { [first] + $0.map { $0 + first + 1 } }
    }
  }

  private func spoiled(_ pack: [UInt8], _ layout: ParityLayout, _ shards: [Int], row: Int) -> [UInt8] {
    var damaged = pack
    for shard in shards {
      for index in layout.range(shard: shard, row: row) { damaged[index] ^= 0x5A }
    }
    return damaged
  }

  @Test func bothImplementationsComputeTheSame() {
    #expect(cairn_crc64_portable("123456789", 9) == 0x995D_C9BB_DF19_39FA)
    #expect(ParityCode.isAccelerated, "ISA-L is not installed: only the portable code is tested")
    let bytes = SampleBytes.random(seed: 3, count: 4099)
    for count in [0, 1, 7, 8, 9, 63, 4099] { #expect(cairn_crc64(bytes, count) == cairn_crc64_portable(bytes, count)) }
    for (inputs, rows) in [(1, 1), (2, 5), (32, 2), (128, 16)] {
      let length = 513
      let data = SampleBytes.random(seed: 4, count: inputs * length)
      let matrix = SampleBytes.random(seed: 5, count: inputs * rows)
      let results = [cairn_gf_multiply, cairn_gf_multiply_portable].map { multiply in
        var output = [UInt8](repeating: 1, count: rows * length)
        data.withUnsafeBufferPointer { data in
          output.withUnsafeMutableBufferPointer { output in
            let sources = (0..<inputs).map { data.baseAddress?.advanced(by: $0 * length) }
            let targets = (0..<rows).map { output.baseAddress?.advanced(by: $0 * length) }
            multiply(length, CInt(inputs), CInt(rows), matrix, sources, targets)
          }
        }
        return output
      }
      #expect(results[0] == results[1])
    }
  }

  @Test func anyBlocksOfARowUpToTheNumberOfParityShardsComeBack() throws {
    for layout in try Self.layouts {
      let pack = try Self.pack(layout)
      for row in 0..<layout.rows {
        for count in 0...layout.parityShards {
          for shards in subsets(layout.shards, count) {
            #expect(try mended(spoiled(pack, layout, shards, row: row)) == pack, "\(layout) \(shards) in row \(row)")
          }
        }
      }
    }
  }

  @Test func oneBlockMoreIsRefused() throws {
    for layout in try Self.layouts {
      let pack = try Self.pack(layout)
      for shards in subsets(layout.shards, layout.parityShards + 1) {
        let damaged = spoiled(pack, layout, shards, row: 0)
        let decoder = ParityDecoder(try Self.table(layout), read: Self.reader(damaged))
        let damage = try decoder.examine(size: damaged.count)
        #expect(!damage.isMendable && damage.lostRows == 1 && damage.worst == layout.parityShards + 1)
      }
    }
  }

  @Test func rowsAreIndependent() throws {
    let layout = try Self.layouts[0]
    let pack = try Self.pack(layout)
    let damaged = spoiled(spoiled(spoiled(pack, layout, [0, 1], row: 0), layout, [2, 3], row: 1), layout, [3, 4], row: 2)
    #expect(try mended(damaged) == pack)
  }

  @Test func theDamageIsToldInBytes() throws {
    let layout = try Self.layouts[0]
    var damaged = try Self.pack(layout)
    damaged[130] ^= 1
    damaged[255] ^= 1
    damaged[256] ^= 1
    damaged[damaged.count - 1] ^= 1
    let damage = try ParityDecoder(try Self.table(layout), read: Self.reader(damaged)).examine(size: damaged.count)
    #expect(damage.ranges == [128..<320, damaged.count - 32..<damaged.count])
    #expect(damage.worst == 1 && damage.isMendable)
  }

  @Test func oneTableOfThreeIsEnoughEvenWithoutTheTrailer() throws {
    for layout in try Self.layouts {
      let pack = try Self.pack(layout)
      for kept in 0..<3 {
        var damaged = pack
        for (number, offset) in layout.tableOffsets.enumerated() where number != kept {
          for index in offset..<offset + layout.tableLength { damaged[index] = 0 }
        }
        #expect(try mended(damaged) == pack)
        for index in damaged.count - 32..<damaged.count { damaged[index] = 0 }
        #expect(try mended(damaged) == pack)
        for index in 0..<64 { damaged[index] = 0 }
        #expect(try mended(damaged) == pack)
        let last = layout.tableOffsets[kept] + layout.tableLength / 2
        damaged[last] ^= 1
        #expect(try mended(damaged) == nil)
      }
    }
  }

  @Test func whatWasCutOffComesBackIfItWasParityOnly() throws {
    for layout in try Self.layouts {
      let pack = try Self.pack(layout)
      let enough = layout.coveredLength + layout.tableLength
      for length in stride(from: enough, to: pack.count, by: 7) { #expect(try mended(Array(pack[..<length])) == pack) }
      #expect(try mended(Array(pack[..<(enough - 1)])) == nil)
    }
  }

  @Test func whatWasAddedAtTheEndIsDropped() throws {
    let pack = try Self.pack(try Self.layouts[0])
    #expect(try mended(pack + [1, 2, 3]) == pack)
    #expect(try mended(pack + [UInt8](repeating: 9, count: 5000)) == pack)
  }

  @Test func manyForgedTablesEndTheSearch() throws {
    let layout = try ParityLayout(
      dataShards: 1, parityShards: 1, blockLength: 64, shardLength: 64 << 10, coveredLength: 64 << 10, directoryLength: 64)
    var bytes = [UInt8](repeating: 0, count: layout.packLength)
    // Heads that fit their places, with checksums that do not fit the bytes.
    for start in stride(from: 64, to: layout.packLength - layout.tableLength, by: 64) {
      guard
        let fitting = try? ParityLayout(
          dataShards: 1, parityShards: 1, blockLength: 64, shardLength: start, coveredLength: start, directoryLength: 1)
      else { continue }
      let head = ParityTable(layout: fitting, checksums: [UInt64](repeating: 0, count: fitting.blockCount)).encode().prefix(40)
      bytes.replaceSubrange(start..<start + 40, with: head)
    }
    let reads = Counts()
    let read = Self.reader(bytes)
    #expect(
      try ParityTable.find(size: bytes.count) { offset, buffer in
        reads.value += buffer.count > 40 ? 1 : 0
        return try read(offset, buffer)
      } == nil)
    #expect(reads.value < 70)
  }

  private final class Counts { var value = 0 }

  @Test func bytesThatCannotBeReadCountAsDamaged() throws {
    let layout = try Self.layouts[0]
    let pack = try Self.pack(layout)
    let read = Self.reader(pack)
    let decoder = ParityDecoder(try Self.table(layout)) { offset, buffer in
      // A bad sector: nothing that touches it can be read.
      if offset < 200, offset + buffer.count > 150 { return 0 }
      return try read(offset, buffer)
    }
    #expect(try decoder.examine(size: pack.count).ranges == [128..<256])
    var bytes: [UInt8] = []
    try decoder.mend { bytes += $0 }
    #expect(bytes == pack)
  }

  // MARK: - Layouts

  @Test func fullPacksCostAtMostSevenPercent() throws {
    let choice = ParityChoice(data: 32, parity: 2)
    for megabytes in [4, 8, 32, 64, 128] {
      let layout = try choice.layout(coveredLength: megabytes << 20, directoryLength: 65_536)
      #expect(layout.dataShards == 32 && layout.parityShards == 2)
      #expect(Double(layout.packLength) / Double(layout.coveredLength) <= 1.07)
    }
  }

  @Test func everyChoiceFitsEveryPackWithinItsLimit() throws {
    for (data, parity) in [(1, 1), (1, 16), (4, 4), (8, 4), (32, 2), (128, 1), (128, 16)] {
      let choice = ParityChoice(data: data, parity: parity)
      let largest = max(choice.targetLimit, 17 << 20)
      for covered in [4096, 65_536, 69_632, 131_072, 1 << 20, 17 << 20, largest] {
        let layout = try choice.layout(coveredLength: SizeClass.padded(covered), directoryLength: 256)
        #expect(layout.parityShards * layout.shardLength <= 36 << 20)
        #expect(layout.parityShards <= parity && layout.dataShards <= data)
      }
    }
  }

  /// Shards are long enough in small packs, and blocks short enough.
  @Test func twoBurstsOf64KiBAreMendedInAnyPackThatIsLarger() throws {
    var random = SeededRandom(seed: 11)
    for covered in [69_632, 131_072, 139_264, 200_704, 430_080, 3_145_728] {
      let layout = try ParityChoice(data: 32, parity: 2).layout(coveredLength: covered, directoryLength: 4096)
      let pack = try Self.pack(layout)
      for _ in 0..<6 {
        var damaged = pack
        for _ in 0..<2 {
          let start = Int.random(in: 0...pack.count - 65_536, using: &random)
          for index in start..<start + 65_536 { damaged[index] = 0 }
        }
        #expect(try mended(damaged) == pack, "\(layout)")
      }
    }
  }
}
