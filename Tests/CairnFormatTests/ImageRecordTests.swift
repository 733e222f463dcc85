import CairnFormat
import CairnTestSupport
import Testing

@Suite struct ImageRecordTests {
  private let page: VectorPage

  init() throws { page = try VectorPage() }

  static var full: ImageRecord {
    var record = ImageRecord(source: .disk, chunkBytes: 256 << 10)
    record.logicalSector = 512
    record.physicalSector = 4096
    record.table = .gpt
    record.tableID = Array(0x24..<0x34)
    var root = ImageRecord.Volume(number: 1, range: (1 << 20)..<(501 << 20))
    root.type = Array(0x20..<0x30)
    root.id = Array(0x30..<0x40)
    root.name = "Wurzel ä"
    root.attributes = 4
    root.fileSystem = "ext4"
    root.label = Array("root".utf8)
    root.fileSystemID = Array(0x28..<0x38)
    root.holdsUsedBlocksOnly = true
    record.volumes = [root, ImageRecord.Volume(number: 7, range: (501 << 20)..<(501 << 20 + 4096))]
    record.unreadable = [(700 << 20)..<(700 << 20 + 4096), (800 << 20)..<(800 << 20 + 512)]
    return record
  }

  static let minimal = ImageRecord(source: .file, chunkBytes: 4096)

  @Test func aRecordHasTheBytesOfThePage() throws {
    #expect(try Self.full.encode() == page["image-record"].bytes("bytes"))
    #expect(try ImageRecord.decode(page["image-record"].bytes("bytes")) == Self.full)
    #expect(try Self.minimal.encode() == page["image-record-minimal"].bytes("bytes"))
    #expect(try ImageRecord.decode(page["image-record-minimal"].bytes("bytes")) == Self.minimal)
  }

  @Test func evenFieldsOfLaterVersionsArePassedOverAndKeptInTheNode() throws {
    var fields = TLVWriter()
    fields.unsigned(2, 1)
    fields.unsigned(4, 4096)
    fields.bytes(18, [1, 2, 3])
    #expect(try ImageRecord.decode(fields.bytes).source == .disk)
    var node = Node(name: [97], type: .file)
    node.image = fields.bytes
    #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode([node])) == [node])
  }

  @Test func onlyFilesAreImages() throws {
    var node = Node(name: [97], type: .directory)
    node.image = try Self.minimal.encode()
    #expect(throws: FormatError.invalid("image record")) { try node.validate() }
  }

  @Test func whatDoesNotFitTheFormatIsNotWritten() {
    var record = Self.minimal
    record.volumes = (1...257).map { ImageRecord.Volume(number: $0, range: 0..<1) }
    #expect(throws: FormatError.limitExceeded("volumes")) { try record.encode() }
    record.volumes = [ImageRecord.Volume(number: 2, range: 0..<1), ImageRecord.Volume(number: 1, range: 0..<1)]
    #expect(throws: FormatError.notCanonical("order of volumes")) { try record.encode() }
    record = Self.minimal
    record.unreadable = [5..<9, 8..<10]
    #expect(throws: FormatError.notCanonical("order of unreadable ranges")) { try record.encode() }
  }
}
