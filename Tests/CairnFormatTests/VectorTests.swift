import CairnFormat
import CairnTestSupport
import Testing

/// The vectors of FORMAT.md, read from the page itself. They were made by another program (Tests/Vectors/format-vectors-records.py) from the page's text.
@Suite struct VectorTests {
  private let page: VectorPage
  private let keys = Fixtures.keys

  init() throws { page = try VectorPage() }

  @Test func varints() throws {
    for vector in page.vectors where vector.name.hasPrefix("varint-") {
      var writer = ByteWriter()
      writer.varint(try vector.number("value"))
      #expect(try writer.bytes == vector.bytes("bytes"))
      let read = try writer.bytes.withReader { (reader) throws(FormatError) in try reader.varint() }
      #expect(try read == vector.number("value"))
    }
  }

  @Test func sizeClasses() throws {
    let bytes = try page["sizes"].bytes("value")
    try bytes.withReader { (reader) throws(FormatError) in
      while !reader.isAtEnd {
        let count = Int(try reader.u64())
        #expect(SizeClass.padded(count) == Int(try reader.u64()), "\(count)")
        #expect(SizeClass.envelope(count) == Int(try reader.u64()), "\(count)")
      }
    }
    #expect(bytes.count == 11 * 24)
  }

  @Test func subkeys() throws {
    let vector = try page["subkeys"]
    #expect(vector.values.count == Subkey.allCases.count)
    for subkey in Subkey.allCases {
      #expect(try keys.withKey(subkey) { [UInt8]($0) } == vector.bytes("k\(subkey.number)"), "\(subkey)")
    }
    #expect(try keys.chunkerSeed.withBytes { [UInt8]($0) } == vector.bytes("k2"))
    let maintenance = try page["maintenance-key"]
    #expect(try keys.signingKey.publicKey == maintenance.bytes("public"))
    #expect(try Array("abc".utf8).withUnsafeBytes { keys.signingKey.sign($0) } == maintenance.bytes("signature-of-abc"))
  }

  @Test(arguments: ["empty", "a", "mebibyte-of-zeros"])
  func blobIDs(name: String) throws {
    let vector = try page["id-\(name)"]
    let content = [UInt8](repeating: try vector.bytes("byte")[0], count: Int(try vector.number("length")))
    for type in BlobType.allCases {
      #expect(try keys.blobID(type, content).bytes == vector.bytes("type\(type.rawValue)"))
    }
  }

  @Test func hashesNoncesAndDerivedKeys() throws {
    for vector in page.vectors where vector.name.hasPrefix("name-hash-") {
      var writer = ByteWriter()
      writer.u64(keys.nameHash(try vector.bytes("name")))
      #expect(try writer.bytes == vector.bytes("hash"))
    }
    let hedged = try page["hedged-nonce"]
    let (random, context) = (try hedged.bytes("random"), try hedged.bytes("context"))
    let nonce = random.withUnsafeBytes { random in context.withUnsafeBytes { keys.hedgedNonce(random: random, context: $0) } }
    #expect(try nonce == hedged.bytes("nonce"))
    let derived = try page["derived-key"]
    let key = keys.derivedKey(.index, "cairn-example", try derived.bytes("input"))
    #expect(try key.withBytes { [UInt8]($0) } == derived.bytes("key"))
  }

  @Test(arguments: ["frame-data", "frame-tree", "frame-empty", "frame-data-gcm", "frame-tree-gcm", "frame-empty-gcm"])
  func frames(name: String) throws {
    let vector = try page[name]
    let packClass = try #require(PackClass(rawValue: UInt8(try vector.number("class"))))
    let (codec, raw) = (UInt8(try vector.number("codec")), UInt32(try vector.number("raw")))
    let content = try vector.bytes("content")
    var frame = [UInt8](repeating: 0, count: content.count + 40)
    _ = frame.withUnsafeMutableBytes { output in
      content.withUnsafeBytes { content in
        Fixtures.nonce.withUnsafeBytes {
          keys.sealFrame(packClass: packClass, codec: codec, rawLength: raw, content, nonce: $0, into: output)
        }
      }
    }
    #expect(try frame == vector.bytes("frame"))
    var opened = [UInt8](repeating: 0, count: content.count)
    let count = try opened.withUnsafeMutableBytes { output in
      try frame.withUnsafeBytes { try keys.openFrame(packClass: packClass, codec: codec, rawLength: raw, $0, into: output) }
    }
    #expect(count == content.count && opened == content)
  }

  @Test(arguments: ["slot-passphrase-weakest", "slot-passphrase-default", "slot-keyfile"])
  func keySlots(name: String) throws {
    let vector = try page[name]
    let (bytes, credential) = (try vector.bytes("slot"), try vector.bytes("credential"))
    let opened = try KeySlotTests.unlock(bytes, credential)
    #expect(try opened.master == vector.bytes("master"))
    #expect(try Array(opened.info.label.utf8) == vector.bytes("label"))
    #expect(try SHA256Digest.hash(bytes).bytes == vector.bytes("slot-id"))
    // Made again from the same parts, it has the same bytes.
    let parsed = try KeySlot.parse(bytes)
    let again = try credential.withReader { (reader) throws(FormatError) in
      try KeySlot.create(
        kind: parsed.kind, credential: reader.rest(), master: Fixtures.master.withUnsafeBytes { SecretBytes(copying: $0) },
        repository: parsed.repository, created: Timestamp(seconds: parsed.createdSeconds), info: opened.info, kdf: parsed.kdf,
        floor: .weakest, salt: parsed.salt, nonce: Fixtures.nonce)
    }
    #expect(again == bytes)
    if vector.values["file"] != nil {
      let file = try vector.bytes("file")
      let key = try file.withReader { (reader) throws(FormatError) in try KeyFile.decode(reader.rest()) }
      #expect(key.withBytes { [UInt8]($0) } == credential)
    }
  }

  @Test func config() throws {
    let bytes = try page["config"].bytes("config")
    #expect(try Config.open(bytes, keys: keys) == Fixtures.config)
    #expect(try Fixtures.config.seal(keys, nonce: Fixtures.nonce) == bytes)
  }

  /// Content and object of a record: decoded, encoded and sealed again.
  private func check<Record: Equatable>(
    _ name: String, _ kind: Envelope.Kind, _ record: Record?, _ decode: ([UInt8]) throws -> Record, _ encode: (Record) throws -> [UInt8]
  ) throws {
    let vector = try page[name]
    let content = try vector.bytes("content")
    let decoded = try decode(content)
    #expect(try encode(decoded) == content)
    if let record { #expect(decoded == record) }
    guard vector.values["object"] != nil else { return }
    let logicalName =
      kind == .log ? LogicalName.log(try vector.number("index")) : String(decoding: try vector.bytes("name"), as: UTF8.self)
    let sealed = try Envelope.seal(kind, logicalName: logicalName, plaintext: content, nonce: Fixtures.nonce, keys: keys)
    #expect(try sealed == vector.bytes("object"))
    #expect(try Envelope.open(kind, logicalName: logicalName, sealed, keys: keys) == content)
  }

  @Test func records() throws {
    try check("session", .session, Fixtures.sessionRecord, SessionRecord.decode) { try $0.encode() }
    try check("commit", .commit, Fixtures.commitRecord, CommitRecord.decode) { try $0.encode() }
    try check("commit-revoked", .commit, CommitRecord(decision: .revoked), CommitRecord.decode) { try $0.encode() }
    try check("log-all-fields", .log, Fixtures.logRecord, LogRecord.decode) { try $0.encode() }
    try check("log-checkpoint", .log, Fixtures.checkpointRecord, LogRecord.decode) { try $0.encode() }
    #expect(try page["session"].bytes("name") == Array(LogicalName.session(Fixtures.session).utf8))
    #expect(try page["commit"].bytes("name") == Array(LogicalName.commit(Fixtures.session).utf8))
    let handOvers = try page["hand-overs"]
    #expect(try Fixtures.session.bytes == handOvers.bytes("session"))
    #expect(try Fixtures.session.handOver(1).bytes == handOvers.bytes("first"))
    #expect(try Fixtures.session.handOver(258).bytes == handOvers.bytes("other"))
    let unknown = try page["manifest-unknown-even-field"]
    #expect(try Manifest.decode(unknown.bytes("content")) == Manifest.decode(unknown.bytes("same-as")))
  }

  @Test(arguments: SnapshotKind.allCases)
  func manifests(kind: SnapshotKind) throws {
    let names: [SnapshotKind: String] = [.full: "full", .incremental: "incremental", .differential: "differential"]
    let name = try #require(names[kind])
    try check("manifest-\(name)", .manifest, nil, Manifest.decode) { try $0.encode() }
    let decoded = try Manifest.decode(page["manifest-\(name)"].bytes("content"))
    #expect(decoded.kind == kind)
    if kind == .incremental { #expect(decoded == Fixtures.manifest) }
  }

  @Test func theLogChainHoldsTogether() throws {
    var previous = ObjectHash.zero
    for index in 0..<4 {
      try check("log-chain-\(index)", .log, nil, LogRecord.decode) { try $0.encode() }
      let vector = try page["log-chain-\(index)"]
      let record = try LogRecord.decode(vector.bytes("content"))
      #expect(record.index == UInt64(index))
      #expect(record.previous == previous)
      previous = SHA256Digest.hash(try vector.bytes("object"))
      #expect(try previous.bytes == vector.bytes("hash"))
    }
  }

  @Test(arguments: ["slot-", "config-", "envelope-", "record-", "log-"])
  func everyNegativeVectorIsRefusedForItsReason(prefix: String) throws {
    let vectors = page.negatives(prefix)
    #expect(!vectors.isEmpty)
    for vector in vectors {
      let bytes = try vector.bytes("bytes")
      let decoder = try decoder(of: vector)
      #expect(formatError { try decoder(bytes) }?.name == vector.error, "\(vector.name)")
    }
  }

  private func decoder(of vector: VectorPage.Vector) throws -> ([UInt8]) throws -> Void {
    switch vector.values["decode"]?.filter({ $0 != "\"" }) {
    case "slot": { _ = try KeySlot.parse($0) }
    case "config": { _ = try Config.open($0, keys: keys) }
    case "session": { _ = try SessionRecord.decode($0) }
    case "commit": { _ = try CommitRecord.decode($0) }
    case "manifest": { _ = try Manifest.decode($0) }
    case "log": { _ = try LogRecord.decode($0) }
    case "session-object": { _ = try Envelope.open(.session, logicalName: LogicalName.session(Fixtures.session), $0, keys: keys) }
    case "log-object": { _ = try Envelope.open(.log, logicalName: LogicalName.log(0), $0, keys: keys) }
    default: throw VectorPage.Missing(description: "unknown decoder in \(vector.name)")
    }
  }
}
