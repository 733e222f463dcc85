import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct FolderListingTests {
  private let storage = MemoryStorage()

  /// A folder of so many files: sizes and times go up and down.
  private func listing(_ count: Int) throws -> FolderListing {
    var entries: [String: SampleNode] = ["folder": .directory(["x": .file([1, 2, 3])])]
    for number in 0..<(count - 1) {
      var node = Node(name: [], type: .symbolicLink)
      node.linkTarget = [0x78]
      node.mtime = Timestamp(seconds: Int64(number * 7919 % count), nanoseconds: UInt32(number))
      entries["entry\(10_000 + number)"] = .custom(node, nil)
    }
    let store = SampleStore(repository: try TestRepository.create(storage))
    let snapshot = try store.snapshot(entries)
    return FolderListing(try store.repository.loadView(), tree: snapshot.manifest.root)
  }

  private func names(_ entries: [FolderEntry]) -> [String] { entries.map { text($0.name) } }

  @Test func entriesHaveNumbersInTheOrderOfTheirNames() throws {
    let listing = try listing(3000)
    var reports: [Int] = []
    try listing.scan(cancellation: Cancellation()) { reports.append($0) }
    #expect(listing.isComplete && listing.count == 3000 && listing.rows == 3000 && listing.damage == nil)
    #expect(reports.count > 2 && reports == reports.sorted() && reports.last == 3000)
    #expect(names(try listing.entries(0..<2)) == ["entry10000", "entry10001"])
    #expect(names(try listing.entries(1500..<1503)) == ["entry11500", "entry11501", "entry11502"])
    #expect(names(try listing.entries(2998..<5000)) == ["entry12998", "folder"])
    #expect(try listing.entries(5000..<6000).isEmpty)
    #expect(try listing.entries(2999..<3000).first?.size == 3)
    for row in [0, 1, 511, 512, 1999, 2999] {
      let name = try #require(try listing.entries(row..<(row + 1)).first?.name)
      #expect(try listing.row(of: name) == row)
    }
    #expect(try listing.row(of: Array("none".utf8)) == nil && listing.row(of: []) == nil)
  }

  @Test func entriesAreRankedBySizeAndTime() throws {
    let listing = try listing(2000)
    try listing.scan(cancellation: Cancellation())
    try listing.rank(by: .size, cancellation: Cancellation())
    #expect(names(try listing.entries(0..<2)) == ["folder", "entry10000"])
    try listing.rank(by: .time, cancellation: Cancellation())
    let times = try listing.entries(0..<2000).map { $0.mtime }
    #expect(times.count == 2000 && zip(times, times.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(try listing.row(of: Array("folder".utf8)) == 0, "the newest: 2020")
    try listing.rank(by: .name, cancellation: Cancellation())
    #expect(try listing.row(of: Array("folder".utf8)) == 1999)
  }

  @Test func searchesGoOnAtTheOtherEnd() throws {
    let listing = try listing(2000)
    try listing.scan(cancellation: Cancellation())
    func find(_ text: String, _ row: Int, _ isForward: Bool = true) throws -> Int? {
      try listing.find(NameSearch(text), from: row, isForward: isForward, cancellation: Cancellation())
    }
    #expect(try find("11177", -1) == 1177 && find("11177", 1177) == 1177 && find("11177", 1178) == 1177)
    #expect(try find("entry1050", 500) == 501 || find("entry1050", 499) == 500)
    #expect(try find("99", 0, false) == 1998 && find("FOLDER", 0) == nil && find("older", 5) == 1999)
    try listing.rank(by: .size, cancellation: Cancellation())
    #expect(try find("older", 5) == 0)
  }

  @Test func aStoppedScanKeepsWhatItFound() throws {
    let listing = try listing(3000)
    let cancellation = Cancellation()
    #expect(throws: CancellationError.self) {
      try listing.scan(cancellation: cancellation) { if $0 > 1000 { cancellation.cancel() } }
    }
    #expect(!listing.isComplete && listing.count > 1000 && listing.count < 3000)
    #expect(try listing.entries(0..<1).count == 1)
  }

  @Test func partsThatCannotBeReadAreLeftOut() throws {
    let repository = try TestRepository.create(storage)
    let session = try SessionWriter.begin(repository, description: SessionDescription(series: nil, client: .zero), context: RunContext())
    let snapshot = try session.run { session in
      let worker = session.makeWorker()
      func leaf(_ names: [String]) throws -> InnerItem {
        let nodes = names.map { Node(name: Array($0.utf8), type: .fifo) }
        return InnerItem(
          firstName: nodes[0].name, id: try worker.put(try DirectoryLeaf.encode(nodes), .treeLeaf), entries: UInt64(names.count), bytes: 0)
      }
      let missing = InnerItem(
        firstName: Array("m".utf8), id: try #require(BlobID(bytes: [UInt8](repeating: 9, count: 32))), entries: 1, bytes: 0)
      let parts = [try leaf(["a", "b"]), missing, try leaf(["x", "y"])]
      let root = try worker.put(try DirectoryInner.encode(parts), .treeInner)
      try worker.flush()
      return try session.commit(
        Manifest(session: .zero, time: .zero, root: root, kind: .full, series: .zero, client: .zero, started: .zero))
    }
    let listing = FolderListing(try repository.loadView(), tree: snapshot.manifest.root)
    try listing.scan(cancellation: Cancellation())
    #expect(listing.isComplete && listing.count == 4)
    #expect(listing.damage?.hasPrefix("A part of this folder cannot be read: Blob 0909") == true)
    #expect(names(try listing.entries(0..<9)) == ["a", "b", "x", "y"])
  }

  @Test func theHeadOfAFileIsNoMoreThanThat() throws {
    let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    let store = SampleStore(repository: try TestRepository.create(storage))
    let snapshot = try store.snapshot(["f": .file(content), "e": .file([])])
    let view = try store.repository.loadView()
    let node = try view.node(at: components("f"), in: snapshot)
    for limit in [0, 1, 19_999, 20_000, 20_001, 100_000, 200_000] {
      #expect(try view.head(of: node, limit: limit) == Array(content.prefix(limit)))
    }
    #expect(try view.head(of: try view.node(at: components("e"), in: snapshot), limit: 10) == [])
    var holes = Node(name: [], type: .file)
    holes.size = 1 << 40
    holes.content = .items([ContentItem(length: 1 << 40, id: nil)])
    #expect(try view.head(of: holes, limit: 5) == [0, 0, 0, 0, 0])
  }
}
