import CairnFormat
import CairnSystem
import Glibc

/// The holes of an image, and what they mean in a target that holds something already.
struct ImageHoles {
  enum Mode {
    /// Only add up.
    case nothing
    /// Count the bytes that are not zeros and should be.
    case count
    /// As `count`, and write zeros there.
    case zero
  }

  private static let step: UInt64 = 1 << 20

  private let run: RestoreRun
  private let image: ImageNode
  private let target: ImageTarget
  /// Where a hole is what was not in use.
  private let unused: [Range<UInt64>]

  init(_ run: RestoreRun, _ image: ImageNode, _ target: ImageTarget, zeroFree: Bool) {
    self.run = run
    self.image = image
    self.target = target
    let volumes = zeroFree ? [] : image.record?.volumes ?? []
    unused = volumes.filter(\.holdsUsedBlocksOnly).map(\.range).sorted { $0.lowerBound < $1.lowerBound }
  }

  /// Bytes of the image that are content.
  var contentBytes: UInt64 {
    // `try?`: damage was reported when the content was planned.
    var sum: UInt64 = 0
    var cursor = run.view.trees.content(image.node)
    while let item = try? cursor.next() { sum = sum.addingSaturated(item.id == nil ? 0 : item.length) }
    return sum
  }

  /// Goes through all holes.
  ///
  /// - Returns: the bytes that were not zeros and should be, in blocks; and those that do not matter.
  func treat(_ mode: Mode) throws -> (wrong: UInt64, left: UInt64) {
    var (wrong, left): (UInt64, UInt64) = (0, 0)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(Self.step), alignment: 4096)
    defer { buffer.deallocate() }
    var cursor = run.view.trees.content(image.node)
    var offset: UInt64 = 0
    do {
      while let item = try cursor.next() {
        guard let end = offset.checkedSum(item.length) else { return (wrong, left) }
        if item.id == nil {
          for (range, matters) in parts(offset..<end) {
            if matters, mode != .nothing {
              wrong += try clear(range, mode, buffer)
            } else if !matters {
              left += range.upperBound - range.lowerBound
            }
            run.context.counters.bytesDone.add(range.upperBound - range.lowerBound)
          }
        }
        offset = end
      }
    } catch let error as CairnError where error.code == .damaged {
      return (wrong, left)  // reported when the content was planned
    }
    return (wrong, left)
  }

  /// Takes a hole apart into what must be zeros and what does not matter.
  private func parts(_ hole: Range<UInt64>) -> [(range: Range<UInt64>, matters: Bool)] {
    var parts: [(Range<UInt64>, Bool)] = []
    var position = hole.lowerBound
    for place in unused where place.upperBound > position && place.lowerBound < hole.upperBound {
      if place.lowerBound > position { parts.append((position..<place.lowerBound, true)) }
      let end = min(place.upperBound, hole.upperBound)
      let start = max(position, place.lowerBound)
      if start < end { parts.append((start..<end, false)) }
      position = max(position, end)
    }
    if position < hole.upperBound { parts.append((position..<hole.upperBound, true)) }
    return parts
  }

  private func clear(_ range: Range<UInt64>, _ mode: Mode, _ buffer: UnsafeMutableRawBufferPointer) throws -> UInt64 {
    var wrong: UInt64 = 0
    var position = range.lowerBound
    while position < range.upperBound {
      try run.context.cancellation.check()
      if target.device == nil {
        // A file's own holes need no look.
        guard let data = try target.file.nextData(from: position), data < range.upperBound else { return wrong }
        position = max(position, data)
      }
      let end = min(range.upperBound, (position / Self.step + 1) * Self.step)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(end - position)])
      let count = try target.file.read(into: part, at: position)
      let found = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(part)[..<count])
      if !ZeroRuns.isZero(found) { wrong += try zero(found, position, mode) }
      position = end
    }
    return wrong
  }

  /// Writes zeros over the blocks that are not zeros.
  private func zero(_ found: UnsafeRawBufferPointer, _ offset: UInt64, _ mode: Mode) throws -> UInt64 {
    var ranges: [Range<Int>] = []
    ZeroRuns.forEachData(found, at: offset) { ranges.append($0) }
    let zeros = [UInt8](repeating: 0, count: mode == .zero ? ranges.map(\.count).max() ?? 0 : 0)
    for range in ranges where mode == .zero {
      try zeros.withUnsafeBytes { bytes in
        try target.file.write(UnsafeRawBufferPointer(rebasing: bytes[..<range.count]), at: offset + UInt64(range.lowerBound))
      }
    }
    return ranges.reduce(0) { $0 + UInt64($1.count) }
  }
}
