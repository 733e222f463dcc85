import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKit

/// Maintenance decides sessions while their runs are at work.
@Suite struct RevocationTests {
  private let storage = MemoryStorage()

  private func fixture() throws -> WriterFixture { WriterFixture(try TestRepository.create(storage)) }

  private func decision(_ session: SessionID, _ fixture: WriterFixture) throws -> CommitRecord.Decision? {
    try RepositoryState.read(storage, keys: fixture.repository.keys).registers[session]?.decision
  }

  /// Makes a snapshot, calling `disturb` with the session of each attempt when all is stored and nothing is committed.
  @discardableResult
  private func write(
    _ fixture: WriterFixture, _ number: Int, context: RunContext = RunContext(), repeats: Bool = true,
    disturb: @escaping (SessionWriter) throws -> Void
  ) throws -> (snapshot: Snapshot, stored: UInt64) {
    try SessionWriter.write(
      to: fixture.repository, description: SessionWriterTests.description, context: context, repeats: repeats
    ) { writer in
      let worker = writer.makeWorker()
      for blob in WriterFixture.blobs(number) { _ = try worker.put(blob, .data) }
      let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
      try worker.flush()
      try writer.flush()
      try disturb(writer)
      return (try writer.commit(WriterFixture.manifest(number, root: root)), writer.statistics.bytesStored)
    }
  }

  @Test(arguments: [false, true]) func aRevokedRunIsRepeatedAndAdoptsWhatItStored(_ handsOver: Bool) throws {
    let fixture = try fixture()
    let sink = RecordingSink()
    var sessions: [SessionID] = []
    let result = try write(fixture, 1, context: RunContext(sink: sink)) { writer in
      sessions.append(writer.session)
      if handsOver { try writer.handOver() }
      guard sessions.count < 3 else { return }
      #expect(try Records.resolve(writer.session, as: .revoked, storage, fixture.repository.keys) == .revoked)
    }
    #expect(sessions.count == 3 && result.snapshot.id == sessions[2] && result.stored == 0)
    #expect(sink.messages.filter { $0.contains("revoked") }.count == 2)
    try fixture.expectWhole([1])
    // Everything is in the packs of the first attempt.
    #expect(try fixture.keys(.packs).allSatisfy { PackFile.owner(of: $0) == sessions[0] })
    #expect(try fixture.keys(.sessions).isEmpty)
  }

  @Test func aRunThatIsRevokedAgainAndAgainEnds() throws {
    let fixture = try fixture()
    var attempts = 0
    let error = #expect(throws: CairnError.self) {
      try write(fixture, 1) { writer in
        attempts += 1
        _ = try Records.resolve(writer.session, as: .revoked, storage, fixture.repository.keys)
      }
    }
    #expect(error?.code == .revoked && attempts == SessionWriter.maximumAttempts)
    try fixture.backUp(1)
    try fixture.expectWhole([1])
    #expect(try fixture.keys(.sessions).isEmpty)
  }

  @Test func aRunThatCannotBeRepeatedEnds() throws {
    let fixture = try fixture()
    let error = #expect(throws: CairnError.self) {
      try write(fixture, 1, repeats: false) {
        _ = try Records.resolve($0.session, as: .revoked, storage, fixture.repository.keys)
      }
    }
    #expect(error?.code == .revoked)
  }

  @Test func whatWasCondemnedAndSweptMeanwhileIsStoredAgain() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    let old = try fixture.keys(.packs)
    var attempts = 0
    let result = try write(fixture, 1) { writer in
      attempts += 1
      guard attempts == 1 else { return }
      #expect(writer.statistics.bytesStored == 0)
      // Forgotten, condemned, the session revoked, swept: all while the run was suspended.
      let snapshot = try fixture.repository.snapshots().snapshots[0].id
      let names = old.compactMap { PackName($0.name) }.sorted()
      try fixture.appendLog {
        $0.forget = [snapshot]
        $0.condemn = names
      }
      _ = try Records.resolve(writer.session, as: .revoked, storage, fixture.repository.keys)
      try fixture.appendLog {
        $0.sweeps = [.init(record: 0, packs: names)]
        $0.start = $0.index
        $0.checkpoint = .init(index: [], below: 1, accepted: [])
      }
      for key in old { try storage.delete(key) }
    }
    #expect(attempts == 2 && result.stored > 0)
    try fixture.expectWhole([1])
  }

  @Test func aSnapshotThatACheckpointHasLeftOutIsMadeAgain() throws {
    let fixture = try fixture()
    var sessions: [SessionID] = []
    let result = try write(fixture, 1) { writer in
      sessions.append(writer.session)
      guard sessions.count == 1 else { return }
      try fixture.appendLog { _ in }
      // The session was revoked and its register is deleted: the run wins it, and it says nothing.
      try fixture.appendLog {
        $0.start = $0.index
        $0.checkpoint = .init(index: [], below: 1, accepted: [])
      }
    }
    #expect(sessions.count == 2 && result.snapshot.id == sessions[1] && result.stored == 0)
    try fixture.expectWhole([1])
  }

  @Test func aRegisterThatIsGoneAgainWhenItIsReadBackWasLost() throws {
    let faulty = FaultyStorage(storage)
    let fixture = WriterFixture(try TestRepository.create(faulty))
    var attempts = 0
    let result = try write(fixture, 1) { writer in
      attempts += 1
      guard attempts == 1 else { return }
      _ = try Records.resolve(writer.session, as: .revoked, storage, fixture.repository.keys)
      let register = try Records.key(.commits, writer.session.hexadecimal)
      faulty.plan { [storage] call, kind in
        if call == .read, kind == .commits { storage.contents[register] = nil }
        return nil
      }
    }
    #expect(attempts == 2 && result.stored == 0)
    try fixture.expectWhole([1])
  }

  // MARK: - Hand-overs

  @Test func aRevokedRunHandsOverNoMore() throws {
    let fixture = try fixture()
    let writer = try fixture.begin()
    let error = #expect(throws: CairnError.self) {
      try writer.run { writer in
        let worker = writer.makeWorker()
        for (number, blob) in WriterFixture.blobs(1).enumerated() {
          _ = try worker.put(blob, .data)
          try worker.flush()
          try writer.flush()
          if number == 3 { #expect(try Records.resolve(writer.session, as: .revoked, storage, fixture.repository.keys) == .revoked) }
          try writer.handOver()
        }
      }
    }
    #expect(error?.code == .revoked)
    let decisions = try (1...4).map { try decision(writer.session.handOver($0), fixture) }
    #expect(decisions == [.data, .data, .data, .revoked])
    #expect(try decision(writer.session, fixture) == .revoked)
    // What had counted counts on.
    let index = try fixture.repository.loadView().index
    let counts = try WriterFixture.blobs(1).map { try index.contains(fixture.repository.keys.blobID(.data, $0).key) }
    #expect(counts == [true, true, true] + [Bool](repeating: false, count: 13))
  }

  @Test func whoeverDecidesFirstIsRight() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    let done = try fixture.repository.snapshots().snapshots[0].id
    #expect(try Records.resolve(done, as: .revoked, storage, fixture.repository.keys) == .snapshot)
    try fixture.expectWhole([1])
    let other = SessionID(random: SystemRandom.bytes(12), epoch: 7)
    #expect(try Records.resolve(other, as: .abandoned, storage, fixture.repository.keys) == .abandoned)
    #expect(try Records.resolve(other, as: .revoked, storage, fixture.repository.keys) == .abandoned)
    #expect(other.handOver(1).epoch == 7 && other.handOver(1) != other.handOver(2))
  }

  @Test func aSnapshotStandsWithoutTheRegistersOfItsHandOvers() throws {
    let fixture = try fixture()
    let snapshot = try fixture.backUp(1)
    try storage.delete(Records.key(.commits, snapshot.id.handOver(1).hexadecimal))
    try fixture.expectWhole([1])
  }

  @Test(arguments: [1, 2]) func whatADamagedRegisterOfAHandOverNamesCanBeRead(_ number: UInt32) throws {
    let fixture = try fixture()
    let writer = try handedOver(fixture)
    storage.contents[try Records.key(.commits, writer.session.handOver(number).hexadecimal)]?[60] ^= 1
    let view = try fixture.repository.loadView()
    #expect(view.problems.count == 1)
    for blob in WriterFixture.blobs(1)[..<2] {
      #expect(try view.blobs.read(fixture.repository.keys.blobID(.data, blob), .data) == blob)
    }
  }

  // MARK: - Signs of life

  /// A run that has handed over twice and is still at work.
  private func handedOver(_ fixture: WriterFixture) throws -> SessionWriter {
    let writer = try fixture.begin()
    try writer.run { writer in
      let worker = writer.makeWorker()
      for blob in WriterFixture.blobs(1)[..<2] {
        _ = try worker.put(blob, .data)
        try worker.flush()
        try writer.flush()
        try writer.handOver()
      }
    }
    return writer
  }

  @Test func aLongRunGivesASignOfLifeThatOthersLeaveAlone() throws {
    let fixture = try fixture()
    let writer = try handedOver(fixture)
    let expected = [writer.session, writer.session.handOver(2)].map(\.hexadecimal).sorted()
    #expect(try fixture.keys(.sessions).map(\.name) == expected)
    #expect(
      try Records.session(writer.session.handOver(2), storage, fixture.repository.keys).predecessors == [writer.session])
    try fixture.backUp(3)
    #expect(try fixture.keys(.sessions).map(\.name) == expected)
    writer.abandon()
    #expect(try fixture.keys(.sessions).isEmpty)
  }

  @Test func whereNothingIsNewTheSignOfLifeIsRenewed() throws {
    let fixture = try fixture()
    try fixture.backUp(1)
    var options = WriterOptions()
    options.checkpointNanoseconds = 1
    try fixture.begin(options).run { writer in
      let worker = writer.makeWorker()
      let sign = try Records.key(.sessions, writer.session.handOver(1).hexadecimal)
      _ = try worker.put(WriterFixture.blobs(1)[0], .data)
      let first = try #require(storage.contents[sign])
      _ = try worker.put(WriterFixture.blobs(1)[1], .data)
      #expect(try #require(storage.contents[sign]) != first)
      #expect(try decision(writer.session.handOver(2), fixture) == nil)
      writer.abandon()
    }
    #expect(try fixture.keys(.sessions).isEmpty)
  }

  @Test func theSignOfLifeOfADeadRunIsTakenAway() throws {
    let fixture = try fixture()
    let writer = try handedOver(fixture)
    for key in try fixture.keys(.sessions) {
      storage.contents[key] = try fixture.recordOfTheDead(try #require(SessionID(hex: key.name)))
    }
    try fixture.backUp(1)
    #expect(try fixture.keys(.sessions).isEmpty)
    #expect(try decision(writer.session, fixture) == .abandoned)
    #expect(try decision(writer.session.handOver(3), fixture) == .abandoned)
    try fixture.expectWhole([1])
  }

  // MARK: - A whole backup

  /// Revokes each session it finds undecided, so many times.
  private final class Revoker: BackupHooks {
    private let fixture: BackupFixture
    private let left: Mutex<Int>
    init(_ fixture: BackupFixture, times: Int) {
      self.fixture = fixture
      left = Mutex(times)
    }
    func reached(_ point: BackupPoint, path: [UInt8]) {
      guard point == .read, String(decoding: path, as: UTF8.self).hasSuffix("/n399") else { return }
      left.withLock { left in
        guard left > 0 else { return }
        left -= 1
        for key in fixture.storage.contents.keys where key.kind == .sessions {
          guard let session = SessionID(hex: key.name) else { continue }
          do { _ = try Records.resolve(session, as: .revoked, fixture.storage, fixture.repository.keys) } catch { Issue.record(error) }
        }
      }
    }
  }

  @Test func aBackupWhoseSessionIsRevokedStillCompletes() throws {
    let f = try BackupFixture()
    try f.makeTree(seed: 5)
    let counters = ProgressCounters()
    let report = try f.backup(counters: counters) { $0.hooks = Revoker(f, times: 2) }
    let snapshot = try #require(report.snapshot)
    let nodes = try f.nodes(snapshot)
    for (path, node) in nodes where node.type == .file {
      #expect(try f.content(node) == f.source.read(String(path.dropFirst())), "\(path)")
    }
    #expect(nodes.values.filter { $0.type == .file }.count == 407)
    #expect((report.statistics.filesNew, counters.filesDone.value, report.problems) == (407, 407, 0))
    // Nothing but what was in open packs is stored by the last attempt.
    #expect(report.statistics.bytesStored < 100_000)
    #expect(f.sink.messages.contains { $0.contains("checking again") })
    #expect(!f.storage.contents.keys.contains { $0.kind == .sessions })
  }

  @Test func whatCameThroughTheStandardInputCannotBeReadAgain() throws {
    let f = try BackupFixture()
    let faulty = FaultyStorage(f.storage)
    let repository = try TestRepository.open(faulty)
    faulty.plan { [storage = f.storage] call, kind in
      guard call == .putIfAbsent, kind == .commits else { return nil }
      for key in storage.contents.keys where key.kind == .sessions {
        guard let session = SessionID(hex: key.name) else { continue }
        do { _ = try Records.resolve(session, as: .revoked, storage, repository.keys) } catch { Issue.record(error) }
      }
      return nil
    }
    var options = BackupOptions()
    options.standardInput = .init(name: Array("dump".utf8), origin: .command(["echo", "one"]))
    let error = #expect(throws: CairnError.self) { try repository.backup(options, context: RunContext()) }
    #expect(error?.code == .revoked && error?.guidance?.contains("standard input") == true)
  }
}
