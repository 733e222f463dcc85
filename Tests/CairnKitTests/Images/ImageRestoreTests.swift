import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct ImageRestoreTests {
  private static let chunk = ImageFixture.chunk
  private static let size = 20 * chunk + 777

  /// Random but for chunks 4 … 9.
  private static func content() -> [UInt8] {
    var random = SplitMix64(seed: 2)
    var bytes = random.bytes(size)
    for index in (4 * chunk)..<(10 * chunk) { bytes[index] = 0 }
    return bytes
  }

  private func fixture() throws -> (ImageFixture, Snapshot) {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    return (f, try f.snapshot())
  }

  @Test func aFreshFileIsSparse() throws {
    let (f, snapshot) = try fixture()
    let report = try f.restore(snapshot)
    #expect(try f.directory.read("target") == Self.content())
    let status = try OpenFile.open(f.directory.path("target"), .read).status()
    #expect(status.blocks512 * 512 < UInt64(Self.size - 5 * Self.chunk))
    #expect(report.isVerified && report.problems == 0 && report.bytes == UInt64(Self.size))
    #expect(report.bytesWritten == UInt64(Self.size - 6 * Self.chunk))
  }

  @Test func onlyWhatDiffersIsWritten() throws {
    let (f, snapshot) = try fixture()
    var other = Self.content()
    other[3] ^= 1
    other[15 * Self.chunk] ^= 1
    other[6 * Self.chunk + 5000] = 9
    // Longer than the image: the rest is cut off.
    try f.directory.write("target", other + [1, 2, 3])
    let dry = try f.restore(snapshot) { $0.dryRun = true }
    #expect(dry.bytesWritten == UInt64(2 * Self.chunk) && dry.bytesZeroed == 4096)
    #expect(try f.directory.read("target") == other + [1, 2, 3])
    let report = try f.restore(snapshot)
    #expect(report.bytesWritten == UInt64(2 * Self.chunk) && report.bytesZeroed == 4096)
    #expect(report.bytesEqual == UInt64(Self.size - 8 * Self.chunk) && report.isVerified)
    #expect(try f.directory.read("target") == Self.content())
    #expect(try f.restore(snapshot).bytesWritten == 0)
  }

  @Test func aShorterFileIsMadeLonger() throws {
    let (f, snapshot) = try fixture()
    try f.directory.write("target", Array(Self.content()[..<100_000]))
    try f.restore(snapshot)
    #expect(try f.directory.read("target") == Self.content())
  }

  @Test func aFileOfAnOrdinaryBackupCanBeWrittenToo() throws {
    let f = try ImageFixture()
    try f.directory.write("disk", Self.content())
    let snapshot = try f.base.snapshot()
    var other = [UInt8](repeating: 7, count: Self.size)
    other[0] = 1
    try f.directory.write("target", other)
    try f.restore(snapshot) { $0.path = [Array("disk".utf8)] }
    #expect(try f.directory.read("target") == Self.content())
    try f.base.write("second", "file")
    let two = try f.base.snapshot()
    let error = #expect(throws: CairnError.self) { try f.restore(two) }
    #expect(error?.message.contains("more than one file") == true)
  }

  @Test func aPlainRestoreMakesASparseFile() throws {
    let (f, snapshot) = try fixture()
    let report = try f.repository.restore(RestoreOptions(snapshot: snapshot, target: f.directory.path("out")), context: RunContext())
    #expect(report.problems == 0)
    #expect(try f.directory.read("out/disk") == Self.content())
    #expect(try OpenFile.open(f.directory.path("out/disk"), .read).status().blocks512 * 512 < UInt64(Self.size - 5 * Self.chunk))
  }

  @Test func nothingIsLeftOfAFreshFileThatWasNotFinished() throws {
    let (f, snapshot) = try fixture()
    let cancellation = Cancellation()
    cancellation.cancel()
    #expect(throws: CancellationError.self) { try f.restore(snapshot, cancellation: cancellation) }
    let names = try f.directory.open().list()
    #expect((0..<names.count).map { String(decoding: names.name($0), as: UTF8.self) } == ["disk"])
  }

  @Test func damageCostsTheChunksThatItHits() throws {
    let (f, snapshot) = try fixture()
    let items = try f.items(snapshot)
    let view = try f.repository.loadView()
    let id = try #require(items[12].id)
    let location = try #require(try view.blobs.index.locate(id.key))
    let key = try location.frame.pack.key()
    var pack = try f.base.storage.readAll(key, limit: 256 << 20)
    pack[Int(location.frame.offset) + 100] ^= 1
    try f.base.storage.delete(key)
    try pack.withUnsafeBytes { try f.base.storage.put(key, $0) }
    let recorder = RecordingSink()
    let report = try f.restore(snapshot, sink: recorder)
    #expect(report.problems > 0 && recorder.problems.contains { $0.contains("restoring bytes") })
    // Everything but the frame of that chunk is there.
    let (found, wanted) = (try f.directory.read("target"), Self.content())
    let wrong = (0..<21).filter { number in
      let range = (number * Self.chunk)..<min(Self.size, (number + 1) * Self.chunk)
      return found[range] != wanted[range]
    }
    #expect(wrong.count == 1, "\(wrong)")
  }

  @Test func aTargetThatIsNoPlaceForAnImageIsRefused() throws {
    let (f, snapshot) = try fixture()
    try f.base.mkdir("folder")
    for target in ["folder", "no/such/place", "folder/"] {
      #expect(throws: CairnError.self) { try f.restore(snapshot, to: target) }
    }
    var options = ImageRestoreOptions(snapshot: snapshot, target: Array("/dev/null".utf8))
    #expect(throws: CairnError.self) { try f.repository.prepareImageRestore(options) }
    options.target = f.directory.path("fresh")
    #expect(try f.repository.prepareImageRestore(options).loss == nil)
    options.target = f.disk
    #expect(try f.repository.prepareImageRestore(options).loss?.contains("disk' (\(Self.size) bytes)") == true)
  }
}
