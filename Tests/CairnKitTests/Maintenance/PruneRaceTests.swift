import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKit

/// What prunes, backups and readers meet when they run at the same time, one case each that a simulation has found.
@Suite struct PruneRaceTests {
  @Test func aDirectoryThatLiesInCondemnedPacksIsStoredAgain() throws {
    let f = try PruneFixture()
    let (second, other, slow) = try f.commitWhatIsCondemned()
    // The whole base is condemned, and goes while a backup that takes its directories over is still at work.
    try f.change(to: 0)
    try f.files.source.write("zzz", [1, 2, 3])
    let act: @Sendable () -> Void = {
      do {
        try f.forget(second)
        slow.abandon()
        _ = try f.prune()
      } catch { Issue.record(error) }
    }
    let backupOptions = f.files.options {
      $0.kind = .incremental
      $0.parent = second.idHex
      $0.hooks = ActingHooks(point: .read, suffix: "zzz", act: act)
    }
    let report = try f.repository.backup(backupOptions, context: RunContext(threads: 2))
    let third = try #require(report.snapshot)
    let view = try f.repository.loadView()
    #expect(Set(view.snapshots.map(\.id)) == [other.id, third.id])
    #expect(try f.repository.check(CheckOptions(readData: .all)).errors.map(\.sentence) == [])
  }

  @Test func aSnapshotDoesNotCountAsMadeWhenTheLogCannotBeReadAfterwards() throws {
    let memory = MemoryStorage()
    let storage = FaultyStorage(memory)
    let fixture = WriterFixture(try TestRepository.create(storage))
    try fixture.backUp(1)
    let writer = try fixture.begin()
    // Revoked, and folded away with its register: its name is free again.
    _ = try Records.resolve(writer.session, as: .revoked, memory, fixture.repository.keys)
    try fixture.repository.appendLog { LogRecord(next: $0) }
    let view = try fixture.repository.loadView()
    try fixture.repository.appendLog { log in
      var record = LogRecord(next: log)
      record.checkpoint = .init(
        index: Array(view.state.countingDeltas), below: 1,
        accepted: view.state.acceptedManifests.map { ManifestName(session: $0.0, hash: $0.1) })
      record.start = record.index
      return record
    }
    for key in try fixture.keys(.commits) { try memory.delete(key) }
    let isCommitted = Mutex(false)
    storage.plan { call, kind in
      if call == .putIfAbsent, kind == .commits { isCommitted.withLock { $0 = true } }
      return call == .read && kind == .log && isCommitted.withLock { $0 } ? .refuse(.io("The disk is gone.")) : nil
    }
    #expect(throws: CairnError.self) {
      try writer.run { writer in
        let worker = writer.makeWorker()
        let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
        try worker.flush()
        return try writer.commit(WriterFixture.manifest(2, root: root))
      }
    }
    storage.plan { _, _ in nil }
    try fixture.expectWhole([1])
  }

  /// A register appears in a listing that misses an earlier one, which the snapshot of the first builds on.
  @Test func aListingThatMissesAnEarlierRegisterIsMadeAgain() throws {
    let memory = MemoryStorage()
    let fixture = WriterFixture(try TestRepository.create(memory))
    try fixture.backUp(1)
    let lagging = LaggingStorage(memory, missing: try #require(fixture.keys(.commits).first))
    let state = try RepositoryState.read(lagging, keys: fixture.repository.keys)
    #expect(state.registers.count == (try fixture.keys(.commits)).count)
  }
}

/// The first listing of the registers misses one of them.
private final class LaggingStorage: Storage {
  private let base: any Storage
  private let missing: ObjectKey
  private let listings = CallCount()

  init(_ base: any Storage, missing: ObjectKey) {
    self.base = base
    self.missing = missing
  }

  var location: String { base.location }
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { try base.put(key, bytes) }
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool { try base.putIfAbsent(key, bytes) }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { try base.beginObject(kind: kind) }
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try base.read(key, at: offset, into: buffer)
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] { try base.readAll(key, limit: limit) }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws {
    let isFirst = kind == .commits && listings.next() == 1
    try base.list(kind) { key, size in if !isFirst || key != missing { try body(key, size) } }
  }
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  func delete(_ key: ObjectKey) throws(StorageError) { try base.delete(key) }
  func flush() throws(StorageError) { try base.flush() }
  func copies(of key: ObjectKey) -> Int { base.copies(of: key) }
}
