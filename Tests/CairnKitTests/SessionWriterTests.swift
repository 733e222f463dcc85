import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct SessionWriterTests {
  static let description = SessionDescription(series: nil, client: .zero)

  private func manifest(root: BlobID) -> Manifest {
    Manifest(
      session: .zero, time: Timestamp(seconds: 1_700_000_000, nanoseconds: 0), root: root, kind: .full, series: .zero, client: .zero,
      started: .zero)
  }

  private func store(_ blobs: [[UInt8]], in repository: Repository, commit: Bool = true) throws -> ([BlobID], Snapshot?) {
    let writer = try SessionWriter.begin(repository, description: Self.description, context: RunContext())
    return try writer.run { writer in
      let worker = writer.makeWorker()
      var ids: [BlobID] = []
      for blob in blobs { ids.append(try worker.put(blob, .data)) }
      let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
      try worker.flush()
      if commit { return (ids, try writer.commit(manifest(root: root))) }
      try writer.flush()
      return (ids, nil)
    }
  }

  private func sample(_ seed: UInt64, _ count: Int) -> [[UInt8]] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { random.bytes(1 + Int($0 * 7919) % 90_000) }
  }

  @Test func whatWasCommittedIsReadBack() throws {
    let storage = MemoryStorage()
    let blobs = sample(1, 60)
    let (ids, snapshot) = try store(blobs, in: TestRepository.create(storage))
    let view = try TestRepository.open(storage).loadView()
    #expect(view.snapshots.map(\.id) == [snapshot?.id])
    for (id, blob) in zip(ids, blobs) { #expect(try view.blobs.read(id, .data) == blob) }
    #expect(view.problems.isEmpty)
  }

  @Test func whatIsThereIsNotStoredAgain() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage)
    let blobs = sample(2, 40)
    _ = try store(blobs, in: repository)
    let packs = storage.contents.keys.filter { $0.kind == .packs }.count
    _ = try store(blobs, in: repository)
    #expect(storage.contents.keys.filter { $0.kind == .packs }.count == packs)
    #expect(try repository.snapshots().snapshots.count == 2)
  }

  /// What is done after each frame must not pile up: it took the stack of a saver, and the program with it.
  @Test func manyFramesAreStoredInOneRun() throws {
    let count: UInt64 = 60_000
    let storage = MemoryStorage()
    var options = WriterOptions()
    options.packs.compression = .off
    options.packs.readBack = false
    let writer = try SessionWriter.begin(
      TestRepository.create(storage), description: Self.description, options: options, context: RunContext())
    let stored = try writer.run { writer in
      let worker = writer.makeWorker()
      for number in 0..<count {
        _ = try withUnsafeBytes(of: number) { try worker.put($0, .data) }
        try worker.flush()
      }
      try writer.flush()
      return writer.statistics.dataBlobs
    }
    #expect(stored == count)
  }

  @Test func blobsOfARunThatDidNotCommitCountForNobody() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage)
    let (ids, _) = try store(sample(3, 10), in: repository, commit: false)
    let view = try repository.loadView()
    #expect(view.snapshots.isEmpty)
    #expect(try view.index.locate(ids[0].key) == nil)
  }

  @Test func aHandOverMakesWhatIsStoredCount() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage)
    let blobs = sample(4, 30)
    let writer = try SessionWriter.begin(repository, description: Self.description, context: RunContext())
    try writer.run { writer in
      let worker = writer.makeWorker()
      for blob in blobs { _ = try worker.put(blob, .data) }
      try worker.flush()
      try writer.flush()
      try writer.handOver()
      let id = repository.keys.blobID(.data, blobs[0])
      #expect(try repository.loadView().index.contains(id.key))
      #expect(try worker.put(blobs[1], .data) == repository.keys.blobID(.data, blobs[1]))
      writer.abandon()
    }
    #expect(try repository.snapshots().snapshots.isEmpty)
  }

  @Test func whatWasStoredBeforeSeveralHandOversIsNotStoredAgain() throws {
    let repository = try TestRepository.create(MemoryStorage())
    let writer = try SessionWriter.begin(repository, description: Self.description, context: RunContext())
    try writer.run { writer in
      let worker = writer.makeWorker()
      for seed in 40..<44 {
        for blob in sample(UInt64(seed), 10) { _ = try worker.put(blob, .data) }
        try worker.flush()
        try writer.flush()
        try writer.handOver()
      }
      for seed in 40..<44 { for blob in sample(UInt64(seed), 10) { _ = try worker.put(blob, .data) } }
      #expect(writer.statistics.dataBlobs == 40)
      try worker.flush()
      writer.abandon()
    }
  }

  @Test(arguments: [0, 100]) func whatLayInALostPackIsStoredAgain(_ kept: Int) throws {
    let storage = MemoryStorage()
    let blobs = sample(6, 30)
    _ = try store(blobs, in: TestRepository.create(storage))
    for (key, bytes) in storage.contents where key.kind == .packs {
      try storage.delete(key)
      if kept > 0 { try Array(bytes.prefix(kept)).withUnsafeBytes { try storage.put(key, $0) } }
    }
    let (ids, _) = try store(blobs, in: TestRepository.open(storage))
    let view = try TestRepository.open(storage).loadView()
    for (id, blob) in zip(ids, blobs) { #expect(try view.blobs.read(id, .data) == blob) }
  }

  @Test func aDamagedDeltaIsReplacedByThePacksOwnDirectories() throws {
    let storage = MemoryStorage()
    let blobs = sample(5, 30)
    let (ids, _) = try store(blobs, in: TestRepository.create(storage))
    for key in storage.contents.keys where key.kind == .index { try storage.delete(key) }
    let view = try TestRepository.open(storage).loadView()
    #expect(view.problems.count == 1)
    for (id, blob) in zip(ids, blobs) { #expect(try view.blobs.read(id, .data) == blob) }
  }

  @Test func aRevokedSessionCannotCommit() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage)
    let writer = try SessionWriter.begin(repository, description: Self.description, context: RunContext())
    let name = writer.session.hexadecimal
    let revoked = try Envelope.seal(
      .commit, logicalName: LogicalName.commit(writer.session), plaintext: CommitRecord(decision: .revoked).encode(),
      nonce: SystemRandom.bytes(24), keys: repository.keys)
    #expect(try storage.putIfAbsent(#require(ObjectKey(kind: .commits, name: name)), revoked))
    let error = #expect(throws: CairnError.self) {
      try writer.run { writer in
        let worker = writer.makeWorker()
        let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
        try worker.flush()
        _ = try writer.commit(manifest(root: root))
      }
    }
    #expect(error?.code == .revoked)
    #expect(try repository.snapshots().snapshots.isEmpty)
  }

  @Test func aFailingStorageFailsTheRun() throws {
    let storage = FaultyStorage(MemoryStorage())
    let repository = try TestRepository.create(storage)
    let writer = try SessionWriter.begin(repository, description: Self.description, context: RunContext())
    storage.plan { call, _ in call == .begin ? .refuse(.noSpace("No space left on the device")) : nil }
    #expect(throws: CairnError.self) {
      try writer.run { writer in
        let worker = writer.makeWorker()
        for blob in sample(6, 200) { _ = try worker.put(blob, .data) }
        try worker.flush()
        try writer.flush()
      }
    }
  }
}
