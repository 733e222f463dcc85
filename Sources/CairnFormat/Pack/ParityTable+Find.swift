extension ParityTable {
  /// Tables whose checksum is computed before the search is given up: someone may have put many into one object.
  private static let maximumCandidates = 64

  /// Finds a good copy of the table in an object that may be damaged anywhere, cut short or lengthened.
  ///
  /// - Parameters:
  ///   - size: bytes that the object has.
  ///   - read: as for `ParityDecoder`.
  /// - Returns: nil when there is none.
  package static func find(size: Int, read: ParityDecoder.Read) throws -> ParityTable? {
    guard size > 0, size <= 2 * Limits.packBytes else { return nil }
    if let offset = try hint(size, read), let table = try table(at: offset, read) { return table }
    // From the end, where the tables are.
    let window = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { window.deallocate() }
    var candidates = 0
    var start = (size - 1) / window.count * window.count
    while start >= 0 {
      let count = try read(start, UnsafeMutableRawBufferPointer(rebasing: window[..<min(window.count, size - start)]))
      for offset in stride(from: 0, to: count, by: ParityLayout.alignment).reversed() {
        let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(window)[offset..<count])
        guard let layout = plausibleLayout(bytes), layout.tableOffsets.contains(start + offset) else { continue }
        if let table = try table(at: start + offset, read) { return table }
        candidates += 1
        guard candidates < maximumCandidates else { return nil }
      }
      start -= window.count
    }
    return nil
  }

  /// Where the trailer says that the parity area begins.
  private static func hint(_ size: Int, _ read: ParityDecoder.Read) throws -> Int? {
    var bytes = [UInt8](repeating: 0, count: PackTrailer.length)
    guard size > bytes.count, try bytes.withUnsafeMutableBytes({ try read(size - $0.count, $0) }) == bytes.count else { return nil }
    // `try?`: a damaged trailer is no hint.
    let trailer = try? PackTrailer.decode(bytes, packSize: UInt64(size))
    return trailer.flatMap { Int(exactly: $0.parityOffset) }
  }

  private static func plausibleLayout(_ bytes: UnsafeRawBufferPointer) -> ParityLayout? {
    // `try?`: what is no table is passed over.
    try? decodeLayout(bytes)
  }

  private static func table(at offset: Int, _ read: ParityDecoder.Read) throws -> ParityTable? {
    var head = [UInt8](repeating: 0, count: fixedLength)
    guard try head.withUnsafeMutableBytes({ try read(offset, $0) }) == head.count, let layout = head.withUnsafeBytes(plausibleLayout),
      layout.tableOffsets.contains(offset)
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: layout.tableLength)
    guard try bytes.withUnsafeMutableBytes({ try read(offset, $0) }) == bytes.count else { return nil }
    // `try?`: a damaged copy is as good as none.
    return try? decode(bytes)
  }
}
