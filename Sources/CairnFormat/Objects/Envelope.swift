/// The sealed form of every small object: session, index delta, manifest, commit register, log record.
///
/// | offset | bytes | content |
/// | --- | --- | --- |
/// | 0 | 8 | magic of the kind |
/// | 8 | 2 | version 1 |
/// | 10 | 2 | suite 1 |
/// | 12 | 4 | length n of the padded plaintext |
/// | 16 | 24 | nonce |
/// | 40 | n + 16 | ciphertext and tag; additional data: bytes 0 … 39, repository id, logical name |
/// | | 64 | log records only: Ed25519 signature over everything before |
package enum Envelope {
  package enum Kind: Sendable, CaseIterable {
    case session, delta, manifest, commit, log

    var magic: StaticString {
      switch self {
      case .session: "CRNSESS1"
      case .delta: "CRNDELT1"
      case .manifest: "CRNSNAP1"
      case .commit: "CRNCOMM1"
      case .log: "CRNMLOG1"
      }
    }

    var subkey: Subkey {
      switch self {
      case .session, .commit: .session
      case .delta: .index
      case .manifest: .manifest
      case .log: .log
      }
    }

    /// The largest content before padding.
    package var maximumContentBytes: Int {
      switch self {
      case .session: Limits.sessionBytes
      case .delta: Limits.deltaBytes
      case .manifest: Limits.manifestBytes
      case .commit: Limits.commitBytes
      case .log: Limits.logRecordBytes
      }
    }

    /// The largest stored object of this kind: what a reader passes to the storage as its limit.
    package var maximumStoredBytes: Int {
      PaddedPlaintext.length(of: maximumContentBytes) + overhead + AEAD.tagBytes + signatureBytes
    }

    var signatureBytes: Int { self == .log ? SigningKey.signatureBytes : 0 }
  }

  package static let version: UInt16 = 1
  package static let suite: UInt16 = 1
  private static let overhead = 40

  /// - Parameters:
  ///   - logicalName: From `LogicalName`.
  ///   - nonce: 24 bytes never used before under this repository's keys.
  /// - Throws: `.limitExceeded` when the plaintext is larger than the kind allows.
  package static func seal(
    _ kind: Kind, logicalName: String, plaintext: [UInt8], nonce: [UInt8], keys: KeySet
  ) throws(FormatError) -> [UInt8] {
    guard plaintext.count <= kind.maximumContentBytes else { throw .limitExceeded("object size") }
    let padded = PaddedPlaintext.encode(plaintext)
    var writer = ByteWriter(capacity: overhead + padded.count + AEAD.tagBytes + kind.signatureBytes)
    writer.append(kind.magic)
    writer.u16(version)
    writer.u16(suite)
    writer.u32(UInt32(padded.count))
    writer.append(nonce)
    let additional = writer.bytes + keys.repository.bytes + Array(logicalName.utf8)
    writer.append(padded.withUnsafeBytes { keys.seal(kind.subkey, nonce: nonce, additional: additional, $0) })
    if kind == .log { writer.append(writer.bytes.withUnsafeBytes { keys.signingKey.sign($0) }) }
    return writer.bytes
  }

  /// The content, authenticated to be what was sealed for this kind, name and repository.
  ///
  /// - Throws: `.badMagic`, `.unsupportedVersion`, `.unsupportedFeature` (suite), `.limitExceeded`, `.truncated`, `.trailingBytes` from the
  ///   clear header before anything is decrypted; `.authenticationFailed`; `.notCanonical` for wrong padding.
  package static func open(
    _ kind: Kind, logicalName: String, _ bytes: UnsafeRawBufferPointer, keys: KeySet
  ) throws(FormatError) -> [UInt8] {
    var reader = ByteReader(bytes)
    try reader.expectMagic(kind.magic)
    let version = try reader.u16()
    guard version == Self.version else { throw .unsupportedVersion(UInt64(version)) }
    guard try reader.u16() == suite else { throw .unsupportedFeature }
    let length = Int(try reader.u32())
    guard length <= PaddedPlaintext.length(of: kind.maximumContentBytes) else { throw .limitExceeded("object size") }
    let nonce = try reader.bytes(AEAD.nonceBytes)
    let ciphertext = try reader.bytes(length + AEAD.tagBytes)
    if kind == .log {
      let signed = UnsafeRawBufferPointer(rebasing: bytes[..<reader.offset])
      let signature = try reader.bytes(SigningKey.signatureBytes)
      try reader.expectEnd()
      try SigningKey.verify(signature, of: signed, publicKey: keys.signingKey.publicKey)
    }
    try reader.expectEnd()
    let additional = [UInt8](bytes[..<overhead]) + keys.repository.bytes + Array(logicalName.utf8)
    let plaintext = try keys.open(kind.subkey, nonce: nonce, additional: additional, ciphertext)
    return try plaintext.withReader { (reader) throws(FormatError) in [UInt8](try PaddedPlaintext.content(of: reader.rest())) }
  }

  package static func open(_ kind: Kind, logicalName: String, _ bytes: [UInt8], keys: KeySet) throws(FormatError) -> [UInt8] {
    try bytes.withReader { (reader) throws(FormatError) in try open(kind, logicalName: logicalName, reader.rest(), keys: keys) }
  }
}
