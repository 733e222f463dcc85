import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct HandOverTests {
  private func fixture(_ storage: any Storage = MemoryStorage()) throws -> WriterFixture {
    WriterFixture(try TestRepository.create(storage))
  }

  /// Four threads store overlapping blobs while the run hands over again and again.
  private func storeUnderLoad(_ fixture: WriterFixture, _ options: WriterOptions) throws {
    try fixture.begin(options).run { writer in
      try ThreadScope.run { scope in
        for thread in 0..<4 {
          scope.spawn("worker \(thread)") {
            let worker = writer.makeWorker()
            for round in 0..<8 {
              for blob in WriterFixture.blobs((round + thread) % 10, count: 24) { _ = try worker.put(blob, .data) }
              try worker.flush()
            }
          }
        }
      }
      let worker = writer.makeWorker()
      let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
      try worker.flush()
      _ = try writer.commit(WriterFixture.manifest(0, root: root))
    }
  }

  private func expectAll(_ fixture: WriterFixture) throws {
    let view = try fixture.repository.loadView()
    #expect(view.snapshots.count == 1)
    for number in 0..<10 {
      for blob in WriterFixture.blobs(number, count: 24) {
        #expect(try view.blobs.read(fixture.repository.keys.blobID(.data, blob), .data) == blob)
      }
    }
    let registers = view.state.registers.values
    #expect(registers.filter { $0.decision == .data }.count > 3)
    let handedOver = registers.filter { $0.decision == .data }.flatMap(\.deltas)
    #expect(handedOver.count == Set(handedOver).count)
    let committed = try #require(registers.first { $0.decision == .snapshot })
    #expect(Set(committed.deltas).isSuperset(of: handedOver))
    #expect(try fixture.keys(.sessions).isEmpty)
    // Nothing is left over: every pack is named, and every delta counts.
    #expect(try view.index.named(Set(fixture.keys(.packs).compactMap { PackName($0.name) })).count == fixture.keys(.packs).count)
    #expect(try Set(fixture.keys(.index).map(\.name)) == Set(registers.flatMap(\.deltas)))
  }

  @Test func manyHandOversLoseNothing() throws {
    let fixture = try fixture()
    var options = WriterOptions()
    options.checkpointBytes = 150_000
    try storeUnderLoad(fixture, options)
    try expectAll(fixture)
  }

  @Test func handingOverByTheClockAfterEachPackLosesNothing() throws {
    let fixture = try fixture()
    var options = WriterOptions()
    options.checkpointNanoseconds = 1
    try storeUnderLoad(fixture, options)
    try expectAll(fixture)
  }

  @Test func packsOfACheckpointAreNamedByItsOwnRegister() throws {
    let fixture = try fixture()
    try fixture.begin().run { writer in
      let worker = writer.makeWorker()
      // Just so many packs that the last open one makes a delta due while the run hands over.
      var number = 0
      while try fixture.keys(.packs).count < 63 {
        for blob in WriterFixture.blobs(number, count: 4) { _ = try worker.put(blob, .data) }
        number += 2
        try worker.flush()
        try writer.flushPacksOnly()
      }
      _ = try worker.put([1, 2, 3], .data)
      try worker.flush()
      writer.waitUntilStored()
      try writer.handOver()
      let packs = Set(try fixture.keys(.packs).compactMap { PackName($0.name) })
      #expect(packs.count >= 64)
      let register = try #require(
        try RepositoryState.read(fixture.repository.storage, keys: fixture.repository.keys).registers[writer.session.handOver(1)])
      let named = try register.deltas.flatMap { try Records.delta($0, fixture.repository.storage, fixture.repository.keys).packs }
      #expect(Set(named.map { PackName(hash: $0.hash, owner: $0.owner) }) == packs)
      writer.abandon()
    }
  }

  @Test func packsCondemnedMeanwhileTouchNeitherAHandOverNorACommit() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    let condemned = try #require(PackName(try fixture.keys(.packs)[0].name))
    let writer = try fixture.begin()
    try fixture.appendLog { $0.condemn = [condemned] }
    let snapshot = try writer.run { writer in
      let worker = writer.makeWorker()
      for blob in WriterFixture.blobs(2) { _ = try worker.put(blob, .data) }
      try worker.flush()
      try writer.flush()
      try writer.handOver()
      let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
      try worker.flush()
      return try writer.commit(WriterFixture.manifest(2, root: root))
    }
    #expect(try fixture.repository.snapshots().snapshots.map(\.id).contains(snapshot.id))
    try fixture.expectWhole([1, 2])
  }

  @Test func aDryRunWritesNothing() throws {
    let storage = MemoryStorage()
    let fixture = try fixture(storage)
    try fixture.backUp(1)
    let before = storage.contents
    var options = WriterOptions()
    options.dryRun = true
    options.checkpointBytes = 1
    try fixture.backUp(7, options: options)
    #expect(storage.contents == before)
    try WriterFixture(TestRepository.open(ReadOnlyStorage(storage))).backUp(7, options: options)
    #expect(storage.contents == before)
  }
}

extension SessionWriter {
  /// Waits for the savers, without writing anything else.
  fileprivate func waitUntilStored() { while !packs.isIdle { _ = SystemClock.monotonicNanoseconds() } }

  /// Waits for the savers and closes the open packs, without writing a delta.
  fileprivate func flushPacksOnly() throws {
    waitUntilStored()
    try packs.closePacks()
  }
}
