import CairnFormat
import CairnTestSupport
import Testing

@Suite struct EnvelopeTests {
  private func seal(_ kind: Envelope.Kind, _ plaintext: [UInt8], name: String = "x") throws -> [UInt8] {
    try Envelope.seal(kind, logicalName: name, plaintext: plaintext, nonce: Fixtures.nonce, keys: Fixtures.keys)
  }

  private func open(_ kind: Envelope.Kind, _ bytes: [UInt8], name: String = "x", keys: KeySet = Fixtures.keys) throws -> [UInt8] {
    try Envelope.open(kind, logicalName: name, bytes, keys: keys)
  }

  @Test(arguments: Envelope.Kind.allCases, [0, 1, 251, 252, 253, 4092, 4093, 100_000] as [Int])
  func contentComesBackFromAPaddedEnvelope(kind: Envelope.Kind, count: Int) throws {
    guard count <= kind.maximumContentBytes else { return }
    let plaintext = [UInt8](repeating: 7, count: count)
    let sealed = try seal(kind, plaintext)
    #expect(try open(kind, sealed) == plaintext)
    #expect(sealed.count == SizeClass.envelope(4 + count) + 56 + (kind == .log ? 64 : 0))
  }

  @Test(arguments: Envelope.Kind.allCases)
  func anEnvelopeOpensOnlyAsItsOwnKindNameAndRepository(kind: Envelope.Kind) throws {
    let sealed = try seal(kind, [1, 2, 3])
    #expect(formatError { try open(kind, sealed, name: "y") } == .authenticationFailed)
    #expect(formatError { try open(kind, sealed, keys: Fixtures.keySet(Fixtures.master, .zero)) } == .authenticationFailed)
    #expect(
      formatError { try open(kind, sealed, keys: Fixtures.keySet(Array(1...32), Fixtures.repository)) } == .authenticationFailed)
    for other in Envelope.Kind.allCases where other != kind {
      #expect(formatError { try open(other, sealed) } == .badMagic)
    }
    #expect(formatError { try open(kind, sealed + [0]) } == .trailingBytes)
    #expect(formatError { try open(kind, Array(sealed.dropLast())) } == .truncated)
    #expect(formatError { try open(kind, []) } == .badMagic)
    var newer = sealed
    newer[8] = 2
    #expect(formatError { try open(kind, newer) } == .unsupportedVersion(2))
    newer = sealed
    newer[10] = 2
    #expect(formatError { try open(kind, newer) } == .unsupportedFeature)
    newer = sealed
    newer.replaceSubrange(12..<16, with: [0xFF, 0xFF, 0xFF, 0xFF])
    #expect(formatError { try open(kind, newer) } == .limitExceeded("object size"))
  }

  @Test(arguments: Envelope.Kind.allCases)
  func contentAboveTheLimitIsNotSealed(kind: Envelope.Kind) throws {
    guard kind.maximumContentBytes <= 1 << 20 else { return }
    #expect(formatError { try seal(kind, [UInt8](repeating: 0, count: kind.maximumContentBytes + 1)) } == .limitExceeded("object size"))
    let largest = try seal(kind, [UInt8](repeating: 0, count: kind.maximumContentBytes))
    #expect(largest.count <= kind.maximumStoredBytes)
    #expect(try open(kind, largest).count == kind.maximumContentBytes)
  }

  @Test func aSessionKeyHolderCannotForgeALogRecord() throws {
    var sealed = try seal(.log, [1])
    sealed[sealed.count - 1] ^= 1
    #expect(formatError { try open(.log, sealed) } == .authenticationFailed)
  }

  @Test func paddingOtherThanTheSizeClassIsRefused() {
    func open(_ plaintext: [UInt8]) -> FormatError? { formatError { try self.open(.session, FuzzedDecoders.sealRaw(plaintext)) } }
    let zeros = [UInt8](repeating: 0, count: 252)
    #expect(open([0, 0, 0, 0] + zeros) == nil)
    #expect(open([0, 0, 0, 0] + zeros + [UInt8](repeating: 0, count: 256)) == .notCanonical("padding"))
    #expect(open([0, 0, 0, 0] + zeros.dropLast()) == .notCanonical("padding"))
    #expect(open([0, 0, 0, 0] + zeros.dropLast() + [1]) == .notCanonical("padding"))
    #expect(open([253, 0, 0, 0] + zeros) == .truncated)
    #expect(open([0xFF, 0xFF, 0xFF, 0xFF] + zeros) == .truncated)
    #expect(open([0, 0, 0]) == .truncated)
  }
}

@Suite struct ConfigTests {
  @Test func aConfigComesBack() throws {
    let sealed = try Fixtures.config.seal(Fixtures.keys, nonce: Fixtures.nonce)
    #expect(try Config.open(sealed, keys: Fixtures.keys) == Fixtures.config)
    let header = try Config.readHeader(sealed)
    #expect(header.repository == Fixtures.repository)
    #expect(header.counter == 5)
    var full = Fixtures.config
    (full.groupBytes, full.groupMaximumBlob, full.parityData, full.parityExtra) = (0, 0, 32, 2)
    (full.writeFeatures, full.gcFeatures, full.compatibleFeatures) = (1, 2, 4)
    full.chunker = ChunkerParameters(algorithm: 0, minimum: 4096, average: 4096, maximum: 4096)
    let again = try Config.open(full.seal(Fixtures.keys, nonce: Fixtures.nonce), keys: Fixtures.keys)
    #expect(again == full)
    #expect(!again.allowsWriting && !again.allowsGarbageCollection && Fixtures.config.allowsGarbageCollection)
  }

  @Test func anUnknownReadFeatureIsRefusedBeforeAnyKeyIsNeeded() throws {
    var config = Fixtures.config
    config.readFeatures = 1 << 63
    let sealed = try config.seal(Fixtures.keys, nonce: Fixtures.nonce)
    #expect(formatError { try Config.readHeader(sealed) } == .unsupportedFeature)
    #expect(formatError { try Config.open(sealed, keys: Fixtures.keys) } == .unsupportedFeature)
  }

  /// Feature sets and counter lie in the clear: changing any of their bytes must be found out.
  @Test(arguments: [12, 27, 36, 44, 52, 60, 67, 72, 96])
  func theClearHeaderIsAuthenticated(offset: Int) throws {
    var sealed = try Fixtures.config.seal(Fixtures.keys, nonce: Fixtures.nonce)
    sealed[offset] ^= 1
    #expect(formatError { try Config.open(sealed, keys: Fixtures.keys) } == .authenticationFailed)
  }

  @Test func valuesOutOfRangeAreNotSealed() {
    func refused(_ change: (inout Config) -> Void) -> FormatError? {
      var config = Fixtures.config
      change(&config)
      return formatError { try config.seal(Fixtures.keys, nonce: Fixtures.nonce) }
    }
    #expect(refused { $0.chunker.minimum = $0.chunker.maximum } == .invalid("chunk sizes"))
    #expect(refused { $0.chunker.maximum = 1 << 24 } == .invalid("chunk sizes"))
    #expect(refused { $0.chunker.algorithm = 9 } == .unsupportedFeature)
    #expect(refused { $0.dataPackBytes = 1 << 30 } == .limitExceeded("pack size"))
    #expect(refused { $0.treePackBytes = 1 } == .limitExceeded("pack size"))
    #expect(refused { $0.groupBytes = 1 << 24 } == .limitExceeded("group size"))
    #expect(refused { $0.maintenancePublicKey = [] } == .invalid("public key length"))
    #expect(refused { $0.parityData = 4 } == .invalid("parity"))
  }
}
