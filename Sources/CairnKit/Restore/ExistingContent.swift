import CairnFormat
import CairnSystem
import Synchronization

/// Compares what lies in the target with the ids of the snapshot, reading each range once.
struct ExistingContent {
  private let run: RestoreRun
  private let file: PendingFile
  private let worker: RestoreWorker

  init(_ run: RestoreRun, _ file: PendingFile, _ worker: RestoreWorker) {
    self.run = run
    self.file = file
    self.worker = worker
  }

  /// Marks the pieces that the existing file has, and notes for the file which ranges these are and whether anything differs.
  ///
  /// - Throws: only what ends the restore; a file that cannot be read counts as different.
  func compare(_ pieces: ArraySlice<ContentPiece>, _ holes: ArraySlice<ContentWindow.Hole>, _ flags: EqualFlags) throws {
    guard !file.isFailed else { return }
    var equal: [Range<UInt64>] = []
    var differs = false
    do {
      if let present = try run.openExisting(file) {
        for first in stride(from: pieces.startIndex, to: pieces.endIndex, by: 2) {
          try run.context.cancellation.check()
          let pair = pieces[first..<min(first + 2, pieces.endIndex)]
          let isThere = try worker.holds(present, pair.map { ($0.fileOffset, Int($0.length), $0.id) }, run.repository.keys)
          for (index, isEqual) in zip(pair.indices, isThere) {
            guard isEqual else {
              differs = true
              continue
            }
            flags.set(index)
            run.context.counters.bytesDone.add(UInt64(pieces[index].length))
            Self.note(pieces[index], &equal)
          }
        }
        // Which holes matter in a destination is not told here.
        for hole in holes where !differs && file.destination == nil { differs = try !isZero(hole.range, present) }
      } else {
        differs = true
      }
    } catch is FileError {
      // A bad block of the target, say: what was compared so far counts, the rest is fetched.
      differs = true
    }
    guard file.destination == nil else {
      // Nothing is copied within the destination, so that only the number of bytes matters.
      return run.tally.bytesSkipped.add(equal.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) })
    }
    file.state.withLock { state in
      state.equal += equal
      if differs { state.differs = true }
    }
  }

  private static func note(_ piece: ContentPiece, _ equal: inout [Range<UInt64>]) {
    let end = piece.fileOffset + UInt64(piece.length)
    if let last = equal.last, last.upperBound == piece.fileOffset {
      equal[equal.count - 1] = last.lowerBound..<end
    } else {
      equal.append(piece.fileOffset..<end)
    }
  }

  /// Whether a range holds nothing but zeros; what lies beyond the end counts as zeros, because the size is compared elsewhere.
  private func isZero(_ range: Range<UInt64>, _ present: OpenFile) throws -> Bool {
    var offset = range.lowerBound
    while offset < range.upperBound {
      try run.context.cancellation.check()
      guard let data = try present.nextData(from: offset), data < range.upperBound else { return true }
      let buffer = worker.rawBuffer(Int(min(range.upperBound - data, 1 << 20)))
      let count = try present.read(into: buffer, at: data)
      guard count > 0 else { return true }
      guard ZeroRuns.isZero(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return false }
      offset = data + UInt64(count)
    }
    return true
  }
}

/// Finding zeros.
enum ZeroRuns {
  /// What a file system can leave out at the least.
  static let block = 4096

  static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let words = bytes.count / 8
    var position = 0
    // Sixteen words at a time: enough for the compiler to use vectors, few enough to stop early.
    while position + 16 <= words {
      var any: UInt64 = 0
      for word in position..<(position + 16) { any |= bytes.loadUnaligned(fromByteOffset: word &* 8, as: UInt64.self) }
      if any != 0 { return false }
      position += 16
    }
    return bytes[(position * 8)...].allSatisfy { $0 == 0 }
  }

  /// Calls `body` with the parts of `bytes` that are not whole blocks of zeros.
  ///
  /// - Parameter offset: of `bytes` in the file, to which the blocks are aligned.
  static func forEachData(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, _ body: (Range<Int>) throws -> Void) rethrows {
    var start = 0
    var position = 0
    while position < bytes.count {
      let end = min(bytes.count, position + block - Int((offset + UInt64(position)) % UInt64(block)))
      if end - position == block, isZero(UnsafeRawBufferPointer(rebasing: bytes[position..<end])) {
        if position > start { try body(start..<position) }
        start = end
      }
      position = end
    }
    if start < bytes.count { try body(start..<bytes.count) }
  }
}
