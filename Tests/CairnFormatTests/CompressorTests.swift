import CairnFormat
import CairnTestSupport
import Testing

@Suite struct CompressorTests {
  static func compress(_ raw: [UInt8], level: Int32 = 3) throws -> (codec: UInt8, content: [UInt8]) {
    var output = [UInt8](repeating: 0, count: Compressor.bound(raw.count))
    let (codec, count) = try output.withUnsafeMutableBytes { output in
      try raw.withUnsafeBytes { try Compressor().compress($0, into: output, level: level) }
    }
    return (codec, codec == Codec.raw ? raw : Array(output[..<count]))
  }

  static func decompress(_ codec: UInt8, _ content: [UInt8], rawLength: Int) throws -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: rawLength)
    try raw.withUnsafeMutableBytes { raw in
      try content.withUnsafeBytes { try Compressor().decompress(codec: codec, $0, into: raw) }
    }
    return raw
  }

  @Test(arguments: [1, 9, 100, 5000, 300_000], [Int32(1), 3, 19])
  func textComesBack(count: Int, level: Int32) throws {
    let raw = SampleBytes.text(seed: 1, count: count)
    let (codec, content) = try Self.compress(raw, level: level)
    #expect(codec == (count >= 100 ? Codec.zstd : Codec.raw))
    #expect(try Self.decompress(codec, content, rawLength: count) == raw)
    if codec == Codec.zstd { #expect(content.count * 50 <= count * 49) }
  }

  @Test(arguments: [1, 50, 4096, 200_000])
  func noiseStaysRaw(count: Int) throws {
    let raw = SampleBytes.random(seed: 2, count: count)
    #expect(try Self.compress(raw).codec == Codec.raw)
  }

  @Test func oneContextServesManyLevels() throws {
    let compressor = Compressor()
    let raw = SampleBytes.text(seed: 3, count: 20_000)
    var output = [UInt8](repeating: 0, count: raw.count)
    var sizes: [Int] = []
    for level: Int32 in [1, 19, 1, 19] {
      sizes.append(
        try output.withUnsafeMutableBytes { output in
          try raw.withUnsafeBytes { try compressor.compress($0, into: output, level: level).count }
        })
    }
    #expect(sizes[0] == sizes[2] && sizes[1] == sizes[3] && sizes[0] > sizes[1])
  }

  @Test func theProbeTellsMediaFromText() {
    let compressor = Compressor()
    let (noise, text) = (SampleBytes.random(seed: 4, count: 1 << 20), SampleBytes.text(seed: 4, count: 1 << 20))
    #expect(noise.withUnsafeBytes { compressor.looksIncompressible($0) })
    #expect(!text.withUnsafeBytes { compressor.looksIncompressible($0) })
    #expect(!noise[..<1000].withUnsafeBytes { compressor.looksIncompressible($0) })
  }

  @Test func theLengthMustBeExact() throws {
    let raw = SampleBytes.text(seed: 5, count: 10_000)
    let (codec, content) = try Self.compress(raw)
    for length in [0, 1, 9999, 10_001, 100_000] {
      #expect(
        formatError { try Self.decompress(codec, content, rawLength: length) }
          == .invalid(length < 10_000 ? "compressed frame" : "raw length"))
      #expect(formatError { try Self.decompress(Codec.raw, raw, rawLength: length) } == .invalid("raw length"))
    }
    #expect(formatError { try Self.decompress(2, content, rawLength: 10_000) } == .unsupportedFeature)
  }

  /// 26 MB of zeros in 2 KB: with room for 1003 bytes, 1003 bytes are touched.
  @Test func aBombDoesNotGoOff() throws {
    let bomb: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0, 0x70] + (0..<200).flatMap { [UInt8($0 == 199 ? 3 : 2), 0, 0x10, 0] }
    var memory = [UInt8](repeating: 0xAA, count: 5000)
    let error = formatError {
      try memory.withUnsafeMutableBytes { memory in
        try bomb.withUnsafeBytes {
          try Compressor().decompress(codec: Codec.zstd, $0, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<1003]))
        }
      }
    }
    #expect(error == .invalid("compressed frame"))
    #expect(memory[1003...].allSatisfy { $0 == 0xAA })
  }
}
