import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Foundation
import SystemPackage
import Testing

@testable import CairnKit

@Suite struct IndexCacheTests {
  /// Commits one snapshot with a few blobs of its own and returns them.
  private func commit(_ seed: UInt64, in repository: Repository) throws -> [(BlobID, [UInt8])] {
    let writer = try SessionWriter.begin(repository, description: SessionWriterTests.description, context: RunContext())
    return try writer.run { writer in
      let worker = writer.makeWorker()
      var random = SplitMix64(seed: seed)
      var blobs: [(BlobID, [UInt8])] = []
      for size in 1...20 {
        let bytes = random.bytes(size * 997)
        blobs.append((try worker.put(bytes, .data), bytes))
      }
      let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
      try worker.flush()
      _ = try writer.commit(
        Manifest(
          session: .zero, time: Timestamp(seconds: Int64(seed), nanoseconds: 0), root: root, kind: .full, series: .zero, client: .zero,
          started: .zero))
      return blobs
    }
  }

  private func files(_ cache: TemporaryDirectory, _ repository: Repository) throws -> [String] {
    let folder = cache.string + "/" + repository.idHex + "/index"
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { folder + "/" + $0 }
  }

  private func expectReadable(_ blobs: [(BlobID, [UInt8])], in repository: Repository) throws {
    let view = try repository.loadView()
    #expect(view.problems.isEmpty)
    for (id, bytes) in blobs { #expect(try view.blobs.read(id, .data) == bytes) }
  }

  @Test func imagesOfManySnapshotsAreMergedIntoFew() throws {
    let cache = TemporaryDirectory()
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage, cacheDirectory: cache.path)
    var blobs: [(BlobID, [UInt8])] = []
    for seed in 1...12 { blobs += try commit(UInt64(seed), in: repository) }
    try expectReadable(blobs, in: repository)
    #expect(try files(cache, repository).count == 1)
  }

  @Test(arguments: ["flip", "cut", "empty", "foreign"])
  func aDamagedImageIsMadeAgain(_ how: String) throws {
    let cache = TemporaryDirectory()
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage, cacheDirectory: cache.path)
    let blobs = try commit(3, in: repository)
    try expectReadable(blobs, in: repository)
    for file in try files(cache, repository) {
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
      switch how {
      case "flip": bytes[bytes.count / 2] ^= 4
      case "cut": bytes.removeLast(bytes.count / 2)
      case "empty": bytes = []
      default: bytes = Array("not an image".utf8)
      }
      try Data(bytes).write(to: URL(fileURLWithPath: file))
    }
    try expectReadable(blobs, in: TestRepository.open(storage, cacheDirectory: cache.path))
    try expectReadable(blobs, in: repository)
  }

  @Test func aCacheOfAnotherRepositoryIsNotBelieved() throws {
    let cache = TemporaryDirectory()
    let one = try TestRepository.create(MemoryStorage(), cacheDirectory: cache.path)
    let blobs = try commit(4, in: one)
    try expectReadable(blobs, in: one)
    let other = try TestRepository.create(MemoryStorage(), cacheDirectory: cache.path)
    let otherBlobs = try commit(5, in: other)
    _ = try other.loadView()
    let stranger = try #require(try files(cache, one).first)
    let own = try #require(try files(cache, other).first)
    try FileManager.default.removeItem(atPath: own)
    try FileManager.default.copyItem(atPath: stranger, toPath: own)
    try expectReadable(otherBlobs, in: other)
  }

  @Test func whatAKilledRunLeftHalfWrittenIsRemovedAndWhatIsBeingWrittenIsNot() throws {
    let cache = TemporaryDirectory()
    let repository = try TestRepository.create(MemoryStorage(), cacheDirectory: cache.path)
    let blobs = try commit(7, in: repository)
    try expectReadable(blobs, in: repository)
    let folder = try #require(try files(cache, repository).first.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path })
    let names = ["00000000000000aa.tmp", "00000000000000bb.tmp"].map { folder + "/" + $0 }
    for name in names { try Data([1]).write(to: URL(fileURLWithPath: name)) }
    let writing = try OpenFile.open(Array(names[0].utf8), [.read, .write])
    #expect(writing.tryLockExclusive())
    try expectReadable(blobs, in: repository)
    #expect(try files(cache, repository).filter { $0.hasSuffix(".tmp") } == [names[0]])
  }

  #if FAULT_INJECTION
    @Test func aCacheThatIsFullDoesNotPutTheWholeIndexIntoMemory() throws {
      let storage = MemoryStorage()
      let uncached = try TestRepository.create(storage)
      let first = TemporaryDirectory()
      var blobs = try commit(8, in: uncached)
      try expectReadable(blobs, in: TestRepository.open(storage, cacheDirectory: first.path))
      blobs += try commit(9, in: uncached)
      for position in 1..<100 {
        let cache = TemporaryDirectory()
        let path = cache.string + "/copy"
        try FileManager.default.copyItem(atPath: first.string, toPath: path)
        let repository = try TestRepository.open(storage, cacheDirectory: Array(path.utf8))
        let script = FaultScript([.write], at: position, .fail(.noSpace), repeats: true)
        let view = try script.run { try repository.loadView() }
        #expect(view.index.runs.allSatisfy { $0.fileName != nil || $0.covers.count == 1 })
        for (id, bytes) in blobs { #expect(try view.blobs.read(id, .data) == bytes) }
        guard script.hasFired else { return #expect(position > 2 && view.index.runs.count == 1) }
      }
    }
  #endif

  @Test func withoutAWritableCacheTheIndexIsHeldInMemory() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage, cacheDirectory: Array("/proc/none".utf8))
    let blobs = try commit(6, in: repository)
    try expectReadable(blobs, in: repository)
  }
}
