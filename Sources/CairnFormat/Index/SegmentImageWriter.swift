/// Writes a segment image front to back, holding one page and the fan-out.
///
/// Call order: packs, frames, entries in `SegmentEntry.precedes` order, each as many times as announced, then `finish`.
package struct SegmentImageWriter {
  private let layout: SegmentLayout
  private let code: PageCode
  private let emit: (UnsafeRawBufferPointer) throws -> Void
  private var page: ByteWriter
  private var codes: ByteWriter
  private var pageNumber: UInt64 = 0
  private var position = 0
  private var fanout: [UInt32]
  private var written: (packs: Int, frames: Int, entries: Int) = (0, 0, 0)
  private var last: SegmentEntry?

  /// - Parameters:
  ///   - image: 16 random bytes, never used for another image.
  ///   - key: 32 bytes for the page codes.
  ///   - covers: digests of the deltas that the image holds, in any order.
  ///   - emit: receives the image's bytes in order, in pieces of at most a page or the table of codes.
  package init(
    image: [UInt8], repository: RepositoryID, key: SecretBytes, entries: Int, frames: Int, packs: Int, covers: [ObjectHash],
    emit: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    layout = try SegmentLayout(entries: entries, frames: frames, packs: packs, covers: covers.count)
    guard image.count == 16 else { throw FormatError.invalid("image id") }
    code = PageCode(key: key, image: image)
    self.emit = emit
    page = ByteWriter(capacity: SegmentLayout.pageBytes + 64)
    codes = ByteWriter(capacity: (layout.pages + 1) * SegmentLayout.codeBytes)
    fanout = [UInt32](repeating: 0, count: 1 << layout.fanoutBits + 1)
    var header = ByteWriter(capacity: SegmentLayout.headerBytes)
    header.append(SegmentLayout.magic)
    header.u16(SegmentLayout.version)
    header.u16(UInt16(layout.fanoutBits))
    header.u32(0)
    header.append(image)
    header.identifier(repository)
    for count in [entries, frames, packs, covers.count, layout.pagesEnd] { header.u64(UInt64(count)) }
    header.zeros(SegmentLayout.headerBytes - header.count)
    try put(header.bytes)
    for digest in covers.sorted() { try put(digest.bytes) }
    try align(to: layout.packsOffset)
  }

  package mutating func append(_ pack: SegmentPack) throws {
    var item = ByteWriter(capacity: SegmentLayout.packBytes)
    item.identifier(pack.hash)
    item.identifier(pack.owner)
    item.u64(pack.size)
    item.u8(pack.packClass.rawValue)
    item.zeros(7)
    try put(item.bytes)
    written.packs += 1
    if written.packs == layout.packs { try align(to: layout.framesOffset) }
  }

  package mutating func append(_ frame: SegmentFrame) throws {
    guard Int(frame.pack) < layout.packs, written.packs == layout.packs else { throw FormatError.invalid("segment frame") }
    page.u32(frame.pack)
    page.u32(frame.offset)
    page.u32(frame.encodedLength)
    page.u32(frame.rawLength)
    page.u8(frame.codec)
    page.u8(frame.keyRef)
    page.u16(0)
    position += SegmentLayout.frameBytes
    written.frames += 1
    if page.count >= SegmentLayout.pageBytes { try emitFullPages() }
    if written.frames == layout.frames { try align(to: layout.entriesOffset) }
  }

  package mutating func append(_ entry: SegmentEntry) throws {
    guard Int(entry.frame) < layout.frames, written.frames == layout.frames else { throw FormatError.invalid("segment entry") }
    if let last, SegmentEntry.precedes(entry, last) { throw FormatError.notCanonical("segment entries out of order") }
    if written.entries == 0 { try align(to: layout.entriesOffset) }
    last = entry
    fanout[bucket(entry.key) + 1] += 1
    page.identifier(entry.key)
    page.u32(entry.frame)
    page.u32(entry.memberOffset)
    page.u32(entry.length)
    page.u32(UInt32(entry.type.rawValue))
    position += SegmentLayout.entryBytes
    written.entries += 1
    if page.count >= SegmentLayout.pageBytes { try emitFullPages() }
  }

  /// Writes the fan-out, the padding and the page codes.
  package mutating func finish() throws {
    guard written == (layout.packs, layout.frames, layout.entries) else { throw FormatError.invalid("segment counts") }
    try align(to: layout.fanoutOffset)
    var sum: UInt32 = 0
    for count in fanout {
      sum += count
      page.u32(sum)
    }
    position += 4 * fanout.count
    try align(to: layout.pagesEnd)
    let table = codes.bytes
    codes.identifier(table.withUnsafeBytes { code.code(UInt64.max, $0) })
    try codes.bytes.withUnsafeBytes(emit)
  }

  private func bucket(_ key: BlobKey) -> Int { layout.fanoutBits == 0 ? 0 : Int(key.word0 >> UInt64(64 - layout.fanoutBits)) }

  private mutating func put(_ bytes: [UInt8]) throws {
    page.append(bytes)
    position += bytes.count
    if page.count >= SegmentLayout.pageBytes { try emitFullPages() }
  }

  private mutating func align(to offset: Int) throws {
    while position < offset {
      let count = min(offset - position, SegmentLayout.pageBytes)
      page.zeros(count)
      position += count
      if page.count >= SegmentLayout.pageBytes { try emitFullPages() }
    }
    if page.count >= SegmentLayout.pageBytes { try emitFullPages() }
  }

  private mutating func emitFullPages() throws {
    let bytes = page.bytes
    page.removeAll()
    try bytes.withUnsafeBytes { all in
      var start = 0
      while all.count - start >= SegmentLayout.pageBytes {
        let one = UnsafeRawBufferPointer(rebasing: all[start..<(start + SegmentLayout.pageBytes)])
        codes.identifier(code.code(pageNumber, one))
        pageNumber += 1
        try emit(one)
        start += SegmentLayout.pageBytes
      }
      page.append(UnsafeRawBufferPointer(rebasing: all[start...]))
    }
  }
}
