/// Where the sections of a segment image lie (FORMAT.md, "Segment images").
///
/// | section | bytes |
/// | --- | --- |
/// | header | 128 |
/// | covers | 32 a delta digest |
/// | packs | 64 each |
/// | frames | 20 each |
/// | entries | 32 each, sorted by key |
/// | fan-out | 4 × (2^f + 1) |
/// | zeros | up to a multiple of the page size |
/// | page codes | 16 a page, then 16 over these |
///
/// Each section starts at a multiple of 64.
package struct SegmentLayout: Equatable, Sendable {
  package static let pageBytes = 64 << 10
  package static let headerBytes = 128
  package static let entryBytes = 32
  package static let frameBytes = 20
  package static let packBytes = 64
  package static let codeBytes = 16
  static let magic: StaticString = "CRNSEGM1"
  static let version: UInt16 = 1

  package let entries: Int
  package let frames: Int
  package let packs: Int
  package let covers: Int
  /// Bits of the key that index the fan-out: 0 … 16, about 32 entries a bucket.
  package let fanoutBits: Int
  package let coversOffset: Int
  package let packsOffset: Int
  package let framesOffset: Int
  package let entriesOffset: Int
  package let fanoutOffset: Int
  /// End of the pages: a multiple of `pageBytes`.
  package let pagesEnd: Int

  /// - Throws: `.limitExceeded` when a count is negative or too large for its field.
  package init(entries: Int, frames: Int, packs: Int, covers: Int) throws(FormatError) {
    guard entries >= 0, entries < 1 << 32, frames >= 0, frames < 1 << 32, packs >= 0, packs < 1 << 31, covers >= 0, covers < 1 << 31 else {
      throw .limitExceeded("segment counts")
    }
    self.entries = entries
    self.frames = frames
    self.packs = packs
    self.covers = covers
    var bits = 0
    while bits < 16, entries >> bits > 32 { bits += 1 }
    fanoutBits = bits
    func aligned(_ n: Int) -> Int { (n + 63) & ~63 }
    coversOffset = Self.headerBytes
    packsOffset = aligned(coversOffset + covers * 32)
    framesOffset = aligned(packsOffset + packs * Self.packBytes)
    entriesOffset = aligned(framesOffset + frames * Self.frameBytes)
    fanoutOffset = aligned(entriesOffset + entries * Self.entryBytes)
    let end = fanoutOffset + 4 * (1 << bits + 1)
    pagesEnd = (end + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
  }

  package var pages: Int { pagesEnd / Self.pageBytes }
  /// Size of the whole image.
  package var totalBytes: Int { pagesEnd + (pages + 1) * Self.codeBytes }
}

/// Computes the code of a page: the first 16 bytes of HMAC-SHA-256(key, image id ‖ u64 page number ‖ page).
struct PageCode: Sendable {
  let state: HMACState
  let image: [UInt8]

  init(key: SecretBytes, image: [UInt8]) {
    state = key.withBytes { HMACState(key: $0) }
    self.image = image
  }

  func code(_ number: UInt64, _ bytes: UnsafeRawBufferPointer) -> BlobKey {
    var prefix = ByteWriter(capacity: 24)
    prefix.append(image)
    prefix.u64(number)
    var state = state
    prefix.bytes.withUnsafeBytes { state.update($0) }
    state.update(bytes)
    return state.finish().key
  }
}
