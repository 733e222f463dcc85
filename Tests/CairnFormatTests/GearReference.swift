import CairnFormat

/// The chunker as the page defines it, byte by byte, to hold the kernel against.
struct GearReference {
  /// The chunker's own; a vector checks it.
  let table: [UInt64]
  let parameters: ChunkerParameters

  func cut(_ bytes: ArraySlice<UInt8>, atEnd: Bool) -> Int? {
    let (minimum, average, maximum) = (Int(parameters.minimum), Int(parameters.average), Int(parameters.maximum))
    let hard = (UInt64.max / UInt64(4 * average)) + (UInt64.max % UInt64(4 * average) == UInt64(4 * average - 1) ? 1 : 0)
    let easy = (UInt64.max / UInt64(average / 4)) + (UInt64.max % UInt64(average / 4) == UInt64(average / 4 - 1) ? 1 : 0)
    var hash: UInt64 = 0
    var length = 0
    for byte in bytes {
      length += 1
      hash = (hash << 1) &+ table[Int(byte)]
      if length == maximum { return length }
      if length >= minimum, hash < (length < average ? hard : easy) { return length }
    }
    return atEnd && length > 0 ? length : nil
  }
}

/// Test data that FORMAT.md defines: words of SplitMix64, little endian.
enum SampleBytes {
  static func random(seed: UInt64, count: Int) -> [UInt8] {
    var random = SplitMix(state: seed)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      var offset = 0
      while offset < count {
        withUnsafeBytes(of: random.next().littleEndian) { word in
          let length = min(8, count - offset)
          for index in 0..<length { raw[offset + index] = word[index] }
        }
        offset += 8
      }
      filled = count
    }
  }

  private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Text-like bytes: words of a small vocabulary, so that they compress about threefold.
  static func text(seed: UInt64, count: Int) -> [UInt8] {
    let noise = random(seed: seed, count: count / 4 + 8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 16)
    var index = 0
    while bytes.count < count {
      bytes.append(contentsOf: "word\(noise[index % noise.count] & 63) ".utf8)
      index += 1
    }
    return Array(bytes[..<count])
  }
}
