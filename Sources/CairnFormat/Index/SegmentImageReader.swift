import Synchronization

/// Reads a segment image in memory of any content: nothing is trusted before the code of its page has been verified, which
/// happens once a page, on first touch. Safe from any thread.
package final class SegmentImageReader: @unchecked Sendable {
  // `bytes` is immutable memory that the owner keeps alive; `verified` is only touched by atomic operations.
  private let bytes: UnsafeRawBufferPointer
  private let layout: SegmentLayout
  private let code: PageCode
  private let verified: UnsafeMutablePointer<Atomic<UInt64>>
  private let words: Int

  package var entryCount: Int { layout.entries }
  package var frameCount: Int { layout.frames }
  package var packCount: Int { layout.packs }

  /// - Parameters:
  ///   - bytes: the image; must stay mapped and unchanged as long as the reader lives.
  ///   - key: as given to the writer.
  /// - Throws: `FormatError` when sizes and counts do not fit together, the table of codes or the first page is damaged, or
  ///   the image is of another repository.
  package init(_ bytes: UnsafeRawBufferPointer, repository: RepositoryID, key: SecretBytes) throws(FormatError) {
    guard bytes.count >= SegmentLayout.pageBytes else { throw .truncated }
    var reader = ByteReader(bytes)
    try reader.expectMagic(SegmentLayout.magic)
    let version = try reader.u16()
    guard version == SegmentLayout.version else { throw .unsupportedVersion(UInt64(version)) }
    let bits = Int(try reader.u16())
    try reader.expectZeros(4, "segment header")
    let image = try reader.array(16)
    guard try reader.identifier16(RepositoryTag.self) == repository else { throw .authenticationFailed }
    var counts: [Int] = []
    for _ in 0..<5 {
      guard let count = Int(exactly: try reader.u64()) else { throw .limitExceeded("segment counts") }
      counts.append(count)
    }
    try reader.expectZeros(SegmentLayout.headerBytes - reader.offset, "segment header")
    let layout = try SegmentLayout(entries: counts[0], frames: counts[1], packs: counts[2], covers: counts[3])
    guard layout.fanoutBits == bits, layout.pagesEnd == counts[4], layout.totalBytes == bytes.count else { throw .invalid("segment sizes") }
    self.bytes = bytes
    self.layout = layout
    code = PageCode(key: key, image: image)
    words = (layout.pages + 63) / 64
    verified = .allocate(capacity: words)
    for word in 0..<words { (verified + word).initialize(to: Atomic(0)) }
    try verifyTable()
    try verify(0..<SegmentLayout.headerBytes)
  }

  deinit {
    verified.deinitialize(count: words)
    verified.deallocate()
  }

  /// Verifies every page now, at about the speed of SHA-256.
  package func verifyAll() throws(FormatError) { try verify(0..<layout.pagesEnd) }

  /// The digests of the deltas that the image holds, ascending.
  package func covers() throws(FormatError) -> [ObjectHash] {
    let range = layout.coversOffset..<(layout.coversOffset + layout.covers * 32)
    try verify(range)
    return stride(from: range.lowerBound, to: range.upperBound, by: 32).map {
      ObjectHash(bytes: UnsafeRawBufferPointer(rebasing: bytes[$0..<($0 + 32)]))
    }
  }

  package func pack(_ number: Int) throws(FormatError) -> SegmentPack {
    guard number >= 0, number < layout.packs else { throw .invalid("pack number") }
    let start = layout.packsOffset + number * SegmentLayout.packBytes
    var reader = try self.reader(start, SegmentLayout.packBytes)
    let hash: ObjectHash = try reader.identifier32()
    let owner: SessionID = try reader.identifier16()
    let size = try reader.u64()
    guard size <= UInt64(Limits.packBytes) else { throw .limitExceeded("pack size") }
    guard let packClass = PackClass(rawValue: try reader.u8()) else { throw .invalid("pack class") }
    return SegmentPack(hash: hash, owner: owner, size: size, packClass: packClass)
  }

  package func frame(_ number: Int) throws(FormatError) -> SegmentFrame {
    guard number >= 0, number < layout.frames else { throw .invalid("frame number") }
    var reader = try self.reader(layout.framesOffset + number * SegmentLayout.frameBytes, SegmentLayout.frameBytes)
    let frame = SegmentFrame(
      pack: try reader.u32(), offset: try reader.u32(), encodedLength: try reader.u32(), rawLength: try reader.u32(),
      codec: try reader.u8(), keyRef: try reader.u8())
    try frame.validate(packs: layout.packs)
    return frame
  }

  package func entry(_ number: Int) throws(FormatError) -> SegmentEntry {
    guard number >= 0, number < layout.entries else { throw .invalid("entry number") }
    var reader = try self.reader(layout.entriesOffset + number * SegmentLayout.entryBytes, SegmentLayout.entryBytes)
    let key: BlobKey = try reader.identifier16()
    let (frame, memberOffset, length) = (try reader.u32(), try reader.u32(), try reader.u32())
    guard let type = BlobType(rawValue: try reader.u8()) else { throw .invalid("blob type") }
    let entry = SegmentEntry(key: key, frame: frame, memberOffset: memberOffset, length: length, type: type)
    try entry.validate(frames: layout.frames)
    return entry
  }

  /// The position of the first entry with this key; nil when there is none.
  package func find(_ key: BlobKey) throws(FormatError) -> Int? {
    let bucket = layout.fanoutBits == 0 ? 0 : Int(key.word0 >> UInt64(64 - layout.fanoutBits))
    let place = layout.fanoutOffset + bucket * 4
    try verify(place..<(place + 8))
    var low = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
    let end = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self)))
    guard low <= end, end <= layout.entries else { throw .invalid("fan-out") }
    // A fan-out leaves about 32 entries in two pages at most, which are verified at once; only a lie leaves more.
    let isSmall = end - low <= SegmentLayout.pageBytes / SegmentLayout.entryBytes
    if isSmall { try verify(layout.entriesOffset + low * SegmentLayout.entryBytes..<layout.entriesOffset + end * SegmentLayout.entryBytes) }
    low = try firstNotBelow(key, low..<end, isVerified: isSmall)
    guard low < end, try self.key(low, isVerified: isSmall) == key else { return nil }
    return low
  }

  /// The first entry of a bucket whose key is not below `key`, or the bucket's end.
  ///
  /// Keys are as good as random, so that the bits behind those of the bucket tell nearly where a key lies: that place is looked at first,
  /// then others at growing distances until the key is between two of them. Each look is a miss in the processor's caches.
  private func firstNotBelow(_ key: BlobKey, _ bucket: Range<Int>, isVerified: Bool) throws(FormatError) -> Int {
    guard !bucket.isEmpty else { return bucket.lowerBound }
    let share = (key.word0 << UInt64(layout.fanoutBits)).multipliedFullWidth(by: UInt64(bucket.count)).high
    let guess = bucket.lowerBound + Int(share)
    var (low, high) = (bucket.lowerBound, bucket.upperBound)
    var distance = 4
    if try self.key(guess, isVerified: isVerified) < key {
      low = guess + 1
      while guess + distance < high {
        guard try self.key(guess + distance, isVerified: isVerified) < key else {
          high = guess + distance
          break
        }
        low = guess + distance + 1
        distance *= 2
      }
    } else {
      high = guess
      while guess - distance >= low {
        guard try self.key(guess - distance, isVerified: isVerified) >= key else {
          low = guess - distance + 1
          break
        }
        high = guess - distance
        distance *= 2
      }
    }
    while low < high {
      let middle = (low + high) / 2
      if try self.key(middle, isVerified: isVerified) < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func key(_ number: Int, isVerified: Bool) throws(FormatError) -> BlobKey {
    let start = layout.entriesOffset + number * SegmentLayout.entryBytes
    if !isVerified { try verify(start..<(start + 16)) }
    return BlobKey(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + 16)]))
  }

  private func reader(_ start: Int, _ count: Int) throws(FormatError) -> ByteReader {
    try verify(start..<(start + count))
    return ByteReader(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
  }

  /// Verifies the pages under `range`, which lies within the pages by construction of the layout.
  private func verify(_ range: Range<Int>) throws(FormatError) {
    guard !range.isEmpty else { return }
    for page in range.lowerBound / SegmentLayout.pageBytes...(range.upperBound - 1) / SegmentLayout.pageBytes {
      let (word, bit) = (page / 64, UInt64(1) << UInt64(page % 64))
      if verified[word].load(ordering: .acquiring) & bit != 0 { continue }
      let start = page * SegmentLayout.pageBytes
      let one = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + SegmentLayout.pageBytes)])
      guard code.code(UInt64(page), one) == storedCode(page) else { throw .authenticationFailed }
      verified[word].bitwiseOr(bit, ordering: .acquiringAndReleasing)
    }
  }

  /// Verifies every page and every entry, frame and pack in it: what `check` does with an image instead of touching it by need.
  package func verifyContents() throws(FormatError) {
    try verify(0..<layout.pagesEnd)
    for number in 0..<layout.packs { _ = try pack(number) }
    for number in 0..<layout.frames { _ = try frame(number) }
    var last: SegmentEntry?
    for number in 0..<layout.entries {
      let entry = try self.entry(number)
      if let last, !SegmentEntry.precedes(last, entry) { throw .notCanonical("order of segment entries") }
      let end = UInt64(entry.memberOffset) + UInt64(entry.length)
      guard end <= UInt64(try frame(Int(entry.frame)).rawLength) else { throw .invalid("blob beyond its frame") }
      guard try find(entry.key) != nil else { throw .invalid("fan-out") }
      last = entry
    }
  }

  private func verifyTable() throws(FormatError) {
    let table = UnsafeRawBufferPointer(rebasing: bytes[layout.pagesEnd..<(layout.pagesEnd + layout.pages * SegmentLayout.codeBytes)])
    guard code.code(UInt64.max, table) == storedCode(layout.pages) else { throw .authenticationFailed }
  }

  private func storedCode(_ number: Int) -> BlobKey {
    let start = layout.pagesEnd + number * SegmentLayout.codeBytes
    return BlobKey(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + SegmentLayout.codeBytes)]))
  }
}
