import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct BrowseTests {
  static let tree: [String: SampleNode] = [
    "a": .directory(["one.txt": .file([1, 2, 3]), "two.TXT": .file([4]), "deep": .directory(["three.txt": .noise(1, 50_000)])]),
    "b.txt": .noise(2, 100), "c": .link("a/one.txt"), "empty": .directory([:]),
  ]

  private func view(_ trees: [[String: SampleNode]]) throws -> RepositoryView {
    let repository = try TestRepository.create()
    let store = SampleStore(repository: repository)
    for (number, tree) in trees.enumerated() { _ = try store.snapshot(tree, time: 1_700_000_000 + Int64(number)) }
    return try repository.loadView()
  }

  private func list(_ view: RepositoryView, _ path: String, recursive: Bool) throws -> [String] {
    var found: [String] = []
    try view.list(view.snapshots[0], path: components(path), recursive: recursive) { found.append(text($0.path)) }
    return found
  }

  @Test(arguments: [
    ("", true, ["/a", "/a/deep", "/a/deep/three.txt", "/a/one.txt", "/a/two.TXT", "/b.txt", "/c", "/empty"]),
    ("", false, ["/a", "/b.txt", "/c", "/empty"]), ("a", false, ["/a", "/a/deep", "/a/one.txt", "/a/two.TXT"]),
    ("a/deep", true, ["/a/deep", "/a/deep/three.txt"]), ("b.txt", true, ["/b.txt"]), ("empty", true, ["/empty"]),
  ])
  func listingGoesDepthFirstInTheOrderOfNames(_ path: String, _ recursive: Bool, _ expected: [String]) throws {
    #expect(try list(view([Self.tree]), path, recursive: recursive) == expected)
  }

  @Test func aPathThatIsNotThereIsNamed() throws {
    let view = try view([Self.tree])
    let error = #expect(throws: CairnError.self) { _ = try list(view, "a/none", recursive: true) }
    #expect(error?.code == .notFound && error?.message.contains("/a/none") == true)
  }

  @Test func aDirectoryOfManyEntriesIsListedWhole() throws {
    var many: [String: SampleNode] = [:]
    for number in 0..<5000 { many["entry \(number)"] = .link("x") }
    let view = try view([many])
    #expect(try list(view, "", recursive: true) == many.keys.sorted().map { "/" + $0 })
  }

  // MARK: - Find

  @Test(arguments: [
    ("*.txt", false, ["/a/deep/three.txt", "/a/one.txt", "/b.txt"]),
    ("*.txt", true, ["/a/deep/three.txt", "/a/one.txt", "/a/two.TXT", "/b.txt"]),
    ("/*.txt", false, ["/b.txt"]), ("a", false, ["/a", "/a/deep", "/a/deep/three.txt", "/a/one.txt", "/a/two.TXT"]),
    ("/a/*/*.txt", false, ["/a/deep/three.txt"]), ("deep/three.txt", false, ["/a/deep/three.txt"]),
    ("a/**/three.txt", false, ["/a/deep/three.txt"]), ("/**/one.txt", false, ["/a/one.txt"]), ("nothing", false, []), ("/deep", false, []),
    ("?.txt", false, ["/b.txt"]), ("[bt]*.txt", false, ["/a/deep/three.txt", "/b.txt"]),
  ])
  func findMatchesAsResticDoes(_ pattern: String, _ ignoresCase: Bool, _ expected: [String]) throws {
    let view = try view([Self.tree])
    var found: [String] = []
    try view.find([FindPattern(pattern, ignoringCase: ignoresCase)], in: view.snapshots) { found.append(text($0.path)) }
    #expect(found == expected)
  }

  @Test func findFiltersByTypeSizeAndTime() throws {
    let view = try view([
      ["d": .directory([:]), "big": .noise(3, 5000), "old": .touched(.file([1]), 1000), "new": .touched(.file([2]), 3000)]
    ])
    func find(_ change: (inout FindOptions) -> Void) throws -> [String] {
      var options = FindOptions()
      change(&options)
      var found: [String] = []
      try view.find([FindPattern("*")], in: view.snapshots, options: options) { found.append(text($0.path)) }
      return found
    }
    #expect(try find { $0.types = [.directory] } == ["/d"])
    #expect(try find { $0.minimumSize = 100 } == ["/big"])
    #expect(try find { $0.maximumSize = 100 } == ["/new", "/old"])
    #expect(try find { $0.newest = Timestamp(seconds: 2000, nanoseconds: 0) } == ["/old"])
    #expect(
      try find {
        $0.oldest = Timestamp(seconds: 2000, nanoseconds: 0)
        $0.newest = Timestamp(seconds: 3000, nanoseconds: 0)
      } == ["/new"])
  }

  @Test func findLooksAtEverySnapshotThoughTheyShareTrees() throws {
    var second = Self.tree
    second["b.txt"] = .directory(["one.txt": .file([9])])
    let view = try view([Self.tree, Self.tree, second])
    var found: [String] = []
    try view.find([FindPattern("one.txt"), FindPattern("/empty")], in: view.snapshots) { match in
      let number = view.snapshots.firstIndex { $0.id == match.snapshot.id } ?? -1
      found.append("\(number)\(text(match.path))")
    }
    #expect(found == ["0/a/one.txt", "0/empty", "1/a/one.txt", "1/empty", "2/a/one.txt", "2/b.txt/one.txt", "2/empty"])
  }

  @Test func searchedTreesAreNotReadAgain() throws {
    let trees = try view([Self.tree, Self.tree])
    var finder = Finder(trees: trees.trees, patterns: [try FindPattern("nothing")], options: FindOptions(), context: RunContext())
    var seen = 0
    for snapshot in trees.snapshots { try finder.search(snapshot.manifest.root) { _, _ in seen += 1 } }
    #expect(seen == 0 && finder.nodesRead == 4)
  }

  // MARK: - History

  @Test func historyTellsVersionsApartByContentTimeSizeAndType() throws {
    let versions: [SampleNode?] = [.file([1]), .file([1]), .file([2]), .touched(.file([1]), 5), nil, .file([1]), .link("x")]
    let trees = versions.map { version -> [String: SampleNode] in
      ["d": .directory(version.map { ["f": $0, "other": .file([7])] } ?? ["other": .file([7])])]
    }
    let view = try view(trees)
    let history = try view.history(components("d/f"), in: view.snapshots)
    let numbers = history.versions.map { version in version.snapshots.map { s in view.snapshots.firstIndex { $0.id == s.id } ?? -1 } }
    #expect(numbers == [[0, 1, 5], [2], [3], [6]])
    #expect(history.absent.map(\.id) == [view.snapshots[4].id])
    #expect(history.unreadable.isEmpty)
  }

  @Test func theHistoryOfAPathThatNeverWasIsEmpty() throws {
    let view = try view([Self.tree, Self.tree])
    let history = try view.history(components("a/one.txt/below"), in: view.snapshots)
    #expect(history.versions.isEmpty && history.absent.count == 2)
  }

  // MARK: - Cat

  @Test(arguments: [0, 1, 19_999, 20_000, 20_001, 3_000_000])
  func aFileComesBackByteForByte(_ size: Int) throws {
    var random = SplitMix64(seed: UInt64(size))
    let content = random.bytes(size)
    let view = try view([["f": .file(content)]])
    var got: [UInt8] = []
    try view.writeFile(view.node(at: components("f"), in: view.snapshots[0])) { got += $0 }
    #expect(got == content)
  }

  @Test func holesComeAsZeros() throws {
    var random = SplitMix64(seed: 5)
    let content = random.bytes(1000)
    let repository = try TestRepository.create()
    let id = repository.keys.blobID(.data, content)
    var node = Node(name: [], type: .file)
    node.size = 3_001_000
    node.content = .items([
      ContentItem(length: 1_000_000, id: nil), ContentItem(length: 1000, id: id), ContentItem(length: 2_000_000, id: nil),
    ])
    _ = try SampleStore(repository: repository).snapshot(["holes": .custom(node, nil), "plain": .file(content)])
    let view = try repository.loadView()
    var got: [UInt8] = []
    try view.writeFile(view.node(at: components("holes"), in: view.snapshots[0])) { got += $0 }
    #expect(got == [UInt8](repeating: 0, count: 1_000_000) + content + [UInt8](repeating: 0, count: 2_000_000))
  }

  @Test func aReceiverThatFailsEndsTheStream() throws {
    struct Full: Error {}
    let view = try view([["f": .noise(8, 3_000_000)]])
    let node = try view.node(at: components("f"), in: view.snapshots[0])
    #expect(throws: Full.self) { try view.writeFile(node) { _ in throw Full() } }
  }

  @Test func whatComesBeforeDamageIsReceived() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage)
    var random = SplitMix64(seed: 9)
    let content = random.bytes(3_000_000)
    _ = try SampleStore(repository: repository).snapshot(["f": .file(content)])
    let view = try repository.loadView()
    let node = try view.node(at: components("f"), in: view.snapshots[0])
    var items = view.trees.content(node)
    var lastID: BlobID?
    while let item = try items.next() { lastID = item.id }
    let id = try #require(lastID)
    let last = try #require(try view.index.locate(id.key))
    let key = try last.frame.pack.key()
    storage.contents[key]?[Int(last.frame.offset) + 30] ^= 1
    var got = 0
    let error = #expect(throws: CairnError.self) {
      try view.writeFile(node) { bytes in
        #expect(Array(bytes) == Array(content[got..<got + bytes.count]))
        got += bytes.count
      }
    }
    #expect(error?.code == .damaged && error?.message.contains(key.path) == true && got > 1_000_000)
  }

  // MARK: - Statistics

  @Test func statisticsCountDistinctBlobsOnce() throws {
    let repository = try TestRepository.create()
    let store = SampleStore(repository: repository)
    let other = SeriesID(word0: 1, word1: 2)
    _ = try store.snapshot(["f": .noise(1, 50_000), "g": .noise(1, 50_000)], time: 1)
    _ = try store.snapshot(["f": .noise(1, 50_000)], time: 2, series: other)
    _ = try store.snapshot(["f": .noise(2, 10_000)], time: 3)
    let view = try repository.loadView()
    let report = try view.statistics(view.snapshots, by: .series)
    #expect(report.totals.logicalBytes == 160_000 && report.totals.snapshots == 3 && report.totals.entries == 4)
    #expect(report.totals.dataBlobs == 4 && report.totals.treeBlobs == 3 && report.totals.problems == 0)
    #expect(report.groups.map(\.totals.dataBlobs) == [4, 3])
    #expect(report.groups.map(\.addedBlobs) == [6, 1])
    #expect(report.packs > 0 && report.totals.storedBytes <= report.packBytes)
    let single = try view.statistics(view.snapshots, by: .snapshot)
    #expect(single.groups.map(\.totals.dataBlobs) == [3, 3, 1])
    #expect(single.totals == report.totals)
  }
}
