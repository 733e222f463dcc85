extension Compressor {
  /// Below this many bytes the probe would cost as much as the compression it may save.
  package static let probeMinimumBytes = 64 << 10
  private static let samples = 8
  private static let sampleBytes = 4096

  /// Whether `source` most likely does not shrink by 3 %: eight samples of 4 KiB, spread evenly, are compressed together at zstd level 1.
  ///
  /// Takes about 50 µs whatever the length. Media and encrypted or compressed files are told apart reliably; a blob whose compressible part
  /// lies between the samples is stored raw, which costs space and nothing else. Always false below `probeMinimumBytes`.
  package func looksIncompressible(_ source: UnsafeRawBufferPointer) -> Bool {
    guard source.count >= Self.probeMinimumBytes, let base = source.baseAddress else { return false }
    let total = Self.samples * Self.sampleBytes
    let stride = (source.count - Self.sampleBytes) / (Self.samples - 1)
    return withUnsafeTemporaryAllocation(byteCount: total * 2, alignment: 16) { scratch in
      guard let start = scratch.baseAddress else { return false }
      for index in 0..<Self.samples {
        (start + index * Self.sampleBytes).copyMemory(from: base + index * stride, byteCount: Self.sampleBytes)
      }
      let sample = UnsafeRawBufferPointer(start: start, count: total)
      let output = UnsafeMutableRawBufferPointer(start: start + total, count: total)
      // A failure of zstd shows again, and is thrown, when the whole is compressed.
      return (try? shrink(sample, into: output, room: total - total * 3 / 100, level: 1)) == .some(nil)
    }
  }
}
