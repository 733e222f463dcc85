import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKit

/// Storages that fail, lose answers, or hold damaged objects.
@Suite struct StorageTroubleTests {
  private let memory = MemoryStorage()
  private let storage: FaultyStorage

  init() { storage = FaultyStorage(memory) }

  private func fixture() throws -> WriterFixture { WriterFixture(try TestRepository.create(storage)) }

  // MARK: - Registers

  @Test func aRegisterWrittenTwiceByItsOwnerIsWon() throws {
    let fixture = try fixture()
    storage.plan { call, kind in call == .putIfAbsent && kind == .commits ? .repeatCall : nil }
    try fixture.backUp(1)
    try fixture.expectWhole([1])
  }

  @Test func aRegisterWhoseAnswerIsLostDoesNoHarm() throws {
    let fixture = try fixture()
    let snapshots = CallCount()
    storage.plan { call, kind in
      guard call == .putIfAbsent, kind == .commits else { return nil }
      // The first register is the hand-over's.
      return snapshots.next() == 2 ? .loseAnswer : nil
    }
    #expect(throws: CairnError.self) { try fixture.backUp(1) }
    try fixture.expectWhole([1])
    try fixture.backUp(2)
    try fixture.expectWhole([1, 2])
  }

  // MARK: - Packs

  @Test func aPackThatFailedHalfWayNeverGetsAName() throws {
    let fixture = try fixture()
    let appends = CallCount()
    storage.plan { call, _ in call == .append && appends.next() == 9 ? .refuse(.io("A bad block.")) : nil }
    let writer = try fixture.begin()
    #expect(throws: CairnError.self) {
      try writer.run { writer in
        let worker = writer.makeWorker()
        for blob in WriterFixture.blobs(1) { _ = try worker.put(blob, .data) }
        try worker.flush()
        try writer.flush()
      }
    }
    writer.abandon()
    for (key, bytes) in memory.contents where key.kind == .packs {
      #expect(PackName(key.name)?.hash == SHA256Digest.hash(bytes))
    }
    try fixture.backUp(1)
    try fixture.expectWhole([1])
  }

  @Test func aRunThatCannotBeginTakesItsAnnouncementBack() throws {
    let fixture = try fixture()
    storage.plan { call, kind in call == .list && kind == .commits ? .refuse(.io("No answer.")) : nil }
    #expect(throws: CairnError.self) { try fixture.begin() }
    #expect(try fixture.keys(.sessions).isEmpty)
  }

  // MARK: - Single objects that cannot be read

  @Test(arguments: [ObjectKey.Kind.commits, .snapshots, .index])
  func whatTheStorageCannotReadCostsOnlyItself(_ kind: ObjectKey.Kind) throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    let reads = CallCount()
    storage.plan { call, read in call == .read && read == kind && reads.next() == 1 ? .refuse(.io("A bad block.")) : nil }
    let view = try fixture.repository.loadView()
    #expect(view.problems.count == 1)
    #expect(view.snapshots.count == (kind == .snapshots ? 0 : 1))
    for blob in WriterFixture.blobs(1) { #expect(try view.blobs.read(fixture.repository.keys.blobID(.data, blob), .data) == blob) }
  }

  @Test func aWriterDoesNotTakeAnUnreadIndexForAnEmptyOne() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    for kind in [ObjectKey.Kind.commits, .index] {
      storage.plan { call, read in call == .read && read == kind ? .refuse(.io("A bad block.")) : nil }
      #expect(throws: CairnError.self) { try fixture.begin() }
    }
  }

  @Test(arguments: ["damaged", "missing"]) func anIncompleteLogKeepsWritersOutAndReadersIn(_ how: String) throws {
    let fixture = try fixture()
    let snapshot = try fixture.backUp(1)
    for tag in ["a", "b"] { try fixture.repository.amend([(snapshot.id, tags: [Array(tag.utf8)], description: nil)]) }
    let first = try #require(try fixture.keys(.log).first)
    if how == "damaged" { memory.contents[first]?[70] ^= 1 } else { memory.contents[first] = nil }
    let view = try fixture.repository.loadView()
    #expect(view.problems.count == (how == "damaged" ? 1 : 1))
    #expect(view.snapshots.first?.manifest.tags == [Array("b".utf8)])
    for blob in WriterFixture.blobs(1) { #expect(try view.blobs.read(fixture.repository.keys.blobID(.data, blob), .data) == blob) }
    let before = memory.contents
    #expect(throws: CairnError.self) { try fixture.begin() }
    #expect(throws: CairnError.self) { try fixture.repository.amend([(snapshot.id, tags: [], description: nil)]) }
    #expect(memory.contents == before)
  }

  @Test func blobsThatMaintenanceMovedAreFound() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    let owner = SessionID(random: SystemRandom.bytes(12), epoch: 0)
    // The same packs, named by a record of the log instead of by registers.
    var names: [String] = []
    for key in try fixture.keys(.index) {
      var delta = try Records.delta(key.name, storage, fixture.repository.keys)
      delta.session = owner
      delta.sequence = UInt32(names.count)
      let bytes = try Envelope.seal(
        .delta, logicalName: LogicalName.delta(owner, delta.sequence), plaintext: delta.encode(), nonce: SystemRandom.bytes(24),
        keys: fixture.repository.keys)
      names.append(DeltaName(session: owner, sequence: delta.sequence, hash: SHA256Digest.hash(bytes)).name)
      try storage.put(try #require(ObjectKey(kind: .index, name: names.last ?? "")), bytes)
      try storage.delete(key)
    }
    try fixture.appendLog {
      $0.owner = owner
      $0.deltas = names.sorted()
    }
    // As a writer sees it: readers would find the packs without any delta.
    let view = try fixture.repository.loadView(RepositoryState.read(storage, keys: fixture.repository.keys), forWriting: true)
    for blob in WriterFixture.blobs(1) { #expect(try view.index.contains(fixture.repository.keys.blobID(.data, blob).key)) }
  }

  @Test(arguments: ["ffffffffffffffff", "-000000000000000", "00000000000000ff"]) func aForeignFileInTheLogIsNoTrap(_ name: String) throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    guard let key = ObjectKey(kind: .log, name: name) else { return }
    memory.contents[key] = [1, 2, 3]
    #expect(try fixture.repository.loadView().snapshots.count == 1)
  }

  // MARK: - Reading blobs

  @Test func anErrorOfTheCallerIsNotTakenForDamageOfTheBlob() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    let view = try fixture.repository.loadView()
    let blob = WriterFixture.blobs(1)[3]
    var calls = 0
    let error = #expect(throws: CairnError.self) {
      try view.blobs.withBlob(fixture.repository.keys.blobID(.data, blob), .data) { _ in
        calls += 1
        throw CairnError(.damaged, "Something else.")
      }
    }
    #expect(calls == 1)
    #expect(error?.message == "Something else.")
  }

  @Test func theFrameCacheKeepsToItsLimitAndToWhatIsUsed() throws {
    let cache = FrameCache(limit: 8000)
    let pack = PackIdentity(hash: .zero, owner: .zero, packClass: .tree, size: 1 << 20)
    func location(_ number: Int) -> FrameLocation {
      FrameLocation(pack: pack, offset: UInt32(number), encodedLength: 1, rawLength: 1, codec: 0, keyReference: 0)
    }
    for number in 0..<100 {
      cache.put(location(number), FrameCache.Frame([UInt8](repeating: 0, count: 1000)))
      #expect(cache.get(location(0)) != nil)
    }
    let kept = (0..<100).filter { cache.get(location($0)) != nil }
    #expect(kept.count <= 8 && kept.count >= 7)
    #expect(kept.contains(99))
    cache.put(location(200), FrameCache.Frame([UInt8](repeating: 0, count: 20_000)))
    #expect(cache.get(location(200)) != nil)
  }

  // MARK: - Keys

  @Test func aSlotOfAnotherRepositoryIsNoKeyOfThisOne() throws {
    let repository = try fixture().repository
    let other = try #require(RepositoryID(bytes: SystemRandom.bytes(16)))
    let stranger = try KeySlots.make(
      TestRepository.credential, master: repository.master, repository: other, label: "", kdf: .default)
    let name = try KeySlots.write(stranger, to: storage)
    #expect(try repository.keySlots().map(\.name) == [repository.currentSlot])
    // Opened without a slot, as with an exported key, so that only the count protects the last one.
    let exported = Repository(
      storage: storage, keys: repository.keys, config: repository.config, options: repository.options, slot: "",
      info: repository.currentSlotInfo, master: repository.master, sink: NoProgress())
    #expect(throws: CairnError.self) { try exported.removeKey(repository.currentSlot) }
    #expect(try exported.removeKey(name) == name)
    #expect(try TestRepository.open(storage).currentSlot == repository.currentSlot)
  }
}
