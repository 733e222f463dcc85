import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

import struct SystemPackage.Errno

@testable import CairnKit

/// Damage, interruption, refusals of the target.
@Suite struct RestoreDamageTests {
  /// Packs of a class, largest first.
  private func packs(_ fixture: RestoreFixture, _ packClass: PackClass) throws -> [PackIdentity] {
    var packs: [PackIdentity] = []
    try fixture.repository.loadView().index.forEachPack { if $0.packClass == packClass { packs.append($0) } }
    return packs.sorted { $0.size > $1.size }
  }

  /// Flips a byte in the stored frame that holds a chunk of the file.
  private func damage(_ fixture: RestoreFixture, _ snapshot: Snapshot, _ path: String) throws {
    let view = try fixture.repository.loadView()
    let node = try #require(try view.trees.find(path.split(separator: "/").map { Array($0.utf8) }, in: snapshot.manifest.root))
    var cursor = view.trees.content(node)
    while let item = try cursor.next() {
      guard let id = item.id, let location = try view.index.locate(id.key) else { continue }
      let local = try #require(fixture.storage as? LocalStorage)
      let key = try location.frame.pack.key()
      let directory = local.rootDirectory
      var folder = directory
      let parts = key.path.split(separator: "/").map { Array($0.utf8) }
      for part in parts.dropLast() { folder = try OpenFile.open(part, at: folder, [.read, .directory]) }
      try FileSystem.setMode(at: folder, name: parts[parts.count - 1], 0o600)
      let file = try OpenFile.open(parts[parts.count - 1], at: folder, [.read, .write])
      var byte: [UInt8] = [0]
      let offset = UInt64(location.frame.offset) + UInt64(location.frame.encodedLength) - 1
      _ = try byte.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
      byte[0] ^= 1
      try byte.withUnsafeBytes { try file.write($0, at: offset) }
      return
    }
  }

  private func local() throws -> RestoreFixture {
    let directory = TemporaryDirectory()
    kept.withLock { $0.append(directory) }
    return try RestoreFixture(storage: try LocalStorage.create(path: directory.path("repository")))
  }
  private let kept = Holder()

  @Test func aDamagedChunkCostsOnlyTheFilesThatNeedIt() throws {
    let fixture = try local()
    var random = SplitMix64(seed: 30)
    for number in 0..<6 { try fixture.write("big\(number)", random.bytes(3 << 20)) }
    try fixture.hardLink("other-name", to: "big3")
    let snapshot = try fixture.backup()
    try damage(fixture, snapshot, "big3")
    let recorder = Recorder()
    let report = try fixture.restore(snapshot, recorder)
    #expect(report.problems == 2)
    #expect(Set(recorder.problems.map { $0.prefix(while: { $0 != ":" }) }) == ["/big3", "/other-name"])
    #expect(try fixture.differences() == ["missing: big3", "missing: other-name"])
  }

  @Test func anExistingFileStaysWhenItsReplacementIsDamaged() throws {
    let fixture = try local()
    var random = SplitMix64(seed: 31)
    try fixture.write("file", random.bytes(2 << 20))
    let snapshot = try fixture.backup()
    try damage(fixture, snapshot, "file")
    try fixture.folder("../target")
    try fixture.write("file", Array("mine".utf8), in: fixture.target)
    #expect(try fixture.restore(snapshot).problems == 1)
    #expect(try TreeSnapshot(fixture.target).entries["file"]?.content == Array("mine".utf8))
    #expect(try TreeSnapshot(fixture.target).entries.count == 2, "no litter")
  }

  @Test func aMissingDataPackIsNamedWithItsFiles() throws {
    let fixture = try RestoreFixture()
    var random = SplitMix64(seed: 32)
    try fixture.write("file", random.bytes(100_000))
    try fixture.link("link", to: "file")
    try fixture.folder("folder")
    let snapshot = try fixture.backup()
    for pack in try packs(fixture, .data) { try fixture.storage.delete(try pack.key()) }
    let recorder = Recorder()
    #expect(try fixture.restore(snapshot, recorder).problems == 1)
    #expect(recorder.problems.first?.hasPrefix("/file: restoring: ") == true)
    #expect(try fixture.differences() == ["missing: file"])
  }

  @Test func deletingSparesADirectoryWhoseTreeIsDamaged() throws {
    let fixture = try RestoreFixture()
    try fixture.folder("hurt")
    try fixture.write("hurt/inside", [1, 2, 3])
    try fixture.write("safe", [4, 5, 6])
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot)
    try fixture.write("hurt/stranger", [1], in: fixture.target)
    // The same snapshot, but the root's node of "hurt" names a tree that does not exist.
    let broken = try breakSubtree(fixture, snapshot, "hurt")
    let recorder = Recorder()
    let report = try fixture.restore(broken, recorder) { $0.delete = true }
    #expect(report.problems == 1 && report.deleted == 0)
    #expect(recorder.problems.first?.hasPrefix("/hurt: reading the directory") == true)
    #expect(try TreeSnapshot(fixture.target).entries.keys.sorted() == [".", "hurt", "hurt/inside", "hurt/stranger", "safe"])
  }

  private func breakSubtree(_ fixture: RestoreFixture, _ snapshot: Snapshot, _ name: String) throws -> Snapshot {
    let context = RunContext()
    let session = try SessionWriter.begin(
      fixture.repository, description: SessionDescription(series: nil, client: .zero), options: WriterOptions(), context: context)
    return try session.run { session in
      let worker = session.makeWorker()
      var cursor = try session.view.trees.cursor(snapshot.manifest.root)
      var builder = DirectoryBuilder(keys: fixture.repository.keys)
      while var node = try cursor.next() {
        if node.name == Array(name.utf8) { node.subtree = BlobID(word0: 1, word1: 2, word2: 3, word3: 4) }
        try builder.append(node) { try worker.put($1, $0) }
      }
      let root = try builder.finish { try worker.put($1, $0) }
      try worker.flush()
      try session.flush()
      var manifest = snapshot.manifest
      manifest.root = root.id
      return try session.commit(manifest)
    }
  }

  @Test func aRestoreCancelledAtAnyReadIsCompletedByTheNext() throws {
    let counting = CountingStorage(MemoryStorage())
    let fixture = try RestoreFixture(storage: counting)
    try fixture.plant(seed: 33)
    let snapshot = try fixture.backup()
    var point = 1
    var wasCancelled = true
    while wasCancelled {
      let cancellation = Cancellation()
      let now = point
      counting.reset()
      counting.onPackRead.withLock { $0 = { if $0 == now { cancellation.cancel() } } }
      do {
        try fixture.restore(snapshot, cancellation: cancellation)
        wasCancelled = false
      } catch is CancellationError {}
      point += 3
    }
    #expect(point > 6)
    #expect(try fixture.differences() == [])
  }

  @Test(arguments: [SystemCall.open, .write, .link, .metadata, .mkdir, .stat, .list, .truncate])
  func anErrorOfAnyCallLeavesWholeFilesAndIsMendedByTheNextRun(_ call: SystemCall) throws {
    let fixture = try RestoreFixture()
    try fixture.plant(seed: 34, files: 14)
    let snapshot = try fixture.backup()
    let source = try TreeSnapshot(fixture.source)
    for position in stride(from: 3, to: 60, by: 19) {
      let script = FaultScript([call], at: position, .fail(.ioError))
      // Errors may end the run or be problems of single files; both are fine, half a file is not.
      _ = try? script.run { try fixture.restore(snapshot) }
      if let after = try? TreeSnapshot(fixture.target) {
        for (path, entry) in after.entries where entry.type == .regular {
          #expect(source.entries[path]?.content == entry.content, "\(path) after \(call) \(position)")
        }
      }
      try fixture.restore(snapshot)
      #expect(try fixture.differences() == [], "\(call) \(position)")
      if position > 20 { try FileSystem.removeTree(at: try fixture.directory.open(), name: Array("target".utf8)) }
    }
  }

  @Test func aFullTargetEndsTheRestoreWithAClearError() throws {
    let fixture = try RestoreFixture()
    var random = SplitMix64(seed: 35)
    for number in 0..<50 { try fixture.write("file\(number)", random.bytes(10_000)) }
    let snapshot = try fixture.backup()
    let script = FaultScript([.write], at: 5, .fail(.noSpace), repeats: true)
    let recorder = Recorder()
    let error = try #require(throws: CairnError.self) { try script.run { try fixture.restore(snapshot, recorder, threads: 1) } }
    #expect(error.code == .noSpace && error.message.contains("target"))
    #expect(recorder.problems.count <= 1)
    try fixture.restore(snapshot)
    #expect(try fixture.differences() == [])
  }

  @Test func withoutUnnamedFilesTemporaryNamesDo() throws {
    let fixture = try RestoreFixture()
    try fixture.plant(seed: 36)
    let snapshot = try fixture.backup()
    let options = RestoreOptions(snapshot: snapshot, target: fixture.target)
    let run = try RestoreRun(fixture.repository, try fixture.repository.loadView(), options, RunContext())
    run.unnamedWorks.store(false, ordering: .relaxed)
    #expect(try run.execute().problems == 0)
    #expect(try fixture.differences() == [])
  }
}

/// Keeps folders alive for the length of a test.
private final class Holder: Sendable {
  private let state = Mutex<[TemporaryDirectory]>([])
  func withLock(_ body: (inout [TemporaryDirectory]) -> Void) { state.withLock { body(&$0) } }
}
