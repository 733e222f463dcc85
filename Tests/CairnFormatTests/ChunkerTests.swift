import CairnFormat
import CairnTestSupport
import Testing

@Suite struct ChunkerTests {
  static let tiny = ChunkerParameters(minimum: 256, average: 1024, maximum: 4096)

  static func chunker(_ parameters: ChunkerParameters) throws -> Chunker {
    try Chunker(parameters: parameters, seed: Fixtures.keys.chunkerSeed)
  }

  /// All chunk lengths of `bytes`, with at most `window` bytes shown to the chunker at a time (more when it asks).
  static func lengths(_ bytes: [UInt8], _ chunker: Chunker, window: Int = .max) -> [Int] {
    var lengths: [Int] = []
    var start = 0
    while start < bytes.count {
      var shown = min(window, bytes.count - start)
      while true {
        let cut = bytes.withUnsafeBytes {
          chunker.nextCut(UnsafeRawBufferPointer(rebasing: $0[start..<start + shown]), atEnd: start + shown == bytes.count)
        }
        if let cut {
          lengths.append(cut)
          start += cut
          break
        }
        shown = min(bytes.count - start, shown + max(window / 2, 1))
      }
    }
    return lengths
  }

  @Test(arguments: [UInt64](1...6))
  func theKernelCutsAsTheReference(seed: UInt64) throws {
    let bytes =
      SampleBytes.random(seed: seed, count: 40_000) + [UInt8](repeating: UInt8(seed), count: 5000)
      + SampleBytes.text(seed: seed, count: 30_000)
    for parameters in [
      Self.tiny, ChunkerParameters(minimum: 300, average: 777, maximum: 1001),
      ChunkerParameters(minimum: 256, average: 8192, maximum: 20_000),
    ] {
      let reference = GearReference(table: try GearTable.words, parameters: parameters)
      let found = Self.lengths(bytes, try Self.chunker(parameters))
      var expected: [Int] = []
      var start = 0
      while start < bytes.count {
        let cut = try #require(reference.cut(bytes[start...], atEnd: true))
        expected.append(cut)
        start += cut
      }
      #expect(found == expected, "seed \(seed), average \(parameters.average)")
    }
  }

  @Test(arguments: [1, 63, 255, 256, 257, 1000, 4095, 4096, 5000, 100_000])
  func howMuchIsShownAtATimeDoesNotMatter(window: Int) throws {
    let bytes = SampleBytes.random(seed: 11, count: 60_000)
    let chunker = try Self.chunker(Self.tiny)
    #expect(Self.lengths(bytes, chunker, window: window) == Self.lengths(bytes, chunker))
  }

  @Test func chunkSizesAreDistributedAsPublished() throws {
    let parameters = ChunkerParameters(minimum: 4096, average: 16_384, maximum: 65_536)
    let lengths = Self.lengths(SampleBytes.random(seed: 5, count: 16 << 20), try Self.chunker(parameters)).dropLast()
    let mean = Double(lengths.reduce(0, +)) / Double(lengths.count) / 16_384
    #expect(abs(mean - 1.14) < 0.05, "mean \(mean) of the average")
    #expect(lengths.allSatisfy { $0 >= 4096 && $0 <= 65_536 })
    let below = Double(lengths.count { $0 < 16_384 }) / Double(lengths.count)
    #expect(abs(below - 0.171) < 0.05, "\(below) of the chunks are below the average")
    #expect(lengths.count { $0 == 65_536 } * 1000 < lengths.count)
  }

  @Test(arguments: [0, 1, 12_345, 150_000])
  func anInsertedByteChangesAFewChunksOnly(place: Int) throws {
    let bytes = SampleBytes.random(seed: 21, count: 300_000)
    var changed = bytes
    changed.insert(0x55, at: place)
    let chunker = try Self.chunker(Self.tiny)
    func contents(_ bytes: [UInt8]) -> Set<[UInt8]> {
      var start = 0
      return Set(
        Self.lengths(bytes, chunker).map { length in
          defer { start += length }
          return Array(bytes[start..<start + length])
        })
    }
    let (before, after) = (contents(bytes), contents(changed))
    #expect(after.subtracting(before).count <= 4)
    #expect(before.subtracting(after).count <= 4)
  }

  @Test func nothingBelowTheMinimumIsDecidedBeforeTheEnd() throws {
    let chunker = try Self.chunker(Self.tiny)
    let bytes = [UInt8](repeating: 0, count: 255)
    bytes.withUnsafeBytes { all in
      #expect(chunker.nextCut(all, atEnd: false) == nil)
      #expect(chunker.nextCut(all, atEnd: true) == 255)
      #expect(chunker.nextCut(UnsafeRawBufferPointer(rebasing: all[..<0]), atEnd: true) == nil)
      #expect(chunker.nextCut(UnsafeRawBufferPointer(rebasing: all[..<1]), atEnd: true) == 1)
    }
  }

  @Test func fixedChunksAreAllOfOneSize() throws {
    let chunker = try Self.chunker(ChunkerParameters(algorithm: ChunkerParameters.fixedSize, minimum: 1000, average: 1000, maximum: 1000))
    #expect(Self.lengths([UInt8](repeating: 7, count: 2500), chunker) == [1000, 1000, 500])
    let bytes = [UInt8](repeating: 7, count: 999)
    #expect(bytes.withUnsafeBytes { chunker.nextCut($0, atEnd: false) } == nil)
  }

  @Test func anotherKeyCutsElsewhere() throws {
    let bytes = SampleBytes.random(seed: 3, count: 50_000)
    let other = Fixtures.keySet([UInt8](repeating: 9, count: 32), Fixtures.repository)
    let second = try Chunker(parameters: Self.tiny, seed: other.chunkerSeed)
    #expect(Self.lengths(bytes, try Self.chunker(Self.tiny)) != Self.lengths(bytes, second))
  }
}

/// The gear table of the fixture's keys, recovered through the scan kernel.
enum GearTable {
  static var words: [UInt64] {
    get throws { try Chunker(parameters: ChunkerTests.tiny, seed: Fixtures.keys.chunkerSeed).tableForTests }
  }
}
