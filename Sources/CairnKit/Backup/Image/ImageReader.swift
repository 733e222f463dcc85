import CairnFormat
import CairnSystem

/// Lays the content of an image out in chunks of one size: what is in use is read, what is not becomes holes.
///
/// A chunk is a hole when no block in it is in use, or when it lies outside of all file systems whose blocks in use are known and is
/// zeros. Every other one is stored whole, with zeros where blocks are not in use: so a hole inside of such a file system never
/// stands for zeros that somebody needs.
struct ImageReader {
  private enum Kind: Equatable {
    /// Nothing is read.
    case hole
    /// All is read, and zeros become holes.
    case plain
    /// Blocks in use are read; zeros stay.
    case used
  }

  /// Longer runs are cut, so that what is looked at ahead is looked at again soon.
  private static let longestRun: UInt64 = 64 << 20

  private let source: ImageSource
  private let areas: [ImagePlan.Area]
  private let chunk: UInt64

  init(_ source: ImageSource, _ plan: ImagePlan) {
    self.source = source
    areas = plan.areas
    chunk = UInt64(plan.record.chunkBytes)
  }

  /// Reads all of it.
  ///
  /// - Throws: `CairnError` of the source or the repository; `CancellationError`.
  func read(into reader: inout ExtentReader) throws {
    var position: UInt64 = 0
    while position < source.size {
      let (kind, end) = try run(from: position)
      if kind == .hole {
        try reader.appendHole(end - position)
      } else {
        reader.zerosAreHoles = kind == .plain
        let start = position
        try reader.readExtent { target, offset in
          let count = Int(clamping: min(UInt64(target.count), end - start - offset))
          try fill(UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: start + offset)
          return count
        }
      }
      position = end
    }
  }

  // MARK: - Runs

  /// The chunks from a position on that are treated alike.
  private func run(from position: UInt64) throws -> (Kind, end: UInt64) {
    let first = min(position + chunk, source.size)
    guard let area = areas.first(where: { $0.range.upperBound > position }), first <= area.range.upperBound else {
      // A chunk of two areas is read as if all of it mattered.
      return (.used, first)
    }
    // The last chunk of an area may reach into the next one.
    let last = area.range.upperBound == source.size ? source.size : area.range.upperBound / chunk * chunk
    let end = min(last, position + Self.longestRun / chunk * chunk)
    guard let fileSystem = area.fileSystem else { return try plainRun(position, end) }
    return try usedRun(position..<end, area.range, fileSystem)
  }

  /// Holes of a file are not read, where they are as long as chunks.
  private func plainRun(_ position: UInt64, _ end: UInt64) throws -> (Kind, end: UInt64) {
    guard source.device == nil else { return (.plain, end) }
    let data = try source.file.nextData(from: position) ?? source.size
    if data >= min(position + chunk, end) { return (.hole, data >= end ? end : data / chunk * chunk) }
    let hole = try source.file.nextHole(from: data)
    let next = hole.addingSaturated(chunk - 1) / chunk * chunk
    return (.plain, min(end, max(next, position + chunk)))
  }

  private func usedRun(_ range: Range<UInt64>, _ area: Range<UInt64>, _ fileSystem: ExtFileSystem) throws -> (Kind, end: UInt64) {
    var position = range.lowerBound
    let firstUsed = try nextUsed(from: position, limit: range.upperBound, area, fileSystem)?.lowerBound ?? range.upperBound
    if firstUsed >= min(position + chunk, range.upperBound) {
      return (.hole, firstUsed == range.upperBound ? firstUsed : firstUsed / chunk * chunk)
    }
    while position < range.upperBound {
      let end = min(position + chunk, range.upperBound)
      guard let used = try nextUsed(from: position, limit: range.upperBound, area, fileSystem), used.lowerBound < end else { break }
      position = max(end, used.upperBound / chunk * chunk)
    }
    return (.used, position)
  }

  private func nextUsed(
    from position: UInt64, limit: UInt64, _ area: Range<UInt64>, _ fileSystem: ExtFileSystem
  ) throws -> Range<UInt64>? {
    do {
      let start = area.lowerBound
      return try fileSystem.nextUsed(from: position - start, limit: limit - start).map { ($0.lowerBound + start)..<($0.upperBound + start) }
    } catch {
      throw CairnError(
        .failed, "A file system of '\(Escaping.terminal(source.path))' changed while it was read: \(error.reason). No snapshot was made.",
        guidance: "Unmount or freeze it while the image is made.")
    }
  }

  // MARK: - Filling

  private func fill(_ target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    let range = offset..<(offset + UInt64(target.count))
    for area in areas where area.range.overlaps(range) {
      let part = area.range.clamped(to: range)
      let memory = { (range: Range<UInt64>) in
        UnsafeMutableRawBufferPointer(rebasing: target[Int(range.lowerBound - offset)..<Int(range.upperBound - offset)])
      }
      guard let fileSystem = area.fileSystem else {
        try source.read(into: memory(part), at: part.lowerBound)
        continue
      }
      var position = part.lowerBound
      while position < part.upperBound {
        let used = try nextUsed(from: position, limit: part.upperBound, area.range, fileSystem) ?? part.upperBound..<part.upperBound
        if used.lowerBound > position { memory(position..<used.lowerBound).initializeMemory(as: UInt8.self, repeating: 0) }
        if !used.isEmpty { try source.read(into: memory(used), at: used.lowerBound) }
        position = used.upperBound
      }
    }
  }
}
