import CairnFormat
import CairnTestSupport
import Testing

/// The vectors of chunks, packs, index and trees, read from the page itself. They were made by another program
/// (Tests/Vectors/format-vectors-storage.py).
@Suite struct StorageVectorTests {
  private let page: VectorPage
  private let keys = Fixtures.keys

  init() throws { page = try VectorPage() }

  private func words(_ bytes: [UInt8]) throws -> [Int] {
    try bytes.withReader { (reader) throws(FormatError) in
      var words: [Int] = []
      while !reader.isAtEnd { words.append(Int(try reader.u32())) }
      return words
    }
  }

  @Test func gearTable() throws {
    let vector = try page["gear-table"]
    var writer = ByteWriter()
    for word in try GearTable.words { writer.u64(word) }
    #expect(try Array(writer.bytes.prefix(32)) == vector.bytes("first"))
    #expect(try Array(writer.bytes.suffix(32)) == vector.bytes("last"))
    #expect(try SHA256Digest.hash(writer.bytes).bytes == vector.bytes("sha256"))
  }

  @Test(arguments: [
    "tiny-random", "small-random", "normal-random", "large-random", "tiny-zeros", "tiny-pattern", "below-minimum", "exactly-minimum",
  ])
  func cuts(name: String) throws {
    let vector = try page["cuts-\(name)"]
    let length = Int(try vector.number("length"))
    let bytes: [UInt8]
    if vector.values["seed"] != nil {
      bytes = SampleBytes.random(seed: try vector.number("seed"), count: length)
    } else {
      let pattern = try vector.bytes("pattern")
      bytes = (0..<length).map { pattern[$0 % pattern.count] }
    }
    let parameters = ChunkerParameters(
      minimum: UInt32(try vector.number("minimum")), average: UInt32(try vector.number("average")),
      maximum: UInt32(try vector.number("maximum")))
    #expect(try ChunkerTests.lengths(bytes, try ChunkerTests.chunker(parameters)) == words(vector.bytes("cuts")))
  }

  @Test func compressedFrame() throws {
    let vector = try page["zstd"]
    let raw = try vector.bytes("raw")
    #expect(try CompressorTests.decompress(Codec.zstd, vector.bytes("content"), rawLength: raw.count) == raw)
  }

  @Test func pack() throws {
    let vector = try page["pack"]
    let header = PackHeader(packClass: .data, session: Fixtures.session, salt: try vector.bytes("salt"))
    #expect(try header.encode() == vector.bytes("header"))
    let sealed = try vector.bytes("directory")
    let (offset, size) = (try vector.number("directory-offset"), try vector.number("size"))
    let frames = try sealed.withUnsafeBytes { try PackDirectory.open($0, header: header, offset: offset, keys: keys) }
    let plaintext = try PackDirectory.encode(frames, packClass: .data)
    #expect(try Array(plaintext.prefix(vector.bytes("table").count)) == vector.bytes("table"))
    #expect(PackDirectory.seal(plaintext, header: header, offset: offset, nonce: Fixtures.nonce, keys: keys) == sealed)
    let trailer = PackTrailer(
      directoryOffset: offset, directoryLength: UInt32(sealed.count), parityOffset: offset + UInt64(sealed.count))
    #expect(try trailer.encode() == vector.bytes("trailer"))
    #expect(try PackTrailer.decode(vector.bytes("trailer"), packSize: size) == trailer)
    // The object as a whole, and its blobs.
    let stored = try vector.bytes("frames")
    let padding = PackLayout.paddingLength(currentLength: 64 + stored.count, directoryLength: sealed.count)
    let object = header.encode() + stored + [UInt8](repeating: 0xEE, count: padding) + sealed + trailer.encode()
    #expect(UInt64(object.count) == size)
    #expect(try SHA256Digest.hash(object).bytes == vector.bytes("sha256"))
    let third = [UInt8](repeating: try vector.bytes("blob2-byte")[0], count: Int(try vector.number("blob2-length")))
    #expect(try blobs(frames, stored) == [vector.bytes("blob0"), vector.bytes("blob1"), third])
  }

  /// Opens all frames and checks the keys of their members.
  private func blobs(_ frames: [FrameEntry], _ stored: [UInt8]) throws -> [[UInt8]] {
    var blobs: [[UInt8]] = []
    var offset = 0
    for frame in frames {
      let sealed = Array(stored[offset..<offset + Int(frame.encodedLength)])
      offset += sealed.count
      var content = [UInt8](repeating: 0, count: sealed.count - 40)
      _ = try content.withUnsafeMutableBytes { output in
        try sealed.withUnsafeBytes {
          try keys.openFrame(packClass: .data, codec: frame.codec, rawLength: frame.rawLength, $0, into: output)
        }
      }
      let raw = try CompressorTests.decompress(frame.codec, content, rawLength: Int(frame.rawLength))
      var start = 0
      for member in frame.members {
        blobs.append(Array(raw[start..<start + Int(member.length)]))
        #expect(keys.blobID(.data, blobs[blobs.count - 1]).key == member.key)
        start += Int(member.length)
      }
    }
    return blobs
  }

  @Test func packParts() throws {
    let header = try page["pack-header-with-slots"].bytes("bytes")
    let decoded = try PackHeader.decode(header)
    #expect(decoded.encode() == header && decoded.keySlots.count == 2)
    for name in ["empty", "tree"] {
      let vector = try page["pack-directory-plaintext-\(name)"]
      let frames = try PackDirectory.decode(vector.bytes("bytes"), packClass: .tree)
      #expect(try PackDirectory.encode(frames, packClass: .tree) == vector.bytes("bytes"))
    }
  }

  @Test(arguments: ["small", "one-shard", "full", "wide"]) func parity(name: String) throws {
    let vector = try page["parity-\(name)"]
    let number = { (name: String) in Int(try vector.number(name)) }
    let layout = try ParityLayout(
      dataShards: number("k"), parityShards: number("m"), blockLength: number("block"), shardLength: number("shard"),
      coveredLength: number("covered"), directoryLength: number("directory"))
    let covered = SampleBytes.random(seed: try vector.number("seed"), count: layout.coveredLength)
    let area = try ParityTests.area(layout, covered)
    #expect(try SHA256Digest.hash(area).bytes == vector.bytes("area-sha256"))
    #expect(try layout.trailer.encode() == vector.bytes("trailer"))
    #expect(try SHA256Digest.hash(covered + area + layout.trailer.encode()).bytes == vector.bytes("sha256"))
    if vector.values["area"] != nil {
      #expect(try area == vector.bytes("area"))
      let table = try ParityTable.decode(vector.bytes("table"))
      #expect(try table.layout == layout && table.encode() == vector.bytes("table"))
    }
  }

  @Test func indexDeltas() throws {
    let vector = try page["delta"]
    let content = try vector.bytes("content")
    let delta = try IndexDelta.decode(content)
    #expect(try delta.encode() == content)
    #expect(delta.packs.count == 2 && delta.sequence == 3)
    let name = String(decoding: try vector.bytes("name"), as: UTF8.self)
    #expect(try Envelope.seal(.delta, logicalName: name, plaintext: content, nonce: Fixtures.nonce, keys: keys) == vector.bytes("object"))
    #expect(try IndexDelta.decode(page["delta-empty"].bytes("content")).packs.isEmpty)
  }

  @Test func segmentImage() throws {
    let vector = try page["index-image"]
    let image = try SampleImage.bytes(entries: Int(try vector.number("count")))
    #expect(try image.prefix(128) == vector.bytes("header")[...])
    #expect(try image.count == vector.number("length"))
    #expect(try image.suffix(vector.bytes("codes").count) == vector.bytes("codes")[...])
    #expect(try SHA256Digest.hash(image).bytes == vector.bytes("sha256"))
  }

  @Test func treeLeaf() throws {
    let vector = try page["tree-leaf"]
    let bytes = try vector.bytes("bytes")
    let nodes = try DirectoryLeaf.decode(bytes)
    #expect(try DirectoryLeaf.encode(nodes) == bytes)
    #expect(try keys.blobID(.treeLeaf, bytes).bytes == vector.bytes("id"))
    var full = TreeTests.node("full")
    full.btime = Timestamp(seconds: 1_795_247_998, nanoseconds: 999_999_999)
    #expect(nodes.count == 7 && nodes[2] == full)
    #expect(nodes[3].links == 0 && nodes[4].ctime == Timestamp(seconds: -1) && nodes[5] == Node(name: Array("minimal".utf8), type: .file))
    #expect(try DirectoryLeaf.decode(vector.bytes("again-with-unknown-even-fields")) == nodes)
    let empty = try page["tree-leaf-empty"]
    #expect(try DirectoryLeaf.encode([]) == empty.bytes("bytes"))
    #expect(try keys.blobID(.treeLeaf, empty.bytes("bytes")).bytes == empty.bytes("id"))
  }

  @Test func otherNodes() throws {
    let inner = try page["tree-inner"].bytes("bytes")
    #expect(try DirectoryInner.encode(DirectoryInner.decode(inner)) == inner)
    let leaf = try page["tree-list-leaf"].bytes("bytes")
    #expect(try ListLeaf.encode(ListLeaf.decode(leaf)) == leaf)
    let list = try page["tree-list-inner"].bytes("bytes")
    #expect(try ListInner.encode(ListInner.decode(list)) == list)
    let image = try page["tree-image"].bytes("bytes")
    let disk = try DirectoryLeaf.decode(image)
    #expect(try disk[0].image == page["image-record"].bytes("bytes") && DirectoryLeaf.encode(disk) == image)
    let root = try page["tree-root-item"].bytes("bytes")
    #expect(try Node.decodeRootItem(root).encodeRootItem() == root)
  }

  @Test(arguments: [65, 10_000])
  func listTrees(count: Int) throws {
    let vector = try page["list-tree-\(count)"]
    let store = NodeStore()
    var builder = ListBuilder()
    for number in 0..<UInt32(count) { try builder.append(ContentItem(length: 1 << 20, id: TreeTests.id(number)), store: store.put) }
    let root = try #require(BlobID(bytes: try vector.bytes("root")))
    #expect(try builder.finish(store: store.put) == .list(root: root, height: UInt8(vector.number("height"))))
    let counts = try words(vector.bytes("nodes"))
    #expect(store.counts[.listLeaf] == counts[0] && store.counts[.listInner] ?? 0 == counts[1...].reduce(0, +))
  }

  @Test(arguments: [0, 1, 100_000])
  func directoryTrees(count: Int) throws {
    let vector = try page["directory-tree-\(count)"]
    let store = NodeStore()
    var builder = DirectoryBuilder(keys: keys)
    for number in 0..<count {
      var node = Node(name: Array("f\(String(1_000_000 + number).dropFirst())".utf8), type: .file)
      node.size = 7
      try builder.append(node, store: store.put)
    }
    let root = try builder.finish(store: store.put)
    #expect(try root.id.bytes == vector.bytes("root"))
    #expect(try root.entries == vector.number("entries") && root.bytes == vector.number("bytes"))
    let counts = try words(vector.bytes("nodes"))
    #expect(store.counts[.treeLeaf] == counts[0] && store.counts[.treeInner] ?? 0 == counts[1...].reduce(0, +))
  }

  @Test(arguments: ["zstd-", "pack-", "parity-", "delta-", "tree-", "image-", "root-item-"])
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
    case "zstd":
      let raw = Int(try vector.number("raw"))
      return { _ = try CompressorTests.decompress(Codec.zstd, $0, rawLength: raw) }
    case "pack-header": return { _ = try PackHeader.decode($0) }
    case "pack-trailer":
      let size = try vector.number("size")
      return { _ = try PackTrailer.decode($0, packSize: size) }
    case "directory": return { _ = try PackDirectory.decode($0, packClass: .data) }
    case "sealed-directory":
      let offset = try vector.number("offset")
      return { bytes in _ = try bytes.withUnsafeBytes { try PackDirectory.open($0, header: PackTests.header, offset: offset, keys: keys) } }
    case "parity-table": return { _ = try ParityTable.decode($0) }
    case "delta": return { _ = try IndexDelta.decode($0) }
    case "tree": return { _ = try TreeNode.decode($0) }
    case "image": return { _ = try ImageRecord.decode($0) }
    case "root-item": return { _ = try Node.decodeRootItem($0) }
    default: throw VectorPage.Missing(description: "unknown decoder in \(vector.name)")
    }
  }
}
