import CairnFormat
import CairnTestSupport
import Testing

@Suite struct PackTests {
  static let salt = Array(UInt8(0x70)...0x8F)
  static let header = PackHeader(packClass: .data, session: Fixtures.session, salt: salt)

  static func key(_ number: UInt32) -> BlobKey { TreeTests.id(number).key }

  static func frames(_ count: Int, type: BlobType = .data) -> [FrameEntry] {
    (0..<count).map { number in
      let members = (0..<UInt32(number % 3 + 1)).map { FrameMember(key: key(UInt32(number) * 3 + $0), type: type, length: 100 + $0) }
      let raw = members.reduce(0) { $0 + $1.length }
      return number % 2 == 0
        ? FrameEntry(encodedLength: raw + 40, rawLength: raw, codec: Codec.raw, members: members)
        : FrameEntry(encodedLength: raw, rawLength: raw, codec: Codec.zstd, keyReference: 130, members: members)
    }
  }

  @Test func headersComeBack() throws {
    var header = Self.header
    #expect(try PackHeader.decode(header.encode()) == header)
    #expect(header.encode().count == 64)
    header.keySlots = [[UInt8](repeating: 1, count: 88), [UInt8](repeating: 2, count: 88)]
    header.hasParity = true
    header.packClass = .tree
    #expect(try PackHeader.decode(header.encode() + [1, 2, 3]) == header)
    #expect(header.encode().count == header.encodedLength && header.encodedLength == 240)
  }

  @Test(arguments: [0, 1, 2, 100, 5000])
  func directoriesComeBack(count: Int) throws {
    let frames = Self.frames(count)
    let plaintext = try PackDirectory.encode(frames, packClass: .data)
    let length = plaintext.count + PackDirectory.overhead
    #expect(length % (length > 4096 ? 4096 : 256) == 0)
    #expect(try PackDirectory.decode(plaintext, packClass: .data) == frames)
    let offset = 64 + frames.reduce(0) { $0 + UInt64($1.encodedLength) }
    let sealed = PackDirectory.seal(plaintext, header: Self.header, offset: offset, nonce: Fixtures.nonce, keys: Fixtures.keys)
    #expect(sealed.count == length)
    #expect(try open(sealed, Self.header, offset) == frames)
  }

  private func open(_ sealed: [UInt8], _ header: PackHeader, _ offset: UInt64, _ keys: KeySet = Fixtures.keys) throws -> [FrameEntry] {
    try sealed.withUnsafeBytes { try PackDirectory.open($0, header: header, offset: offset, keys: keys) }
  }

  @Test func aDirectoryOpensInItsOwnPackOnly() throws {
    let plaintext = try PackDirectory.encode(Self.frames(3), packClass: .data)
    let sealed = PackDirectory.seal(plaintext, header: Self.header, offset: 5000, nonce: Fixtures.nonce, keys: Fixtures.keys)
    var others = [PackHeader](repeating: Self.header, count: 4)
    others[0].packClass = .tree
    others[1].session = SessionID(random: Array(2...13), epoch: 0)
    others[2].salt[0] ^= 1
    others[3].keySlots = [[UInt8](repeating: 0, count: 88)]
    for other in others { #expect(formatError { try open(sealed, other, 5000) } == .authenticationFailed) }
    #expect(formatError { try open(sealed, Self.header, 5001) } == .authenticationFailed)
    let keys = Fixtures.keySet(Fixtures.master, RepositoryID(bytes: Array(0xB0...0xBF))!)
    #expect(formatError { try open(sealed, Self.header, 5000, keys) } == .authenticationFailed)
    #expect(formatError { try open(Array(sealed.dropLast()), Self.header, 5000) } == .authenticationFailed)
    #expect(formatError { try open([], Self.header, 5000) } == .truncated)
  }

  @Test func framesMustEndBeforeTheDirectory() throws {
    let frames = Self.frames(2)
    let end = 64 + frames.reduce(0) { $0 + UInt64($1.encodedLength) }
    let plaintext = try PackDirectory.encode(frames, packClass: .data)
    let sealed = PackDirectory.seal(plaintext, header: Self.header, offset: end - 1, nonce: Fixtures.nonce, keys: Fixtures.keys)
    #expect(formatError { try open(sealed, Self.header, end - 1) } == .invalid("frames beyond the directory"))
  }

  @Test func tablesThatDoNotAddUpAreNotWritten() {
    func error(_ change: (inout FrameEntry) -> Void) -> FormatError? {
      var frame = Self.frames(1)[0]
      change(&frame)
      return formatError { try PackDirectory.encode([frame], packClass: .data) }
    }
    #expect(error { $0.members = [] } == .invalid("frame without members"))
    #expect(error { $0.rawLength += 1 } == .invalid("blob length"))
    #expect(error { $0.encodedLength += 1 } == .invalid("frame length"))
    #expect(error { $0.codec = 2 } == .unsupportedFeature)
    #expect(error { $0.members[0].type = .treeLeaf } == .invalid("blob type"))
    #expect(error { $0.members[0].length = .max } == .invalid("blob length"))
    #expect(formatError { try PackDirectory.encode(Self.frames(2), packClass: .tree) } == .invalid("blob type"))
  }

  @Test func trailersComeBack() throws {
    let trailer = PackTrailer(directoryOffset: 64, directoryLength: 256, parityOffset: 320)
    #expect(trailer.encode().count == PackTrailer.length)
    #expect(try PackTrailer.decode(trailer.encode(), packSize: 352) == trailer)
    #expect(formatError { try PackTrailer.decode(trailer.encode(), packSize: 351) } == .invalid("pack trailer"))
    #expect(formatError { try PackTrailer.decode(trailer.encode(), packSize: .max) } == .limitExceeded("pack size"))
    #expect(formatError { try PackTrailer.decode(trailer.encode(), packSize: 0) } == .limitExceeded("pack size"))
  }

  @Test(arguments: [64, 4000, 100_000, 33_554_000, 33_554_432])
  func packsHaveTheLengthOfASizeClass(current: Int) {
    let padding = PackLayout.paddingLength(currentLength: current, directoryLength: 4096)
    let total = current + padding + 4096 + 32
    #expect(padding >= 0 && SizeClass.padded(total) == total)
    #expect(padding < max(4096, total / 60))
  }
}

@Suite struct IndexDeltaTests {
  static func pack(_ number: UInt8, frames: Int, packClass: PackClass = .data) -> IndexedPack {
    IndexedPack(
      hash: ObjectHash(bytes: [UInt8](repeating: number, count: 32))!, owner: SessionID(random: Array(1...12), epoch: UInt32(number)),
      size: 1 << 20, packClass: packClass, headerLength: 64, frames: PackTests.frames(frames, type: packClass == .data ? .data : .listLeaf))
  }

  static let delta = IndexDelta(
    session: Fixtures.session, sequence: 3, packs: [pack(9, frames: 0), pack(1, frames: 100), pack(2, frames: 7, packClass: .tree)])

  @Test func deltasComeBack() throws {
    #expect(try IndexDelta.decode(Self.delta.encode()) == Self.delta)
    let empty = IndexDelta(session: Fixtures.session, sequence: 0, packs: [])
    #expect(try IndexDelta.decode(empty.encode()) == empty)
  }

  @Test func framesLieBackToBack() {
    var end: UInt32 = 64
    Self.pack(1, frames: 10).forEachFrame { frame, offset in
      #expect(offset == end)
      end += frame.encodedLength
    }
    #expect(end > 64)
  }

  @Test func impossiblePacksAreNotWritten() {
    func error(_ change: (inout IndexedPack) -> Void) -> FormatError? {
      var pack = Self.pack(1, frames: 3)
      change(&pack)
      return formatError { try IndexDelta(session: Fixtures.session, sequence: 0, packs: [pack]).encode() }
    }
    #expect(error { $0.size = 100 } == .invalid("frames beyond the pack"))
    #expect(error { $0.size = 1 << 30 } == .limitExceeded("pack size"))
    #expect(error { $0.headerLength = 65 } == .invalid("pack header length"))
    #expect(error { $0.packClass = .tree } == .invalid("blob type"))
    let twice = IndexDelta(session: Fixtures.session, sequence: 0, packs: [Self.pack(1, frames: 1), Self.pack(1, frames: 2)])
    #expect(formatError { try twice.encode() } == .notCanonical("pack listed twice"))
  }
}
