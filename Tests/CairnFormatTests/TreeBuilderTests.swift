import CairnFormat
import CairnTestSupport
import Testing

/// Trees stored in a dictionary, with counts.
final class NodeStore {
  var nodes: [BlobID: (type: BlobType, bytes: [UInt8])] = [:]
  var counts: [BlobType: Int] = [:]

  func put(_ type: BlobType, _ bytes: [UInt8]) -> BlobID {
    let id = Fixtures.keys.blobID(type, bytes)
    nodes[id] = (type, bytes)
    counts[type, default: 0] += 1
    return id
  }

  /// Everything below a root, in order; checks first names and sums on the way.
  func items(_ root: InnerItem) throws -> [Node] {
    let bytes = try #require(nodes[root.id]).bytes
    switch try TreeNode.decode(bytes) {
    case .leaf(let items):
      #expect(items.first?.name ?? [] == root.firstName)
      #expect(items.reduce(0) { $0 + $1.totalEntries } == root.entries && items.reduce(0) { $0 + $1.totalBytes } == root.bytes)
      return items
    case .inner(let children):
      #expect(children[0].firstName == root.firstName)
      #expect(children.reduce(0) { $0 + $1.entries } == root.entries && children.reduce(0) { $0 + $1.bytes } == root.bytes)
      return try children.flatMap { try items($0) }
    default:
      Issue.record("a list node in a directory")
      return []
    }
  }

  func list(_ id: BlobID, height: UInt8) throws -> [ContentItem] {
    switch try TreeNode.decode(try #require(nodes[id]).bytes) {
    case .listLeaf(let items):
      #expect(height == 0)
      return items
    case .listInner(let children):
      return try children.flatMap { child in
        let items = try list(child.id, height: height - 1)
        #expect(items.reduce(0) { $0 + $1.length } == child.bytes)
        return items
      }
    default:
      Issue.record("a directory node in a list")
      return []
    }
  }
}

@Suite struct DirectoryBuilderTests {
  private func build(_ nodes: [Node], into store: NodeStore = NodeStore()) throws -> (InnerItem, NodeStore) {
    var builder = DirectoryBuilder(keys: Fixtures.keys)
    for node in nodes { try builder.append(node, store: store.put) }
    return (try builder.finish(store: store.put), store)
  }

  private func files(_ count: Int) -> [Node] {
    (0..<count).map { number in
      let digits = String(number)
      var node = Node(name: Array(("f" + String(repeating: "0", count: 6 - digits.count) + digits).utf8), type: .file)
      node.size = UInt64(number)
      return node
    }
  }

  @Test(arguments: [0, 1, 63, 64, 65, 1000, 1024, 1025, 20_000])
  func aDirectoryComesBack(count: Int) throws {
    let nodes = files(count)
    let (root, store) = try build(nodes)
    #expect(try store.items(root) == nodes)
    #expect(root.entries == UInt64(count))
    #expect(root.bytes == UInt64(count * (count - 1) / 2))
    if count <= 64 { #expect(store.nodes.count == 1 && store.counts[.treeLeaf] == 1) }
  }

  @Test(arguments: [0, 5000, 9999])
  func anInsertedNameChangesAFewNodesOnly(place: Int) throws {
    var nodes = files(20_000)
    let (_, before) = try build(nodes)
    nodes.insert(Node(name: nodes[place].name + [0x21], type: .file), at: place + 1)
    let (root, after) = try build(nodes)
    #expect(try store(after, root) == nodes)
    let new = after.nodes.keys.filter { before.nodes[$0] == nil }
    #expect(new.count <= 4, "\(new.count) of \(after.nodes.count) nodes changed")
  }

  private func store(_ store: NodeStore, _ root: InnerItem) throws -> [Node] { try store.items(root) }

  @Test func aChangedTimeRewritesOneLeafAndItsSpine() throws {
    var nodes = files(20_000)
    let (_, before) = try build(nodes)
    nodes[777].mtime = Timestamp(seconds: 1)
    let (root, after) = try build(nodes)
    let new = after.nodes.filter { before.nodes[$0.key] == nil }.map(\.value.type)
    #expect(new.count { $0 == .treeLeaf } == 1)
    #expect(new.count { $0 == .treeInner } <= 2)
    #expect(root.entries == 20_000)
  }

  @Test func leavesAreCutByBytesToo() throws {
    var nodes = files(40)
    for index in nodes.indices {
      nodes[index].extendedAttributes = [
        NodeAttribute(name: [1], value: [UInt8](repeating: UInt8(index), count: index == 7 ? (1 << 20) - 1 : 100_000))
      ]
    }
    let leaves = try DirectoryLeaf.encodeSplitting(nodes)
    #expect(leaves.count == 6)
    for (index, leaf) in leaves.enumerated() {
      let items = try DirectoryLeaf.decode(leaf.bytes)
      #expect(leaf.bytes.count <= 1 << 20 || items.count == 1)
      // The first item of the next leaf would not have fitted.
      guard index + 1 < leaves.count else { continue }
      let next = try #require(try DirectoryLeaf.decode(leaves[index + 1].bytes).first)
      #expect(try DirectoryLeaf.encode(items + [next]).count > 1 << 20)
    }
    let (root, store) = try build(nodes)
    #expect(try store.items(root) == nodes)
  }

  @Test func theSplitterSaysBeforehandWhereLeavesEnd() throws {
    let nodes = files(5000)
    let (root, store) = try build(nodes)
    let splitter = DirectorySplitter(keys: Fixtures.keys)
    var pieces: [[Node]] = [[]]
    for node in nodes {
      pieces[pieces.count - 1].append(node)
      if splitter.isBoundary(after: node.name, itemsSinceBoundary: pieces[pieces.count - 1].count) { pieces.append([]) }
    }
    if pieces[pieces.count - 1].isEmpty { pieces.removeLast() }
    // Encoded out of order, as a pipeline may; only the inner builder needs the order.
    let leaves = try pieces.reversed().map { try DirectoryLeaf.encodeSplitting($0) }.reversed()
    let second = NodeStore()
    var inner = DirectoryInnerBuilder(splitter: splitter)
    for leaf in leaves.joined() { try inner.append(leaf.child(second.put(.treeLeaf, leaf.bytes)), store: second.put) }
    #expect(try inner.finish(store: second.put) == root)
    #expect(Set(second.nodes.keys) == Set(store.nodes.keys))
  }

  @Test func evenAHashThatNeverOrAlwaysCutsKeepsTheLimits() throws {
    for hash: UInt64 in [0, .max] {
      let store = NodeStore()
      var builder = DirectoryBuilder(splitter: DirectorySplitter { _ in hash })
      let nodes = files(30_000)
      for node in nodes { try builder.append(node, store: store.put) }
      let root = try builder.finish(store: store.put)
      #expect(try store.items(root) == nodes)
      #expect(store.counts[.treeLeaf] == (hash == 0 ? 469 : 30))
    }
  }

  @Test func namesMustAscend() throws {
    let nodes = files(2)
    #expect(formatError { try build([nodes[1], nodes[0]]) } == .notCanonical("order of names"))
    #expect(formatError { try build([nodes[0], nodes[0]]) } == .notCanonical("order of names"))
    #expect(formatError { try build([Node(name: [], type: .file)]) } == .notCanonical("order of names"))
  }
}

@Suite struct ListBuilderTests {
  private func build(_ items: [ContentItem]) throws -> (Content, NodeStore) {
    let store = NodeStore()
    var builder = ListBuilder()
    for item in items { try builder.append(item, store: store.put) }
    return (try builder.finish(store: store.put), store)
  }

  private func chunks(_ count: Int) -> [ContentItem] { (0..<UInt32(count)).map { ContentItem(length: 1 << 20, id: TreeTests.id($0)) } }

  @Test(arguments: [0, 1, 64, 65, 1024, 10_000])
  func aListComesBack(count: Int) throws {
    let items = chunks(count)
    let (content, store) = try build(items)
    switch content {
    case .none: #expect(count == 0)
    case .items(let inline): #expect(count <= 64 && inline == items && store.nodes.isEmpty)
    case .list(let root, let height):
      #expect(count > 64)
      #expect(try store.list(root, height: height) == items)
    }
  }

  @Test func holesThatTouchBecomeOne() throws {
    let hole = ContentItem(length: 4096, id: nil)
    let (content, _) = try build([hole, hole] + chunks(1) + [hole, hole, hole])
    #expect(content == .items([ContentItem(length: 8192, id: nil)] + chunks(1) + [ContentItem(length: 12_288, id: nil)]))
  }

  @Test func sixtyFourItemsStayInlineEvenWhereALeafCouldEnd() throws {
    let zero = ContentItem(length: 5, id: BlobID(word0: 1, word1: 0, word2: 0, word3: 0))
    let items = chunks(63) + [zero]
    #expect(try build(items).0 == .items(items))
    let (content, store) = try build(items + chunks(1))
    guard case .list(let root, height: 1) = content else {
      Issue.record("no tree of height 1")
      return
    }
    #expect(try store.list(root, height: 1) == items + chunks(1))
    #expect(store.counts == [.listLeaf: 2, .listInner: 1])
  }

  @Test func anEditRewritesAFewNodesOnly() throws {
    var items = chunks(10_000)
    let (_, before) = try build(items)
    items[4000] = ContentItem(length: 77, id: TreeTests.id(99_999_999))
    let (_, after) = try build(items)
    #expect(after.nodes.keys.filter { before.nodes[$0] == nil }.count <= 4)
  }

  @Test func impossibleItemsAreRefused() {
    #expect(formatError { try build([ContentItem(length: 0, id: nil)]) } == .invalid("content length"))
    #expect(formatError { try build([ContentItem(length: 1 << 24, id: .zero)]) } == .invalid("content length"))
    #expect(formatError { try build([ContentItem(length: .max, id: nil)]) } == .limitExceeded("file size"))
  }
}
