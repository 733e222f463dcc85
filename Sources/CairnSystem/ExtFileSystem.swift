import CCairn

/// Which blocks of an ext2, ext3 or ext4 file system are in use. Not Sendable; reads the file again by itself.
package final class ExtFileSystem {
  /// Why that cannot be told; the file system is then to be read whole.
  package enum Failure: Error, Equatable {
    /// There is no file system of this family.
    case none
    case unclean, unsupported, damaged, unreadable, tooLarge

    fileprivate init?(_ code: CInt) {
      switch Int(code) {
      case CAIRN_EXT_OK: return nil
      case CAIRN_EXT_NONE: self = .none
      case CAIRN_EXT_UNCLEAN: self = .unclean
      case CAIRN_EXT_UNSUPPORTED: self = .unsupported
      case CAIRN_EXT_UNREADABLE: self = .unreadable
      case CAIRN_EXT_TOO_LARGE: self = .tooLarge
      default: self = .damaged
      }
    }

    /// The end of a sentence about the file system.
    package var reason: String {
      switch self {
      case .none: "it is none of the ext family"
      case .unclean: "it is mounted for writing or was not unmounted cleanly"
      case .unsupported: "it has features that are not known here"
      case .damaged: "its bitmaps or their checksums are wrong"
      case .unreadable: "its bitmaps cannot be read"
      case .tooLarge: "it claims to be larger than the place where it lies, or is too large"
      }
    }
  }

  private let layout: cairn_ext_layout
  private let handle: UnsafeMutableRawPointer
  /// The group whose bitmap lies in `bits`.
  private var group: UInt32?
  private let bits: UnsafeMutableRawBufferPointer
  /// Kept open: the library names it by its descriptor.
  private let file: OpenFile

  /// Opens the file system at an offset of a file or device. Every bitmap is read and checked.
  ///
  /// - Parameter length: of the place that holds it.
  package init(_ file: OpenFile, at offset: UInt64, length: UInt64) throws(Failure) {
    var layout = cairn_ext_layout()
    var handle: UnsafeMutableRawPointer?
    let path = "/proc/self/fd/\(file.descriptor)"
    if let failure = Failure(cairn_ext_open(path, offset, length, &layout, &handle)) { throw failure }
    guard let handle else { throw .damaged }
    self.file = file
    self.layout = layout
    self.handle = handle
    bits = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(layout.bits_per_group) / 8 + 8, alignment: 8)
    bits.initializeMemory(as: UInt8.self, repeating: 0)
    for group in 0..<layout.groups { try load(group) }
  }

  deinit {
    cairn_ext_close(handle)
    bits.deallocate()
  }

  /// Bytes from its start on that belong to it; what follows is not its own.
  package var bytes: UInt64 { layout.blocks * UInt64(layout.block_bytes) }

  /// The first range of blocks in use at or after an offset from the start, cut off at `limit`; it need not be the longest.
  ///
  /// - Returns: nil when there is none before `limit`. What lies behind the file system counts as used.
  package func nextUsed(from offset: UInt64, limit: UInt64) throws(Failure) -> Range<UInt64>? {
    guard offset < limit else { return nil }
    let block = UInt64(layout.block_bytes)
    let start = layout.first_block * block
    // What the groups do not cover: before the first block, and behind the last.
    if offset < start { return offset..<min(start, limit) }
    var position = offset / block
    while position < layout.blocks, position * block < limit {
      let number = UInt32((position - layout.first_block) / UInt64(layout.blocks_per_group))
      guard number < layout.groups else { break }
      try load(number)
      let first = layout.first_block + UInt64(number) * UInt64(layout.blocks_per_group)
      let end = min(first + UInt64(layout.blocks_per_group), layout.blocks)
      let unit = UInt64(layout.blocks_per_bit)
      let bitEnd = min(UInt64(layout.bits_per_group), (end - first + unit - 1) / unit)
      if let used = next((position - first) / unit, bitEnd, isSet: true) {
        let clear = next(used, bitEnd, isSet: false) ?? bitEnd
        let lower = max(offset, (first + used * unit) * block)
        let upper = min(limit, min(first + clear * unit, end) * block)
        return lower < upper ? lower..<upper : nil
      }
      position = end
    }
    let tail = max(offset, bytes)
    return tail < limit ? tail..<limit : nil
  }

  /// Bytes in use, up to `length`.
  package func usedBytes(length: UInt64) throws(Failure) -> UInt64 {
    var sum: UInt64 = 0
    var position: UInt64 = 0
    while let range = try nextUsed(from: position, limit: length) {
      sum += range.upperBound - range.lowerBound
      position = range.upperBound
    }
    return sum
  }

  private func load(_ number: UInt32) throws(Failure) {
    guard number != group else { return }
    group = nil
    let failure = Failure(cairn_ext_group(handle, number, bits.baseAddress?.assumingMemoryBound(to: UInt8.self)))
    if let failure { throw failure }
    group = number
  }

  /// The first bit from `start` on that is set, or that is not.
  private func next(_ start: UInt64, _ end: UInt64, isSet: Bool) -> UInt64? {
    var position = start
    while position < end {
      // The buffer is eight bytes longer than the bitmap.
      let word = UInt64(littleEndian: bits.loadUnaligned(fromByteOffset: Int(position / 8), as: UInt64.self)) >> (position % 8)
      let known = 64 - position % 8
      let zeros = UInt64((isSet ? word : ~word).trailingZeroBitCount)
      if zeros < known { return position + zeros < end ? position + zeros : nil }
      position += known
    }
    return nil
  }
}
