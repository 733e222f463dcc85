/// Where the sections of a segment image lie (FORMAT.md, "Segments").
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

/// A frame as a segment image holds it.
package struct SegmentFrame: Equatable, Sendable {
  /// Position in the image's list of packs.
  package var pack: UInt32
  /// Bytes from the start of the pack.
  package var offset: UInt32
  package var encodedLength: UInt32
  package var rawLength: UInt32
  package var codec: UInt8
  package var keyRef: UInt8

  package init(pack: UInt32, offset: UInt32, encodedLength: UInt32, rawLength: UInt32, codec: UInt8, keyRef: UInt8) {
    self.pack = pack
    self.offset = offset
    self.encodedLength = encodedLength
    self.rawLength = rawLength
    self.codec = codec
    self.keyRef = keyRef
  }
}

/// A blob as a segment image holds it.
package struct SegmentEntry: Equatable, Sendable {
  package var key: BlobKey
  /// Position in the image's list of frames.
  package var frame: UInt32
  /// Bytes from the start of the opened frame.
  package var memberOffset: UInt32
  package var length: UInt32
  package var type: BlobType

  package init(key: BlobKey, frame: UInt32, memberOffset: UInt32, length: UInt32, type: BlobType) {
    self.key = key
    self.frame = frame
    self.memberOffset = memberOffset
    self.length = length
    self.type = type
  }

  /// By key, then by place: one order for one set of entries.
  package static func precedes(_ a: Self, _ b: Self) -> Bool {
    (a.key.word0, a.key.word1, a.frame, a.memberOffset) < (b.key.word0, b.key.word1, b.frame, b.memberOffset)
  }
}

/// A pack as a segment image holds it.
package struct SegmentPack: Hashable, Sendable {
  package var hash: ObjectHash
  package var owner: SessionID
  package var size: UInt64
  package var packClass: PackClass

  package init(hash: ObjectHash, owner: SessionID, size: UInt64, packClass: PackClass) {
    self.hash = hash
    self.owner = owner
    self.size = size
    self.packClass = packClass
  }
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
