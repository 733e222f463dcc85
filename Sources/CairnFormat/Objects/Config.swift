/// What is fixed when a repository is created, and the feature sets that guard it against older programs.
///
/// | offset | bytes | content |
/// | --- | --- | --- |
/// | 0 | 8 | "CRNCONF1" |
/// | 8 | 2 | format major 1 |
/// | 10 | 2 | suite 1 |
/// | 12 | 16 | repository id |
/// | 28 | 32 | feature sets: read, write, collect garbage, compatible |
/// | 60 | 8 | counter, one more at every change |
/// | 68 | 4 | length n of the padded plaintext |
/// | 72 | 24 | nonce |
/// | 96 | n + 16 | ciphertext and tag; additional data: bytes 0 … 95, "config" |
package struct Config: Equatable, Sendable {
  package var repository: RepositoryID
  /// Bits of what a program must know to read, to write, and to condemn or sweep; the last set never keeps anyone out.
  package var readFeatures: UInt64 = 0
  package var writeFeatures: UInt64 = 0
  package var gcFeatures: UInt64 = 0
  package var compatibleFeatures: UInt64 = 0
  package var counter: UInt64 = 0
  package var chunker: ChunkerParameters = .normal
  /// Blobs smaller than `groupMaximumBlob` are sealed together in groups of about this many bytes before compression, larger ones
  /// that shrink in groups of up to four times as many (FORMAT.md 20); 0: never.
  package var groupBytes: UInt32 = 1 << 20
  package var groupMaximumBlob: UInt32 = 512 << 10
  package var dataPackBytes: UInt32 = 32 << 20
  package var treePackBytes: UInt32 = 8 << 20
  package var dataEpoch: UInt32 = 0
  package var created: Timestamp = .zero
  /// 32 bytes: the Ed25519 key that signs log records.
  package var maintenancePublicKey: [UInt8]
  /// Parity shards of a pack, k data and m parity; 0, 0 for none.
  package var parityData: UInt8 = 0
  package var parityExtra: UInt8 = 0
  /// What new frames are sealed with; every program reads both.
  package var frameCipher: FrameCipher = .xchacha20Poly1305

  package init(repository: RepositoryID, maintenancePublicKey: [UInt8]) {
    self.repository = repository
    self.maintenancePublicKey = maintenancePublicKey
  }

  /// The features this program knows, by set.
  package static let knownReadFeatures: UInt64 = 0
  package static let knownWriteFeatures: UInt64 = 0
  package static let knownGCFeatures: UInt64 = 0

  /// Whether this program may add to the repository.
  package var allowsWriting: Bool { writeFeatures & ~Self.knownWriteFeatures == 0 }
  /// Whether this program may condemn and sweep: an older one may not know a newer kind of reference.
  package var allowsGarbageCollection: Bool { allowsWriting && gcFeatures & ~Self.knownGCFeatures == 0 }

  /// The shards of new packs; nil for packs without parity.
  package var parity: ParityChoice? {
    get { parityData == 0 ? nil : ParityChoice(data: Int(parityData), parity: Int(parityExtra)) }
    set { (parityData, parityExtra) = (UInt8(clamping: newValue?.data ?? 0), UInt8(clamping: newValue?.parity ?? 0)) }
  }

  /// - Throws: `.invalid` or `.limitExceeded` naming the field that is out of its range.
  package func validate() throws(FormatError) {
    try chunker.validate()
    guard groupBytes <= 8 << 20, groupMaximumBlob <= 8 << 20 else { throw .limitExceeded("group size") }
    for size in [dataPackBytes, treePackBytes] {
      guard size >= 64 << 10, Int(size) <= Limits.packBytes else { throw .limitExceeded("pack size") }
    }
    guard maintenancePublicKey.count == SigningKey.publicKeyBytes else { throw .invalid("public key length") }
    guard (parityData == 0) == (parityExtra == 0), Int(parityData) <= Limits.parityDataShards, Int(parityExtra) <= Limits.parityShards
    else { throw .invalid("parity") }
    guard dataEpoch == 0 else { throw .unsupportedFeature }
  }
}

extension Config {
  /// Bytes before compression of the longest frame that a writer makes with these settings.
  package var largestFrameBytes: Int { max(Int(chunker.maximum), Int(groupBytes), Limits.treeNodeBytes) }
}

extension Config {
  static let headerBytes = 68
  private static let overhead = 96

  /// - Parameter nonce: 24 bytes never used before under this repository's keys.
  /// - Throws: As `validate`.
  package func seal(_ keys: KeySet, nonce: [UInt8]) throws(FormatError) -> [UInt8] {
    try validate()
    let padded = PaddedPlaintext.encode(encodeBody())
    var writer = ByteWriter(capacity: Self.overhead + padded.count + AEAD.tagBytes)
    header.encode(into: &writer)
    writer.u32(UInt32(padded.count))
    writer.append(nonce)
    let additional = writer.bytes + Array(LogicalName.config.utf8)
    writer.append(padded.withUnsafeBytes { keys.seal(.config, nonce: nonce, additional: additional, $0) })
    return writer.bytes
  }

  /// What can be read before any key is known, to find the right key. Not authenticated: `open` does that.
  ///
  /// - Throws: `.badMagic`, `.unsupportedVersion`, `.unsupportedFeature` for a suite or read feature this program does not know.
  package static func readHeader(_ bytes: [UInt8]) throws(FormatError) -> ConfigHeader {
    try bytes.withReader { (reader) throws(FormatError) in try ConfigHeader(from: &reader) }
  }

  /// - Throws: As `readHeader` and `validate`; `.authenticationFailed`; `.notCanonical`; `.limitExceeded` above 64 KiB.
  package static func open(_ bytes: [UInt8], keys: KeySet) throws(FormatError) -> Config {
    guard bytes.count <= Limits.configBytes else { throw .limitExceeded("object size") }
    return try bytes.withReader { (reader) throws(FormatError) in
      let header = try ConfigHeader(from: &reader)
      guard header.repository == keys.repository else { throw .authenticationFailed }
      let length = Int(try reader.u32())
      let nonce = try reader.bytes(AEAD.nonceBytes)
      guard length <= Limits.configBytes else { throw .limitExceeded("object size") }
      let ciphertext = try reader.bytes(length + AEAD.tagBytes)
      try reader.expectEnd()
      let additional = Array(bytes[..<overhead]) + Array(LogicalName.config.utf8)
      let plaintext = try keys.open(.config, nonce: nonce, additional: additional, ciphertext)
      return try plaintext.withReader { (reader) throws(FormatError) in
        try Config(header, body: try PaddedPlaintext.content(of: reader.rest()))
      }
    }
  }

  var header: ConfigHeader {
    ConfigHeader(
      repository: repository, readFeatures: readFeatures, writeFeatures: writeFeatures, gcFeatures: gcFeatures,
      compatibleFeatures: compatibleFeatures, counter: counter)
  }
}

/// What a frame is sealed with. The number is that of the config.
package enum FrameCipher: UInt8, Sendable {
  /// As fast on every processor.
  case xchacha20Poly1305 = 0
  /// Several times as fast on a processor with AES instructions, several times as slow without.
  case aes256GCM = 1

  /// The bit of the codec byte.
  package var codecBit: UInt8 { self == .aes256GCM ? Codec.aesGCM : 0 }
}

/// The part of a config that lies in the clear (and is authenticated by the rest).
package struct ConfigHeader: Equatable, Sendable {
  package var repository: RepositoryID
  package var readFeatures, writeFeatures, gcFeatures, compatibleFeatures: UInt64
  package var counter: UInt64

  private static let magic: StaticString = "CRNCONF1"
  private static let major: UInt16 = 1

  func encode(into writer: inout ByteWriter) {
    writer.append(Self.magic)
    writer.u16(Self.major)
    writer.u16(Envelope.suite)
    writer.identifier(repository)
    for set in [readFeatures, writeFeatures, gcFeatures, compatibleFeatures] { writer.u64(set) }
    writer.u64(counter)
  }
}

extension ConfigHeader {
  init(from reader: inout ByteReader) throws(FormatError) {
    try reader.expectMagic(Self.magic)
    let major = try reader.u16()
    guard major == Self.major else { throw .unsupportedVersion(UInt64(major)) }
    guard try reader.u16() == Envelope.suite else { throw .unsupportedFeature }
    repository = try reader.identifier16()
    readFeatures = try reader.u64()
    writeFeatures = try reader.u64()
    gcFeatures = try reader.u64()
    compatibleFeatures = try reader.u64()
    counter = try reader.u64()
    guard readFeatures & ~Config.knownReadFeatures == 0 else { throw .unsupportedFeature }
  }
}
