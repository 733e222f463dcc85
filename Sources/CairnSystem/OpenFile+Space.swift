import CCairn
import Glibc

/// Where a file has data, where it has holes, and where it has space that waits for data.
extension OpenFile {
  /// The first offset at or after `offset` that holds data; nil when only a hole, or nothing, follows.
  ///
  /// File systems that do not know count everything as data. Moves the file position.
  package func nextData(from offset: UInt64) throws(FileError) -> UInt64? {
    let found = Int(cairn_seek(descriptor, offset, 0))
    switch CInt(truncatingIfNeeded: -found) {
    case ENXIO where found < 0: return nil
    case EINVAL, EOPNOTSUPP, ENOTTY, ESPIPE: return offset < (try status()).size ? offset : nil
    default: return UInt64(try checked(found, "find data in", path))
    }
  }

  /// The first offset at or after `offset` where a hole begins; the end of the file counts as one.
  ///
  /// `offset` itself when it lies at or beyond the end. Moves the file position.
  package func nextHole(from offset: UInt64) throws(FileError) -> UInt64 {
    let found = Int(cairn_seek(descriptor, offset, 1))
    switch CInt(truncatingIfNeeded: -found) {
    case ENXIO where found < 0: return offset
    case EINVAL, EOPNOTSUPP, ENOTTY, ESPIPE: return max(offset, (try status()).size)
    default: return UInt64(try checked(found, "find a hole in", path))
    }
  }

  /// Frees a range inside the file (`fallocate(2)` PUNCH_HOLE), which then reads as zeros; the size stays.
  ///
  /// - Throws: EOPNOTSUPP where the file system cannot.
  package func punchHole(at offset: UInt64, length: UInt64) throws(FileError) {
    try checked(retrying(.truncate) { Int(cairn_punch_hole(descriptor, offset, length)) }, "free space in", path)
  }

  /// The first part of a range that is allocated and was never written (FIEMAP), whole as far as the range goes.
  ///
  /// That is a hole to `nextHole`, also where it holds data that are in memory only: ask within such holes, for nothing else.
  /// - Returns: nil when there is none, and when the file system does not tell; the rest of the range is a hole for all that is known.
  package func nextPreallocated(in range: Range<UInt64>) -> Range<UInt64>? {
    var found: Range<UInt64>?
    var position = range.lowerBound
    return withUnsafeTemporaryAllocation(of: cairn_extent.self, capacity: Int(CAIRN_EXTENTS)) { extents in
      while position < range.upperBound {
        let length = range.upperBound - position
        let count = retrying(.metadata) { Int(cairn_extents(descriptor, position, length, extents.baseAddress)) }
        guard count > 0 else { return found }
        let before = position
        for extent in extents[..<count] {
          let start = max(extent.offset, position)
          let (sum, overflow) = extent.offset.addingReportingOverflow(extent.length)
          let end = min(overflow ? .max : sum, range.upperBound)
          guard start < end else { continue }
          if let run = found, !(extent.is_unwritten != 0 && start == run.upperBound) { return run }
          if extent.is_unwritten != 0 { found = (found?.lowerBound ?? start)..<end }
          position = end
          if extent.is_last != 0 { return found }
        }
        guard position > before else { return found }
      }
      return found
    }
  }
}
