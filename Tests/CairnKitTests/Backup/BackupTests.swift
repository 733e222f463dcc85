import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Synchronization
import Testing

@testable import CairnKit

@Suite struct BackupTests {
  @Test func everyByteAndNameIsInTheSnapshot() throws {
    let f = try BackupFixture()
    try f.makeTree(seed: 1)
    let snapshot = try f.snapshot()
    let nodes = try f.nodes(snapshot)
    for (path, node) in nodes where node.type == .file {
      #expect(try f.content(node) == f.source.read(String(path.dropFirst())), "\(path)")
    }
    #expect(nodes.values.filter { $0.type == .file }.count == 407)
    #expect(nodes["/e"]?.subtree != nil)
    #expect(snapshot.manifest.rootNodeItem != nil)
    #expect(snapshot.manifest.kind == .full)
    #expect(f.sink.problems.isEmpty)
  }

  @Test func statisticsAreExact() throws {
    let f = try BackupFixture()
    try f.mkdir("d/e")
    try f.write("d/one", "12345")
    try f.write("two", "123")
    let first = try f.backup()
    #expect(first.statistics.filesNew == 2)
    #expect(first.statistics.directoriesNew == 3)  // the root, d, d/e
    #expect(first.statistics.bytesProcessed == 8)
    #expect(first.statistics.bytesRead == 8)
    #expect(first.statistics.dataBlobs == 2)
    try f.write("two", "1234")
    let counters = ProgressCounters()
    let second = try f.backup(counters: counters)
    #expect(second.kind == .incremental)
    #expect(second.base == first.snapshot?.id)
    #expect((second.statistics.filesNew, second.statistics.filesChanged, second.statistics.filesUnchanged) == (0, 1, 1))
    #expect(second.statistics.bytesRead == 4)
    #expect(second.statistics.bytesProcessed == 9)
    #expect(second.statistics.filesTotal == 2)
    #expect((counters.filesDone.value, counters.filesTotal.value, counters.totalsKnown.value) == (2, 2, 1))
  }

  @Test(arguments: [UInt64(2), 3]) func theTreeDoesNotDependOnScheduling(_ seed: UInt64) throws {
    let f = try BackupFixture()
    try f.makeTree(seed: seed)
    try f.source.write("big", randomBytes(seed: seed, count: 20 << 20))
    let one = try f.snapshot(threads: 1)
    let other = try BackupFixture.sameKeys(as: f).snapshot(threads: 8) { $0.workingDirectory = f.source.path }
    #expect(one.manifest.root == other.manifest.root)
  }

  @Test func anUnchangedRunReadsNothingAndKeepsTheRoot() throws {
    let f = try BackupFixture()
    try f.makeTree(seed: 4)
    let first = try f.snapshot()
    let second = try f.backup()
    #expect(second.snapshot?.manifest.root == first.manifest.root)
    #expect(second.statistics.bytesRead == 0)
    #expect(second.statistics.filesUnchanged == 407)
    #expect((second.statistics.directoriesUnchanged, second.statistics.directoriesChanged) == (6, 0))
    #expect(second.statistics.dataBlobs == 0)
  }

  @Test func whatWasTouchedWhenTheBaseBeganIsReadAgain() throws {
    let f = try BackupFixture()
    try f.write("file", "content")
    _ = try f.snapshot { $0.started = nil }
    let second = try f.backup()
    #expect(second.statistics.bytesRead == 7)
    #expect(second.statistics.filesUnchanged == 1)
  }

  @Test func aChangeThatKeepsSizeAndTimeIsSeen() throws {
    let f = try BackupFixture()
    try f.write("inplace", "AAAA")
    try f.write("renamed", "AAAA")
    let time = try f.source.open().status().mtime
    for name in ["inplace", "renamed"] { try OpenFile.open(f.source.path(name), .write).setModificationTime(time) }
    _ = try f.snapshot()
    try f.write("inplace", "BBBB")
    try f.write("tmp", "CCCC")
    for name in ["inplace", "tmp"] { try OpenFile.open(f.source.path(name), .write).setModificationTime(time) }
    let folder = try f.source.open()
    try FileSystem.rename(from: folder, fromName: Array("tmp".utf8), to: folder, toName: Array("renamed".utf8), replace: true)
    let second = try f.snapshot()
    #expect(try f.content("/inplace", second) == Array("BBBB".utf8))
    #expect(try f.content("/renamed", second) == Array("CCCC".utf8))
  }

  @Test func oneChangedFileInABigDirectoryIsTheOnlyOneRead() throws {
    let f = try BackupFixture()
    for number in 0..<1500 { try f.write("n\(number)", "\(number)") }
    _ = try f.snapshot()
    try f.write("n700", "changed")
    try f.write("zz-new", "new")
    try f.remove("n3")
    let second = try f.backup()
    guard let snapshot = second.snapshot, let delta = snapshot.manifest.deltaRoot else { throw BackupFixture.Missing(what: "delta") }
    #expect(second.statistics.bytesRead == 10)
    #expect(second.statistics.filesUnchanged == 1498)
    let full = try f.snapshot { $0.kind = .full }
    #expect(full.manifest.root == snapshot.manifest.root)
    let changes = try f.nodes(below: delta).mapValues(\.flags)
    #expect(changes == ["/n700": .deltaChanged, "/zz-new": .deltaAdded, "/n3": .deltaRemoved])
  }

  @Test func theDeltaHoldsWhatDiffersAndNothingElse() throws {
    let f = try BackupFixture()
    try f.makeTree(seed: 5)
    _ = try f.snapshot()
    try f.write("a/b/c/new", "x")
    try f.remove("e")
    try f.mkdir("f/g")
    let second = try f.snapshot()
    guard let delta = second.manifest.deltaRoot else { throw BackupFixture.Missing(what: "delta") }
    let changes = try f.nodes(below: delta).mapValues(\.flags)
    #expect(
      changes == [
        "/a": .deltaChanged, "/a/b": .deltaChanged, "/a/b/c": .deltaChanged, "/a/b/c/new": .deltaAdded, "/e": .deltaRemoved,
        "/f": .deltaAdded,
      ])
    let third = try f.snapshot()
    #expect(try f.nodes(below: third.manifest.deltaRoot ?? .zero).isEmpty)
  }

  // MARK: - Kinds

  @Test func kindsChooseTheirBase() throws {
    let f = try BackupFixture()
    try f.write("x", "1")
    let one = try f.backup { $0.kind = .differential }
    #expect(one.kind == .full)
    #expect(f.sink.messages.contains { $0.contains("this one is full") })
    let two = try f.backup()
    #expect((two.kind, two.base) == (.incremental, one.snapshot?.id))
    let three = try f.backup { $0.kind = .differential }
    #expect((three.kind, three.base) == (.differential, one.snapshot?.id))
    let four = try f.backup { $0.kind = .full }
    #expect((four.kind, four.base, four.statistics.bytesRead) == (.full, nil, 1))
    let five = try f.backup { $0.kind = .differential }
    #expect((five.kind, five.base) == (.differential, four.snapshot?.id))
    let other = try f.backup { $0.host = "elsewhere" }
    #expect(other.kind == .full)
    let named = try f.backup { $0.parent = one.snapshot?.idHex }
    #expect((named.kind, named.base) == (.incremental, one.snapshot?.id))
  }

  @Test func forceReadsEverythingButKeepsTheKind() throws {
    let f = try BackupFixture()
    try f.write("x", "123")
    _ = try f.snapshot()
    let forced = try f.backup { $0.readEverything = true }
    #expect((forced.kind, forced.statistics.bytesRead, forced.statistics.filesUnchanged) == (.incremental, 3, 1))
  }

  @Test func nothingIsCommittedWhenNothingChangedAndThatWasAskedFor() throws {
    let f = try BackupFixture()
    try f.write("x", "123")
    #expect(try f.backup { $0.skipIfUnchanged = true }.snapshot != nil)
    let second = try f.backup { $0.skipIfUnchanged = true }
    #expect(second.snapshot == nil)
    #expect(second.skippedUnchanged)
    #expect(try f.repository.snapshots().snapshots.count == 1)
  }

  @Test func aDryRunWritesNothing() throws {
    let f = try BackupFixture()
    try f.makeTree(seed: 6)
    let report = try f.backup { $0.dryRun = true }
    #expect(report.snapshot == nil)
    #expect(report.statistics.filesNew == 407)
    var objects = 0
    for kind in [ObjectKey.Kind.packs, .index, .snapshots, .commits, .sessions] { try f.storage.list(kind) { _, _ in objects += 1 } }
    #expect(objects == 0)
  }

  @Test func cancellingMakesNoSnapshotAndTheNextRunUsesWhatIsThere() throws {
    let f = try BackupFixture(groupBytes: 0)
    for number in 0..<200 { try f.source.write("f\(number)", randomBytes(seed: UInt64(number), count: 5000)) }
    let cancellation = Cancellation()
    let options = f.options { $0.hooks = ActingHooks(point: .read, suffix: "/f50", act: { cancellation.cancel() }) }
    #expect(throws: CancellationError.self) {
      try f.repository.backup(options, context: RunContext(cancellation: cancellation, threads: 1))
    }
    #expect(try f.repository.snapshots().snapshots.isEmpty)
    let second = try f.backup()
    #expect(second.statistics.filesNew == 200)
    #expect(second.statistics.dataBlobs < 190)
  }

  private func randomBytes(seed: UInt64, count: Int) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return random.bytes(count)
  }

  @Test(arguments: [false, true]) func whatNoRegisterNamesAnyMoreIsNotInherited(_ losesPacks: Bool) throws {
    let f = try BackupFixture()
    try f.makeTree(seed: 6)
    let first = try f.snapshot { $0.seriesName = "one" }
    try f.write("d/more", "text")
    let base = try f.snapshot { $0.seriesName = "two" }
    // Most of what the base refers to was stored by the other, whose register is lost; nothing that can be read tells of it.
    for key in f.storage.contents.keys where key.name == first.idHex || (losesPacks && PackFile.owner(of: key) == first.id) {
      try f.storage.delete(key)
    }
    let report = try f.backup { $0.seriesName = "two" }
    let snapshot = try #require(report.snapshot)
    #expect(snapshot.manifest.base == base.id)
    for (path, node) in try f.nodes(snapshot) where node.type == .file {
      #expect(try f.content(node) == f.source.read(String(path.dropFirst())), "\(path)")
    }
  }
}

extension BackupFixture {
  /// A repository with the same master key and nothing in it, so that ids are comparable.
  static func sameKeys(as other: BackupFixture) throws -> BackupFixture {
    let fresh = MemoryStorage()
    for kind in [ObjectKey.Kind.config, .keys] {
      var keys: [ObjectKey] = []
      try other.storage.list(kind) { key, _ in keys.append(key) }
      for key in keys { try other.storage.readAll(key, limit: 1 << 20).withUnsafeBytes { try fresh.put(key, $0) } }
    }
    return try BackupFixture(opening: fresh)
  }
}
