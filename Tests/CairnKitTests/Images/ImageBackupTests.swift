import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct ImageBackupTests {
  private static let size = 9 * ImageFixture.chunk + 1000

  /// Chunk 2 and 3 are zeros, and so is half of chunk 5.
  private static func content(seed: UInt64 = 1) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    var bytes = random.bytes(size)
    let chunk = ImageFixture.chunk
    for index in (2 * chunk)..<(4 * chunk) { bytes[index] = 0 }
    for index in (5 * chunk)..<(5 * chunk + chunk / 2) { bytes[index] = 0 }
    return bytes
  }

  @Test func anImageIsOneFileOfChunksOfOneSize() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let snapshot = try f.snapshot()
    let chunk = UInt64(ImageFixture.chunk)
    let items = try f.items(snapshot)
    #expect(items.map(\.length) == [chunk, chunk, 2 * chunk, chunk, chunk, chunk, chunk, chunk, 1000])
    #expect(items.indices.filter { items[$0].id == nil } == [2])
    #expect(try f.base.content(try f.node(snapshot)) == Self.content())
    #expect(try f.record(snapshot) == ImageRecord(source: .file, chunkBytes: UInt32(chunk)))
    #expect(snapshot.isImage && snapshot.manifest.kind == .full)
    let statistics = snapshot.manifest.statistics
    #expect((statistics.filesNew, statistics.bytesProcessed, statistics.filesTotal) == (1, UInt64(Self.size), 1))
    #expect(statistics.bytesRead >= UInt64(Self.size) && f.sink.problems.isEmpty)
  }

  @Test func holesOfAFileAreNotRead() throws {
    let f = try ImageFixture()
    let file = try OpenFile.open(f.disk, [.write, .create])
    try file.truncate(to: 1 << 30)
    try [UInt8](repeating: 5, count: 100).withUnsafeBytes { try file.write($0, at: 700 << 20) }
    let report = try f.report()
    #expect(report.statistics.bytesRead < 4 << 20 && report.statistics.bytesProcessed == 1 << 30)
    let snapshot = try #require(report.snapshot)
    #expect(try f.items(snapshot).map(\.length) == [700 << 20, 256 << 10, 324 << 20 - 256 << 10])
  }

  @Test func theNextImageReadsAllAndStoresWhatChanged() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let first = try f.snapshot()
    try f.patch(6 * ImageFixture.chunk + 77, [1, 2, 3])
    let report = try f.report()
    let second = try #require(report.snapshot)
    #expect(second.manifest.kind == .incremental && second.manifest.base == first.id)
    #expect(report.statistics.dataBlobs == 1 && report.statistics.filesChanged == 1)
    #expect(report.statistics.bytesRead >= UInt64(Self.size))
    let third = try f.snapshot { $0.kind = .differential }
    #expect(third.manifest.kind == .differential && third.manifest.base == first.id)
    #expect(try f.base.content(try f.node(third)) == f.directory.read("disk"))
  }

  @Test func anImageThatDidNotChangeIsTheSameTree() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let first = try f.snapshot()
    let report = try f.report()
    #expect(report.snapshot?.manifest.root == first.manifest.root && report.statistics.filesUnchanged == 1)
    #expect(report.statistics.dataBlobs == 0)
    #expect(try f.report { $0.skipIfUnchanged = true }.skippedUnchanged)
  }

  @Test(arguments: [1, 8]) func theContentDoesNotDependOnThreads(_ threads: Int) throws {
    let f = try ImageFixture()
    var random = SplitMix64(seed: 5)
    try f.directory.write("disk", random.bytes(24 << 20 + 12_345))
    let one = try f.node(try f.snapshot(threads: 2))
    let other = try f.node(try f.snapshot(threads: threads))
    #expect(one.content == other.content && one.size == other.size)
  }

  @Test func aDryRunStoresNothing() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let before = f.base.storage.contents.count
    let report = try f.report { $0.dryRun = true }
    #expect(report.snapshot == nil && report.statistics.dataBlobs == 8)
    #expect(f.base.storage.contents.keys.filter { $0.path.hasPrefix("packs/") }.isEmpty && before > 0)
  }

  @Test func anOrdinaryBackupOfTheSameFileIsAnotherSeriesAndTrustsNoImage() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let image = try f.snapshot()
    let ordinary = try f.base.snapshot { $0.sources = [Array("disk".utf8)] }
    #expect(ordinary.manifest.series != image.manifest.series && ordinary.manifest.kind == .full)
    let next = try f.base.backup {
      $0.sources = [Array("disk".utf8)]
      $0.parent = image.idHex
    }
    #expect(next.statistics.bytesRead == UInt64(Self.size))
  }

  @Test(arguments: ["", "missing", "folder", "/dev/null"]) func whatIsNoDiskIsRefused(_ path: String) throws {
    let f = try ImageFixture()
    try f.base.mkdir("folder")
    #expect(throws: CairnError.self) { try f.report { $0.image = BackupOptions.Image(path: Array(path.utf8)) } }
    #expect(try f.repository.loadView().snapshots.isEmpty)
  }

  @Test func aLinkIsFollowedAndKeepsItsName() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    try FileSystem.makeSymbolicLink(target: f.disk, at: try f.directory.open(), name: Array("by-id".utf8))
    let snapshot = try f.snapshot { $0.image = BackupOptions.Image(path: Array("by-id".utf8)) }
    let node = try #require(try f.base.nodes(snapshot)["/by-id"])
    #expect(try node.type == .file && f.base.content(node) == Self.content())
    #expect(snapshot.manifest.paths == [f.directory.path("by-id")])
  }

  // MARK: - Bad sectors and changes

  private static let bad: [Range<UInt64>] = [
    (1 << 20)..<(1 << 20 + 512), (1 << 20 + 4096)..<(1 << 20 + 4097), (2 << 20 + 1)..<(2 << 20 + 2),
  ]

  @Test func aBadSectorEndsTheBackup() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let error = #expect(throws: CairnError.self) { try f.report { $0.hooks = BadSectors(ranges: Self.bad) } }
    #expect(error?.message.contains("Bytes 1048576 to 1052671 of") == true && error?.guidance?.contains("--skip-bad-sectors") == true)
    #expect(try f.repository.loadView().snapshots.isEmpty)
  }

  @Test func badSectorsBecomeZerosWhereThatIsAsked() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let report = try f.report {
      $0.image?.skipsBadSectors = true
      $0.hooks = BadSectors(ranges: Self.bad)
    }
    let snapshot = try #require(report.snapshot)
    #expect(report.problems == 2 && snapshot.manifest.flags.contains(.incomplete))
    #expect(try f.record(snapshot).unreadable == [(1 << 20)..<(1 << 20 + 8192), (2 << 20)..<(2 << 20 + 4096)])
    var expected = Self.content()
    for range in try f.record(snapshot).unreadable { for index in range { expected[Int(index)] = 0 } }
    #expect(try f.base.content(try f.node(snapshot)) == expected)
    #expect(f.sink.problems.contains { $0.contains("bytes 1048576 to 1056767 cannot be read; zeros are stored for them") })
  }

  @Test(arguments: [1000, 20 << 20]) func aChangeOfSizeEndsTheBackup(_ size: UInt64) throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let disk = f.disk
    let error = #expect(throws: CairnError.self) {
      try f.report { $0.hooks = BadSectors(act: { _ in try? OpenFile.open(disk, [.write]).truncate(to: size) }) }
    }
    #expect(error?.message.contains("changed its size") == true)
    #expect(try f.repository.loadView().snapshots.isEmpty)
  }

  @Test func aFileThatIsWrittenToMeanwhileIsMarked() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let disk = f.disk
    let snapshot = try f.snapshot {
      $0.hooks = BadSectors(act: { _ in try? [9].withUnsafeBytes { try OpenFile.open(disk, [.write]).write($0, at: 0) } })
    }
    #expect(try f.node(snapshot).flags.contains(.changedWhileRead))
  }

  @Test func anInterruptedImageGoesOnWithWhatWasStored() throws {
    let f = try ImageFixture()
    var random = SplitMix64(seed: 3)
    try f.directory.write("disk", random.bytes(80 << 20))
    let cancellation = Cancellation()
    let options = f.base.options { options in
      options.sources = []
      options.image = BackupOptions.Image(path: Array("disk".utf8))
      // By then a pack of 32 MiB is full.
      options.hooks = BadSectors(act: { if $0.lowerBound >= 70 << 20 { cancellation.cancel() } })
    }
    #expect(throws: CancellationError.self) {
      try f.repository.backup(options, context: RunContext(cancellation: cancellation, threads: 2))
    }
    let report = try f.report()
    #expect(report.statistics.dataBlobs < 320 && report.snapshot?.manifest.kind == .full)
  }
}
