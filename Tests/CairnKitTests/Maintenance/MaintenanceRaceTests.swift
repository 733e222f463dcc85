import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// Maintenance that meets damage, others at work and storages that misbehave at the worst moment.
@Suite struct MaintenanceRaceTests {
  private func chunks(_ view: RepositoryView, _ id: BlobID) throws -> [BlobID] {
    switch try view.trees.node(id) {
    case .inner(let items): return try items.flatMap { try chunks(view, $0.id) }
    case .leaf(let nodes):
      return try nodes.flatMap { node -> [BlobID] in
        if let tree = node.subtree { return try chunks(view, tree) }
        if case .items(let items) = node.content { return items.compactMap(\.id) }
        return []
      }
    default: return []
    }
  }

  private func backup(_ f: PruneFixture) throws -> Snapshot {
    try #require(try f.repository.backup(f.files.options { $0.kind = .full }, context: RunContext(threads: 2)).snapshot)
  }

  /// Stores blobs that the repository has once more, each followed by garbage.
  private func store(_ ids: [BlobID], of view: RepositoryView, _ session: SessionWriter, garbage: Int) throws {
    var random = SplitMix64(seed: 5)
    try session.run { writer in
      let worker = writer.makeWorker()
      for id in ids {
        _ = try worker.put(try view.blobs.read(id, .data), .data)
        if garbage > 0 { _ = try worker.put(random.bytes(garbage), .data) }
      }
      try worker.flush()
      try writer.flush()
      writer.abandon()
    }
  }

  /// Two snapshots, the second with every second file of the first; and a session that has seen neither.
  private func twoSnapshots(_ f: PruneFixture) throws -> (session: SessionWriter, first: Snapshot, second: Snapshot) {
    let session = try SessionWriter.begin(f.repository, description: SessionWriterTests.description, context: RunContext())
    var random = SplitMix64(seed: 4)
    for file in 10..<40 { try f.files.source.write("f\(file)", random.bytes(20_000)) }
    let first = try backup(f)
    for file in stride(from: 10, to: 40, by: 2) { try f.files.remove("f\(file)") }
    return (session, first, try backup(f))
  }

  // MARK: - Prune

  @Test func theGoodCopyStaysWhereTheOtherCannotBeCopied() throws {
    let f = try PruneFixture()
    let (session, first, second) = try twoSnapshots(f)
    var view = try f.repository.loadView()
    let ids = try chunks(view, second.manifest.root)
    try store(ids, of: view, session, garbage: 40_000)
    try f.forget(first)
    view = try f.repository.loadView()
    let id = try #require(ids.first)
    let place = try #require(try view.index.locate(id.key))
    #expect(try view.index.locations(id.key).count == 2)
    f.files.storage.contents[try place.frame.pack.key()]?[Int(place.frame.offset) + 20] ^= 1
    _ = try f.prune { $0.maxUnused = .bytes(0) }
    view = try f.repository.loadView()
    for id in ids { #expect(throws: Never.self) { try view.blobs.read(id, .data) } }
  }

  @Test func aCopyThatWasLostMeanwhileIsNoReasonToDeleteTheOther() throws {
    let f = try PruneFixture()
    let (session, first, _) = try twoSnapshots(f)
    let view = try f.repository.loadView()
    // All of it twice: whichever copies count, the packs of the others are needed by nobody.
    let ids = try chunks(view, first.manifest.root)
    try store(ids, of: view, session, garbage: 0)
    let slow = try SessionWriter.begin(f.repository, description: SessionWriterTests.description, context: RunContext())
    #expect(try f.prune { $0.maxUnused = .unlimited }.waiting.count > 0)
    let condemned = try LogState.readComplete(f.storage, keys: f.repository.keys).unusablePacks
    let index = try f.repository.loadView().index
    let id = try #require(try ids.first { try index.locations($0.key).contains { condemned.contains($0.frame.pack.packName) } })
    let kept = try #require(try index.locations(id.key).map(\.frame.pack).first { !condemned.contains($0.packName) })
    f.files.storage.contents[try kept.key()] = nil
    slow.abandon()
    // What is lost elsewhere may end it, after the sweep.
    do { _ = try f.prune() } catch let error as CairnError { #expect(error.code == .damaged) }
    #expect(throws: Never.self) { try f.repository.loadView().blobs.read(id, .data) }
  }

  @Test func aBackupThatEndsWhilePruneBeginsIsNoDamage() throws {
    let f = try PruneFixture(wrapped: { FaultyStorage($0) })
    let faulty = try #require(f.storage as? FaultyStorage)
    try f.backup(0)
    try f.change(to: 4)
    let (repository, options, lists) = (f.files.repository, f.files.options { $0.kind = .full }, CallCount())
    faulty.plan { call, kind in
      // The packs have been listed by then.
      if call == .list, kind == .sessions, lists.next() == 1 { _ = try? repository.backup(options, context: RunContext(threads: 2)) }
      return nil
    }
    #expect(try f.prune().deleted.count == 0)
    #expect(try f.repository.snapshots().snapshots.count == 2)
  }

  @Test func aRecordThatCannotBeReadOnceIsNoReasonToDeleteWhatItNames() throws {
    let f = try PruneFixture(wrapped: { FaultyStorage($0) })
    let faulty = try #require(f.storage as? FaultyStorage)
    let first = try f.backup(0)
    let second = try f.backup(5)
    try f.forget(first)
    _ = try f.prune()
    // The checkpoint is not the newest record, so what follows it can be read without it.
    try f.repository.amend([(second.id, tags: [Array("kept".utf8)], description: nil)])
    var refused = 0
    for number in 1...60 {
      let reads = CallCount()
      faulty.plan { call, kind in
        call == .read && kind == .log && reads.next() == number ? .refuse(.io("The answer does not come.")) : nil
      }
      do { _ = try f.prune() } catch is CairnError { refused += 1 }
      faulty.plan { _, _ in nil }
      let index = try LogState.readComplete(f.storage, keys: f.repository.keys).index
      #expect(!index.isEmpty)
      for name in index { #expect(f.files.storage.contents[ObjectKey(kind: .index, name: name) ?? .config] != nil, "read \(number)") }
    }
    #expect(refused > 0 && refused < 60)
    try f.expectWhole([(5, second)])
  }

  @Test func anyTimeInAnAnnouncementIsSurvived() throws {
    let f = try PruneFixture()
    try f.backup(0)
    let session = SessionID(random: [UInt8](repeating: 7, count: 12), epoch: 0)
    let client = [UInt8](repeating: 1, count: 16).withUnsafeBytes { ClientID(bytes: $0) }
    let record = SessionRecord(kind: .backup, client: client, started: Timestamp(seconds: .min))
    let bytes = try Records.seal(.session, LogicalName.session(session), f.repository.keys, "it") { try record.encode() }
    try Records.put(.sessions, session.hexadecimal, bytes, f.storage)
    #expect(try f.prune().revoked == [session.hexadecimal])
    #expect(throws: Never.self) { try f.prune { $0.maxUnused = .percent(-1) } }
  }

  // MARK: - The log

  @Test func aRecordBelowACheckpointThatCannotBeReadDoesNotCount() throws {
    let f = try PruneFixture()
    let first = try f.backup(0)
    try f.backup(5)
    let late = LogRecord(next: try LogState.readComplete(f.storage, keys: f.repository.keys))
    try f.forget(first)
    _ = try f.prune()
    let keys = f.files.storage.contents.keys.filter { $0.kind == .log }
    #expect(keys.count == 1)
    f.files.storage.contents[try #require(keys.first)]?[40] ^= 1
    let error = #expect(throws: CairnError.self) { try f.repository.tryAppend(late) }
    #expect(error?.code == .damaged)
  }

  @Test func aPlaceThatAnotherTookAndACheckpointEmptiedIsLost() throws {
    let f = try PruneFixture(wrapped: { FaultyStorage($0) })
    let faulty = try #require(f.storage as? FaultyStorage)
    let record = LogRecord(next: try LogState.readComplete(f.storage, keys: f.repository.keys))
    let reads = CallCount()
    let key = try Records.key(.log, Records.logName(0))
    faulty.plan { call, kind in
      guard kind == .log else { return nil }
      if call == .read, reads.next() == 1 { return .refuse(.notFound(key)) }
      return call == .putIfAbsent ? .repeatCall : nil
    }
    #expect(try !f.repository.tryAppend(record))
  }

  @Test func aLogThatNeverStandsStillEndsInAnError() throws {
    let f = try PruneFixture(wrapped: { FaultyStorage($0) })
    let faulty = try #require(f.storage as? FaultyStorage)
    let (memory, lists) = (f.files.storage, CallCount())
    faulty.plan { call, kind in
      if call == .list, kind == .log, let key = ObjectKey(kind: .log, name: Records.logName(UInt64(lists.next()))) {
        memory.contents[key] = [1]
      }
      return nil
    }
    let error = #expect(throws: CairnError.self) { try f.repository.loadView() }
    #expect(error?.code == .conflict)
  }

  // MARK: - Repair

  @Test func whatARepairHasWrittenAndLostIsNotTakenForSaved() throws {
    let f = try PruneFixture()
    try f.backup(0)
    let name = try #require(try RepositoryState.read(f.storage, keys: f.repository.keys).countingDeltas.first)
    let pack = try #require(try Records.delta(name, f.storage, f.repository.keys).packs.first)
    let key = try #require(ObjectKey(kind: .packs, name: PackName(hash: pack.hash, owner: pack.owner).name))
    f.files.storage.contents[key] = nil
    let checkpoint = RepairCheckpoint(repository: f.repository, options: RepairOptions(), context: RunContext(threads: 2))
    let error = #expect(throws: CairnError.self) { try checkpoint.put(adding: [name]) }
    #expect(error?.code == .conflict)
  }

  @Test func noPackLeavesAfterMaintenanceHasTakenWhatWasCountedOn() throws {
    let subject = try CheckSubject(.memory)
    let frame = try subject.frame(of: "one")
    let key = try frame.pack.key()
    try subject.flip(key, at: Int(frame.offset) + 20)
    let repository = try subject.open()
    var options = PackRepairOptions()
    options.repair.onPlan = { _ in
      // Stands for a prune that drops second copies.
      do { try repository.appendLog { LogRecord(next: $0) } } catch { Issue.record(error) }
    }
    let error = #expect(throws: CairnError.self) { try repository.repairPacks(options, context: CheckSubject.context()) }
    #expect(error?.code == .conflict && subject.aside.isEmpty)
    #expect(try repository.storedPacks()[frame.pack.packName] != nil)
  }

  @Test func noSnapshotIsMadeFromOneThatMaintenanceMayHaveTakenApart() throws {
    let subject = try CheckSubject(.memory)
    try subject.replace(try subject.pack(of: "one"), nil)
    _ = try subject.open().repairPacks(PackRepairOptions(), context: CheckSubject.context())
    let repository = try subject.open()
    var options = SnapshotRepairOptions()
    options.repair.onPlan = { [damaged = subject.snapshots[2].id] _ in
      // Stands for a forget and a prune.
      do {
        try repository.appendLog { log in
          var record = LogRecord(next: log)
          record.forget = [damaged]
          return record
        }
      } catch { Issue.record(error) }
    }
    // It looks again, and finds that there is none to take the place of.
    #expect(try repository.repairSnapshots(options, context: CheckSubject.context()).replaced.isEmpty)
    #expect(try repository.snapshots().snapshots.map(\.id) == subject.snapshots.dropLast().map(\.id))
  }
}
