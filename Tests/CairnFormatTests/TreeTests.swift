import CairnFormat
import CairnTestSupport
import Testing

@Suite struct TreeTests {
  /// A node with every field that its type allows.
  static func node(_ name: String, _ type: NodeType = .file) -> Node {
    var node = Node(name: Array(name.utf8), type: type)
    node.mode = 0o4755
    node.uid = 1000
    node.gid = 100
    node.user = Array("user".utf8)
    node.group = Array("group".utf8)
    node.mtime = Timestamp(seconds: 1_795_248_000, nanoseconds: 123_456_789)
    node.ctime = Timestamp(seconds: 1_795_248_005)
    node.btime = Timestamp(seconds: 1_795_247_998, nanoseconds: 999_999_999)
    node.inode = 123_456
    node.device = 8 << 32 | 1
    node.links = 2
    node.inodeFlags = 0x10
    node.flags = .changedWhileRead
    node.extendedAttributes = [
      NodeAttribute(name: Array("user.a".utf8), value: []), NodeAttribute(name: Array("user.b".utf8), value: [0, 1]),
    ]
    switch type {
    case .file:
      node.size = 3_000_000
      node.content = .items([
        ContentItem(length: 1_048_576, id: id(1)), ContentItem(length: 900_000, id: nil), ContentItem(length: 1_051_424, id: id(2)),
      ])
    case .directory: (node.subtree, node.subtreeEntries, node.subtreeBytes) = (id(3), 12, 1 << 40)
    case .symbolicLink: node.linkTarget = Array("../target".utf8)
    case .characterDevice, .blockDevice: (node.rdevMajor, node.rdevMinor) = (8, .max)
    case .fifo, .socket: break
    }
    return node
  }

  /// SHA-256 id `number`, as in FORMAT.md.
  static func id(_ number: UInt32) -> BlobID {
    let digest = withUnsafeBytes(of: number.littleEndian) { SHA256Digest.hash($0) }
    return BlobID(word0: digest.word0, word1: digest.word1, word2: digest.word2, word3: digest.word3)
  }

  @Test(arguments: NodeType.allCases)
  func everyFieldComesBack(type: NodeType) throws {
    let nodes = [Self.node("a", type), Node(name: Array("b".utf8), type: type)]
    #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode(nodes)) == nodes)
    #expect(try TreeNode.decode(DirectoryLeaf.encode(nodes)) == .leaf(nodes))
  }

  @Test(arguments: [(Int64.min, UInt32(0)), (.max, 999_999_999), (-1, 1), (0, 1), (1, 0), (0, 0)])
  func everyTimeComesBack(seconds: Int64, nanoseconds: UInt32) throws {
    let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    for other in [Timestamp.zero, time, Timestamp(seconds: .min, nanoseconds: 5), Timestamp(seconds: .max)] {
      var node = Node(name: [97], type: .fifo)
      (node.mtime, node.ctime, node.btime) = (time, other, time)
      #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode([node])) == [node])
      (node.mtime, node.ctime, node.btime) = (other, nil, time)
      #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode([node])) == [node])
    }
  }

  @Test func extremesComeBack() throws {
    var node = Node(name: [UInt8](repeating: 0xFF, count: 4096), type: .file)
    (node.uid, node.gid, node.links, node.inodeFlags) = (.max, .max, .max, .max)
    (node.size, node.inode, node.device) = (.max, .max, .max)
    node.mode = 0o7777
    node.user = [UInt8](repeating: 1, count: 256)
    node.extendedAttributes = [NodeAttribute(name: [1], value: [UInt8](repeating: 2, count: (1 << 20) - 1))]
    node.content = .items((0..<64).map { ContentItem(length: UInt64(1 << 24) - 1, id: Self.id($0)) })
    node.flags = NodeFlags(rawValue: .max)
    #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode([node])) == [node])
    node.content = .list(root: Self.id(1), height: 7)
    #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode([node])) == [node])
  }

  @Test func theRootItemHasNoName() throws {
    let root = Self.node("ignored", .directory)
    var expected = root
    expected.name = []
    #expect(try Node.decodeRootItem(root.encodeRootItem()) == expected)
    #expect(formatError { try DirectoryLeaf.encode([expected]) } == .invalid("name"))
  }

  @Test func whatCannotBeReadIsNotWritten() {
    func error(_ change: (inout Node) -> Void) -> FormatError? {
      var node = Node(name: [97], type: .file)
      change(&node)
      return formatError { try DirectoryLeaf.encode([node]) }
    }
    for name: String in ["", ".", "..", "a/b", "a\0", String(repeating: "x", count: 4097)] {
      #expect(error { $0.name = Array(name.utf8) } == .invalid("name"))
    }
    #expect(error { $0.mode = 0o10000 } == .invalid("mode"))
    #expect(error { $0.linkTarget = [1] } == .invalid("link target"))
    #expect(error { $0.rdevMinor = 1 } == .invalid("device number"))
    #expect(error { $0.subtreeBytes = 1 } == .invalid("subtree"))
    #expect(error { $0.mtime = Timestamp(seconds: 0, nanoseconds: 1_000_000_000) } == .invalid("nanoseconds"))
    #expect(error { $0.content = .items([]) } == .limitExceeded("content items"))
    #expect(error { $0.content = .items([ContentItem(length: 1 << 24, id: Self.id(1))]) } == .invalid("content length"))
    #expect(
      error { $0.content = .items([ContentItem(length: 1, id: nil), ContentItem(length: 1, id: nil)]) } == .notCanonical("adjacent holes"))
    #expect(error { $0.content = .list(root: .zero, height: 8) } == .limitExceeded("list height"))
    #expect(
      error { $0.extendedAttributes = [NodeAttribute(name: [1], value: [UInt8](repeating: 0, count: 1 << 20))] }
        == .limitExceeded("extended attributes"))
    let (a, b) = (Node(name: [97], type: .file), Node(name: [98], type: .file))
    #expect(formatError { try DirectoryLeaf.encode([b, a]) } == .notCanonical("order of names"))
    #expect(formatError { try DirectoryLeaf.encode([a, a]) } == .notCanonical("order of names"))
    #expect(formatError { try DirectoryInner.encode([]) } == .invalid("node without items"))
    #expect(formatError { try ListLeaf.encode([]) } == .invalid("node without items"))
    #expect(formatError { try ListInner.encode([ListInnerItem(id: .zero, bytes: 0)]) } == .invalid("content length"))
  }

  @Test func namesAreOrderedAsBytes() throws {
    let names: [[UInt8]] = [[0x01], [0x2E, 0x2E, 0x2E], [0x61], [0x61, 0x01], [0x61, 0xFF], [0x62], [0xC3, 0xA4], [0xFF]]
    let nodes = names.map { Node(name: $0, type: .file) }
    #expect(try DirectoryLeaf.decode(DirectoryLeaf.encode(nodes)).map(\.name) == names)
  }

  @Test func innerNodesComeBack() throws {
    let inner = (0..<512).map {
      InnerItem(firstName: Array("n\(1000 + $0)".utf8), id: Self.id(UInt32($0)), entries: UInt64($0), bytes: .max)
    }
    #expect(try TreeNode.decode(DirectoryInner.encode(inner)) == .inner(inner))
    let items = [ContentItem(length: .init(Int64.max), id: nil), ContentItem(length: 1, id: Self.id(1)), ContentItem(length: 7, id: nil)]
    #expect(try TreeNode.decode(ListLeaf.encode(items)) == .listLeaf(items))
    let lists = [ListInnerItem(id: Self.id(1), bytes: 1), ListInnerItem(id: Self.id(2), bytes: .max - 1)]
    #expect(try TreeNode.decode(ListInner.encode(lists)) == .listInner(lists))
  }

  @Test func aNodeTellsItsBlobType() throws {
    let leaf = try DirectoryLeaf.encode([])
    #expect(leaf.withUnsafeBytes { TreeNode.blobType(of: $0) } == .treeLeaf)
    let list = try ListInner.encode([ListInnerItem(id: .zero, bytes: 1)])
    #expect(list.withUnsafeBytes { TreeNode.blobType(of: $0) } == .listInner)
    #expect([UInt8](arrayLiteral: 4).withUnsafeBytes { TreeNode.blobType(of: $0) } == nil)
    #expect([UInt8]().withUnsafeBytes { TreeNode.blobType(of: $0) } == nil)
  }

  @Test func sumsThatLieDoNotTrap() throws {
    var node = Node(name: [97], type: .directory)
    (node.subtree, node.subtreeEntries, node.subtreeBytes) = (Self.id(1), .max, .max)
    var second = node
    second.name = [98]
    let leaf = try #require(try DirectoryLeaf.encodeSplitting([node, second]).first)
    #expect(leaf.entries == .max && leaf.totalBytes == .max)
  }
}
