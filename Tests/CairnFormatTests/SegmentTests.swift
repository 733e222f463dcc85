import CairnFormat
import CairnTestSupport
import Crypto
import Testing

/// An image in memory of its own, so that tests can damage it.
final class SampleImage {
  static let imageID = Array(UInt8(0xE0)...0xEF)
  static let key = Array(UInt8(0x50)...0x6F).withUnsafeBytes { SecretBytes(copying: $0) }
  let memory: UnsafeMutableRawBufferPointer

  init(_ bytes: [UInt8]) {
    memory = .allocate(byteCount: bytes.count, alignment: 64)
    memory.copyBytes(from: bytes)
  }

  deinit { memory.deallocate() }

  func reader(_ repository: RepositoryID = Fixtures.repository) throws -> SegmentImageReader {
    try SegmentImageReader(UnsafeRawBufferPointer(memory), repository: repository, key: Self.key)
  }

  /// The image that FORMAT.md describes, of any number of entries.
  static func bytes(entries count: Int, frames: Int? = nil, covers: [ObjectHash] = [Fixtures.hash, .zero]) throws -> [UInt8] {
    let frameCount = frames ?? count / 5
    var entries = (0..<UInt32(count)).map { number in
      let pack = number / 5 / 200 % 3
      return SegmentEntry(
        key: TreeTests.id(number).key, frame: number / 5, memberOffset: number % 5 * 200, length: 200,
        type: pack % 2 == 0 ? .data : .treeLeaf)
    }
    entries.sort(by: SegmentEntry.precedes)
    var bytes: [UInt8] = []
    try withoutActuallyEscaping({ (piece: UnsafeRawBufferPointer) in bytes.append(contentsOf: piece) }) { emit in
      var writer = try SegmentImageWriter(
        image: imageID, repository: Fixtures.repository, key: key, entries: count, frames: frameCount, packs: 3, covers: covers, emit: emit)
      for number: UInt8 in 0..<3 {
        try writer.append(
          SegmentPack(
            hash: ObjectHash(bytes: [UInt8](repeating: number, count: 32))!, owner: Fixtures.session, size: 4096 * (UInt64(number) + 1),
            packClass: number % 2 == 0 ? .data : .tree))
      }
      for number in 0..<UInt32(frameCount) {
        try writer.append(
          SegmentFrame(pack: number / 200 % 3, offset: 64 + number % 200 * 100, encodedLength: 60, rawLength: 1000, codec: 1, keyRef: 0))
      }
      for entry in entries { try writer.append(entry) }
      try writer.finish()
    }
    return bytes
  }
}

@Suite struct SegmentImageTests {
  @Test(arguments: [0, 1, 31, 33, 3000, 40_000])
  func everyKeyIsFoundAndNoOther(count: Int) throws {
    let image = SampleImage(try SampleImage.bytes(entries: count, frames: count / 5 + 1))
    let reader = try image.reader()
    #expect(reader.entryCount == count && reader.packCount == 3)
    try reader.verifyContents()
    for number in stride(from: 0, to: UInt32(count), by: max(1, count / 500)) {
      let place = try #require(try reader.find(TreeTests.id(number).key))
      let entry = try reader.entry(place)
      #expect(entry.key == TreeTests.id(number).key && entry.frame == number / 5 && entry.memberOffset == number % 5 * 200)
      let frame = try reader.frame(Int(entry.frame))
      #expect(frame.offset == 64 + number / 5 % 200 * 100)
      #expect(try reader.pack(Int(frame.pack)).size == 4096 * (UInt64(frame.pack) + 1))
    }
    for number in UInt32(count)..<UInt32(count + 200) { #expect(try reader.find(TreeTests.id(number).key) == nil) }
    for word: UInt64 in [0, .max] { #expect(try reader.find(BlobKey(word0: word, word1: word)) == nil) }
    #expect(try reader.covers() == [.zero, Fixtures.hash])
  }

  @Test func severalPlacesOfOneBlobAreAllFound() throws {
    var bytes: [UInt8] = []
    let key = TreeTests.id(1).key
    try withoutActuallyEscaping({ (piece: UnsafeRawBufferPointer) in bytes.append(contentsOf: piece) }) { emit in
      var writer = try SegmentImageWriter(
        image: SampleImage.imageID, repository: Fixtures.repository, key: SampleImage.key, entries: 3, frames: 3, packs: 1, covers: [],
        emit: emit)
      try writer.append(SegmentPack(hash: Fixtures.hash, owner: Fixtures.session, size: 4096, packClass: .data))
      for number: UInt32 in 0..<3 {
        try writer.append(SegmentFrame(pack: 0, offset: 64 + 100 * number, encodedLength: 100, rawLength: 60, codec: 0, keyRef: 0))
      }
      for number: UInt32 in 0..<3 { try writer.append(SegmentEntry(key: key, frame: number, memberOffset: 0, length: 60, type: .data)) }
      try writer.finish()
    }
    let image = SampleImage(bytes)
    let reader = try image.reader()
    #expect(try reader.find(key) == 0)
    #expect(try (0..<3).map { try reader.entry($0).frame } == [0, 1, 2])
  }

  @Test func theWriterRefusesAnotherOrderOrCount() throws {
    let pack = SegmentPack(hash: Fixtures.hash, owner: Fixtures.session, size: 4096, packClass: .data)
    let frame = SegmentFrame(pack: 0, offset: 64, encodedLength: 100, rawLength: 60, codec: 0, keyRef: 0)
    func entry(_ word: UInt64) -> SegmentEntry {
      SegmentEntry(key: BlobKey(word0: word, word1: 0), frame: 0, memberOffset: 0, length: 60, type: .data)
    }
    func writer() throws -> SegmentImageWriter {
      try SegmentImageWriter(
        image: SampleImage.imageID, repository: Fixtures.repository, key: SampleImage.key, entries: 2, frames: 1, packs: 1, covers: []
      ) { _ in }
    }
    var early = try writer()
    #expect(throws: FormatError.self) { try early.append(frame) }
    var unsorted = try writer()
    try unsorted.append(pack)
    try unsorted.append(frame)
    try unsorted.append(entry(2))
    #expect(throws: FormatError.self) { try unsorted.append(entry(1)) }
    #expect(throws: FormatError.self) { try unsorted.finish() }
    #expect(throws: FormatError.self) {
      var foreign = try writer()
      try foreign.append(pack)
      try foreign.append(SegmentFrame(pack: 1, offset: 64, encodedLength: 100, rawLength: 60, codec: 0, keyRef: 0))
    }
  }

  /// Any changed bit is found before its page is used, and pages that are whole stay usable.
  @Test func aDamagedPageIsRefusedOnFirstTouch() throws {
    let image = SampleImage(try SampleImage.bytes(entries: 3000))
    image.memory[70_000] ^= 1
    let reader = try image.reader()
    #expect(try reader.covers().count == 2)
    #expect(try reader.pack(0).packClass == .data)
    #expect(formatError { try reader.verifyContents() } == .authenticationFailed)
    #expect(formatError { try reader.find(TreeTests.id(0).key) } == .authenticationFailed)
  }

  @Test(arguments: [0, 8, 10, 20, 40, 64, 100, 200, 65_535])
  func damageToTheFirstPageIsFoundAtOnce(offset: Int) throws {
    let image = SampleImage(try SampleImage.bytes(entries: 3000))
    image.memory[offset] ^= 0x80
    #expect(formatError { try image.reader() } != nil)
  }

  @Test func damageToTheCodesIsFoundAtOnce() throws {
    let image = SampleImage(try SampleImage.bytes(entries: 3000))
    for offset in [image.memory.count - 1, image.memory.count - 17] {
      image.memory[offset] ^= 1
      #expect(formatError { try image.reader() } == .authenticationFailed)
      image.memory[offset] ^= 1
    }
    #expect(formatError { try image.reader(RepositoryID(bytes: Array(0xB0...0xBF))!) } == .authenticationFailed)
  }

  @Test func countsThatDoNotFitTheSizeAreRefused() throws {
    let bytes = try SampleImage.bytes(entries: 3000)
    for (offset, width) in [(48, 8), (56, 8), (64, 8), (72, 8), (80, 8), (10, 2)] {
      for value: UInt8 in [0, 1, 0x7F, 0xFF] {
        var changed = bytes
        for index in 0..<width { changed[offset + index] = value }
        #expect(formatError { try SampleImage(changed).reader() } != nil, "offset \(offset), \(value)")
      }
    }
    for count in [0, 1, 127, 65_535, 65_536, bytes.count - 1] {
      #expect(formatError { try SampleImage(Array(bytes[..<count])).reader() } != nil)
    }
    #expect(formatError { try SampleImage(bytes + [0]).reader() } != nil)
  }

  /// Contents whose codes are right, but which lie: made by somebody with the key. Nothing traps.
  @Test func numbersInsideAreCheckedBeforeTheyAreFollowed() throws {
    let layout = try SegmentLayout(entries: 3000, frames: 600, packs: 3, covers: 2)
    var random = SeededRandom(seed: 77)
    let original = try SampleImage.bytes(entries: 3000)
    for _ in 0..<300 {
      var bytes = original
      for _ in 0..<8 {
        let place = layout.packsOffset + random.below(layout.fanoutOffset + 1000 - layout.packsOffset)
        bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      SegmentForgery.authenticate(&bytes, layout)
      let image = SampleImage(bytes)
      let reader = try image.reader()
      _ = formatError { try reader.verifyContents() }
      for number: UInt32 in 0..<20 { _ = formatError { try reader.find(TreeTests.id(number).key).map { try reader.entry($0) } } }
      for number in 0..<600 { _ = formatError { try reader.frame(number) } }
    }
  }

  @Test func numbersOutsideOfTheImageAreRefused() throws {
    let image = SampleImage(try SampleImage.bytes(entries: 3000))
    let reader = try image.reader()
    for number in [-1, 3000, Int.max, Int.min] {
      #expect(formatError { try reader.entry(number) } == .invalid("entry number"))
      #expect(formatError { try reader.frame(number) } == .invalid("frame number"))
      #expect(formatError { try reader.pack(number) } == .invalid("pack number"))
    }
  }
}

/// Computes the codes of an image anew, from the text of FORMAT.md.
enum SegmentForgery {
  static func authenticate(_ bytes: inout [UInt8], _ layout: SegmentLayout) {
    bytes.removeSubrange(layout.pagesEnd...)
    appendCodes(&bytes, layout)
  }

  static func appendCodes(_ bytes: inout [UInt8], _ layout: SegmentLayout) {
    var codes: [UInt8] = []
    for page in 0..<layout.pages { codes += code(UInt64(page), bytes[page << 16..<(page + 1) << 16]) }
    bytes += codes + code(.max, codes[...])
  }

  private static func code(_ number: UInt64, _ content: ArraySlice<UInt8>) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(SampleImage.imageID)
    writer.u64(number)
    let key = SampleImage.key.withBytes { SymmetricKey(data: $0) }
    return Array(HMAC<SHA256>.authenticationCode(for: writer.bytes + content, using: key).prefix(16))
  }
}
