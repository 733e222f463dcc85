/// The encrypted table of contents near the end of a pack.
///
/// Stored as nonce (24) ‖ ciphertext ‖ tag (16) under the directory subkey. Additional data: the pack's header with its key slots ‖
/// repository id ‖ u64 offset of the directory ‖ u32 its length. Plaintext: a frame table, then zeros.
package enum PackDirectory {
  /// What sealing adds: nonce and tag.
  package static let overhead = AEAD.nonceBytes + AEAD.tagBytes

  /// The padded plaintext of a directory, of the length that makes the sealed one a multiple of 256 bytes up to 4096, else of 4096.
  ///
  /// - Throws: As `FrameTable.validate`; `.limitExceeded` above 64 MiB.
  package static func encode(_ frames: [FrameEntry], packClass: PackClass) throws(FormatError) -> [UInt8] {
    var writer = ByteWriter(capacity: 4096)
    try FrameTable.encode(frames, packClass: packClass, into: &writer)
    let length = sealedLength(tableBytes: writer.count)
    guard length <= Limits.packDirectoryBytes else { throw .limitExceeded("pack directory size") }
    writer.zeros(length - overhead - writer.count)
    return writer.bytes
  }

  /// - Throws: `FormatError` for every plaintext that `encode` does not write.
  package static func decode(_ plaintext: UnsafeRawBufferPointer, packClass: PackClass) throws(FormatError) -> [FrameEntry] {
    var reader = ByteReader(plaintext)
    let frames = try FrameTable.decode(from: &reader, packClass: packClass)
    guard plaintext.count + overhead == sealedLength(tableBytes: reader.offset) else { throw .notCanonical("directory padding") }
    try reader.expectZeros(reader.remaining, "directory padding")
    return frames
  }

  package static func decode(_ plaintext: [UInt8], packClass: PackClass) throws(FormatError) -> [FrameEntry] {
    try plaintext.withReader { (reader) throws(FormatError) in try decode(reader.rest(), packClass: packClass) }
  }

  private static func sealedLength(tableBytes: Int) -> Int {
    let granule = tableBytes + overhead <= 4096 ? 256 : 4096
    return (tableBytes + overhead + granule - 1) / granule * granule
  }

  /// Seals an encoded directory for its place.
  ///
  /// - Parameters:
  ///   - plaintext: From `encode`.
  ///   - offset: Where the sealed directory will begin in the pack.
  ///   - nonce: 24 bytes never used before under this repository's keys.
  package static func seal(
    _ plaintext: [UInt8], header: PackHeader, offset: UInt64, nonce: [UInt8], keys: KeySet
  ) -> [UInt8] {
    let additional = context(header, offset, plaintext.count + overhead, keys)
    return nonce + plaintext.withUnsafeBytes { keys.seal(.directory, nonce: nonce, additional: additional, $0) }
  }

  /// Opens a directory and checks that its frames fill the pack from the header up to no further than the directory.
  ///
  /// - Throws: `.truncated`, `.limitExceeded`, `.authenticationFailed`; after that as `decode`, and `.invalid` for frames that do not fit.
  package static func open(
    _ sealed: UnsafeRawBufferPointer, header: PackHeader, offset: UInt64, keys: KeySet
  ) throws(FormatError) -> [FrameEntry] {
    guard sealed.count <= Limits.packDirectoryBytes else { throw .limitExceeded("pack directory size") }
    var reader = ByteReader(sealed)
    let nonce = try reader.bytes(AEAD.nonceBytes)
    let plaintext = try keys.open(.directory, nonce: nonce, additional: context(header, offset, sealed.count, keys), reader.rest())
    let frames = try decode(plaintext, packClass: header.packClass)
    var end = UInt64(header.encodedLength)
    for frame in frames { end += UInt64(frame.encodedLength) }
    guard end <= offset else { throw .invalid("frames beyond the directory") }
    return frames
  }

  private static func context(_ header: PackHeader, _ offset: UInt64, _ length: Int, _ keys: KeySet) -> [UInt8] {
    var writer = ByteWriter(capacity: header.encodedLength + 28)
    writer.append(header.encode())
    writer.identifier(keys.repository)
    writer.u64(offset)
    writer.u32(UInt32(length))
    return writer.bytes
  }
}

/// Lengths of the parts of a pack.
package enum PackLayout {
  /// Random bytes to put between the last frame and the directory, so that the whole pack has the length of a size class.
  ///
  /// - Parameters:
  ///   - currentLength: Header and frames in bytes.
  ///   - directoryLength: The sealed directory in bytes.
  package static func paddingLength(currentLength: Int, directoryLength: Int) -> Int {
    let total = currentLength + directoryLength + PackTrailer.length
    return SizeClass.padded(total) - total
  }
}
