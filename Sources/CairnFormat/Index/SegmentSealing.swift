/// A segment of the index as the repository stores it: the pages of an image, without its codes, each sealed for itself, so that any page
/// can be fetched and authenticated alone.
///
/// | offset | bytes | content |
/// | --- | --- | --- |
/// | 0 | 8 | "CRNSEGS1" |
/// | 8 | 2 | version 1 |
/// | 10 | 2 | suite 1 |
/// | 12 | 4 | number of pages, 1 … 2^20 |
/// | 16 | 16 | segment id, which is the image id |
/// | 32 | 32 | salt, random |
/// | 64 | 65 552 each | pages: ciphertext and tag |
///
/// The key is used for this object only: BLAKE2b-256 under the index subkey of "cairn-segment" ‖ header ‖ repository id. So the nonce may
/// be the page number (u64, then 16 zeros). Additional data: header ‖ repository id ‖ u64 page number.
package struct SegmentSealing: Sendable {
  package static let headerBytes = 64
  package static let sealedPageBytes = SegmentLayout.pageBytes + AEAD.tagBytes
  package static let saltBytes = 32
  package static let maximumPages: UInt32 = 1 << 20
  private static let magic: StaticString = "CRNSEGS1"

  package let segment: SegmentID
  package let pageCount: UInt32
  /// The object's first 64 bytes.
  package let header: [UInt8]
  private let context: [UInt8]
  private let key: SecretBytes

  /// For a new segment.
  ///
  /// - Parameter salt: 32 random bytes, never used before: they are what makes the key new.
  /// - Throws: `.limitExceeded` for no pages or more than 2^20, `.invalid` for a salt of another length.
  package init(segment: SegmentID, salt: [UInt8], pageCount: UInt32, keys: KeySet) throws(FormatError) {
    guard salt.count == Self.saltBytes else { throw .invalid("salt length") }
    var writer = ByteWriter(capacity: Self.headerBytes)
    writer.append(Self.magic)
    writer.u16(1)
    writer.u16(1)
    writer.u32(pageCount)
    writer.identifier(segment)
    writer.append(salt)
    try self.init(header: writer.bytes, segment: segment, pageCount: pageCount, keys: keys)
  }

  /// For a segment in the repository.
  ///
  /// - Parameters:
  ///   - header: The object's first 64 bytes. Wrong ones show when the first page is opened.
  ///   - objectSize: The object's length, which follows from the number of pages.
  /// - Throws: `.badMagic`, `.unsupportedVersion`, `.unsupportedFeature`, `.truncated`, `.trailingBytes`, `.limitExceeded`.
  package init(header: [UInt8], objectSize: UInt64, keys: KeySet) throws(FormatError) {
    let (segment, pages) = try header.withReader { (reader) throws(FormatError) -> (SegmentID, UInt32) in
      try reader.expectMagic(Self.magic)
      let version = try reader.u16()
      guard version == 1 else { throw .unsupportedVersion(UInt64(version)) }
      guard try reader.u16() == 1 else { throw .unsupportedFeature }
      let pages = try reader.u32()
      let segment: SegmentID = try reader.identifier16()
      _ = try reader.bytes(Self.saltBytes)
      try reader.expectEnd()
      return (segment, pages)
    }
    try self.init(header: header, segment: segment, pageCount: pages, keys: keys)
    guard objectSize >= self.objectSize else { throw .truncated }
    guard objectSize == self.objectSize else { throw .trailingBytes }
  }

  private init(header: [UInt8], segment: SegmentID, pageCount: UInt32, keys: KeySet) throws(FormatError) {
    guard pageCount > 0, pageCount <= Self.maximumPages else { throw .limitExceeded("pages of a segment") }
    self.header = header
    self.segment = segment
    self.pageCount = pageCount
    context = header + keys.repository.bytes
    key = keys.derivedKey(.index, "cairn-segment", context)
  }

  /// Length of the whole object.
  package var objectSize: UInt64 { UInt64(Self.headerBytes) + UInt64(pageCount) * UInt64(Self.sealedPageBytes) }

  /// Where a sealed page begins in the object.
  package func offset(ofPage page: UInt32) -> UInt64 { UInt64(Self.headerBytes) + UInt64(page) * UInt64(Self.sealedPageBytes) }

  /// Seals a page. Each page of a segment must be sealed once only.
  ///
  /// - Precondition: 65 536 bytes of plaintext, 65 552 of room, a page number below `pageCount`.
  package func seal(page: UInt32, _ plaintext: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
    precondition(page < pageCount && plaintext.count == SegmentLayout.pageBytes)
    let (nonce, additional) = binding(page)
    nonce.withUnsafeBytes { nonce in
      additional.withUnsafeBytes { additional in
        key.withBytes { AEAD.encrypt(plaintext, additional: additional, nonce: nonce, key: $0, into: output) }
      }
    }
  }

  /// Opens a page into 65 536 bytes.
  ///
  /// - Throws: `.invalid` for a page number beyond the last, `.truncated`, `.trailingBytes`, `.limitExceeded` for too small an output,
  ///   `.authenticationFailed`.
  package func open(page: UInt32, _ sealed: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws(FormatError) {
    guard page < pageCount else { throw .invalid("page number") }
    guard sealed.count >= Self.sealedPageBytes else { throw .truncated }
    guard sealed.count == Self.sealedPageBytes else { throw .trailingBytes }
    let (nonce, additional) = binding(page)
    _ = try nonce.withUnsafeBufferPointer { (nonce) throws(FormatError) in
      try additional.withUnsafeBufferPointer { (additional) throws(FormatError) in
        try key.withBytes { (key) throws(FormatError) in
          try AEAD.decrypt(
            sealed, additional: UnsafeRawBufferPointer(additional), nonce: UnsafeRawBufferPointer(nonce), key: key, into: output)
        }
      }
    }
  }

  private func binding(_ page: UInt32) -> (nonce: [UInt8], additional: [UInt8]) {
    var number = ByteWriter(capacity: AEAD.nonceBytes)
    number.u64(UInt64(page))
    let additional = context + number.bytes
    number.zeros(AEAD.nonceBytes - 8)
    return (number.bytes, additional)
  }
}
