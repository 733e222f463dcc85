import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// Trees that change from backup to backup, in a repository of small packs.
struct PruneFixture {
  let files: BackupFixture
  let storage: any Storage
  let repository: Repository

  init(memory: MemoryStorage = MemoryStorage(), wrapped: ((MemoryStorage) -> any Storage)? = nil) throws {
    files = try BackupFixture()
    storage = wrapped?(files.storage) ?? files.storage
    var config = files.repository.config
    config.dataPackBytes = 128 << 10
    config.treePackBytes = 64 << 10
    let base = files.repository
    repository = Repository(
      storage: storage, keys: base.keys, config: config, options: base.options, slot: base.currentSlot, info: base.currentSlotInfo,
      master: base.master, sink: NoProgress())
  }

  /// Files of the number and its neighbours: half of what one snapshot has is in the next one too.
  func change(to number: Int) throws {
    for old in 0..<12 where old != number && old != number + 1 {
      if (try? files.remove("part\(old)")) != nil { continue }  // not there: as wanted
    }
    for part in [number, number + 1] {
      try files.mkdir("part\(part)")
      var random = SplitMix64(seed: UInt64(part))
      for file in 0..<20 { try files.source.write("part\(part)/f\(file)", random.bytes(1 + Int(random.next() % 40_000))) }
    }
    // Shares its group with what changes.
    for file in 0..<5 { try files.source.write("constant\(file)", Array("the same \(file)".utf8)) }
  }

  @discardableResult
  func backup(_ number: Int) throws -> Snapshot {
    try change(to: number)
    let report = try repository.backup(files.options { $0.kind = .full }, context: RunContext(threads: 2))
    return try #require(report.snapshot)
  }

  func prune(threads: Int = 2, _ change: (inout PruneOptions) -> Void = { _ in }) throws -> PruneReport {
    var options = PruneOptions()
    change(&options)
    return try repository.prune(options, context: RunContext(threads: threads))
  }

  func forget(_ snapshots: Snapshot...) throws {
    try repository.appendLog { log in
      var record = LogRecord(next: log)
      record.forget = snapshots.map(\.id)
      return record
    }
  }

  /// Two snapshots, of the numbers 0 and 5. All that only the first needs is condemned: it was committed by a session that had begun before
  /// the snapshot it took that from was forgotten. The session that is returned runs still, so that nothing is swept.
  func commitWhatIsCondemned() throws -> (second: Snapshot, other: Snapshot, slow: SessionWriter) {
    let first = try backup(0)
    let other = try backup(5)
    let begin = { try SessionWriter.begin(repository, description: SessionWriterTests.description, context: RunContext()) }
    let (session, slow) = (try begin(), try begin())
    try forget(first)
    #expect(try prune().waitingFor.count == 2)
    let second = try session.run { writer in
      var manifest = WriterFixture.manifest(7, root: first.manifest.root)
      manifest.rootNodeItem = first.manifest.rootNodeItem
      return try writer.commit(manifest)
    }
    return (second, other, slow)
  }

  /// Expects exactly these snapshots, each with all that the files of its number held.
  func expectWhole(_ snapshots: [(Int, Snapshot)], _ comment: Comment? = nil) throws {
    let view = try repository.loadView()
    #expect(view.problems.isEmpty, comment)
    #expect(Set(view.snapshots.map(\.id)) == Set(snapshots.map(\.1.id)), comment)
    for (number, snapshot) in snapshots {
      try change(to: number)
      let target = TemporaryDirectory()
      let options = RestoreOptions(snapshot: snapshot, target: target.path)
      let report = try repository.restore(options, context: RunContext(threads: 2))
      #expect(report.problems == 0, comment)
      #expect(
        try TreeSnapshot(files.source.path).differences(from: try TreeSnapshot(target.path), where: { _ in true })
          .filter { !$0.contains("mtime") && !$0.contains("time") } == [], comment)
    }
    let check = try repository.check(CheckOptions(readData: .all))
    #expect(check.errors.map(\.sentence) == [], comment)
  }

  var packBytes: Int { files.storage.contents.filter { $0.key.kind == .packs }.values.reduce(0) { $0 + $1.count } }
  func count(_ kind: ObjectKey.Kind) -> Int { files.storage.contents.keys.filter { $0.kind == kind }.count }
}

@Suite struct PruneTests {
  @Test(arguments: [1, 2]) func whatForgottenSnapshotsHeldIsFreedAndTheOthersRestore(threads: Int) throws {
    let f = try PruneFixture()
    let all = try (0..<6).map { ($0, try f.backup($0)) }
    try f.forget(all[0].1, all[1].1, all[4].1)
    let before = f.packBytes
    let report = try f.prune(threads: threads) { $0.maxUnused = .bytes(0) }
    #expect(report.deleted.count > 0 && f.packBytes < before)
    #expect(report.waitingFor.isEmpty)
    try f.expectWhole([all[2], all[3], all[5]])
    #expect(f.count(.log) == 1 && f.count(.commits) == 0 && f.count(.sessions) == 0 && f.count(.snapshots) == 3)
    // Nothing is left to do.
    let again = try f.prune()
    #expect(again.deleted.count == 0 && again.writtenBytes == 0)
  }

  @Test func aPrunedRepositoryIsAsSmallAsOneThatNeverHadMore() throws {
    let f = try PruneFixture()
    let all = try (0..<8).map { ($0, try f.backup($0)) }
    for number in [0, 2, 3, 5, 6] { try f.forget(all[number].1) }
    _ = try f.prune { $0.maxUnused = .bytes(0) }
    let fresh = try PruneFixture()
    for number in [1, 4, 7] { try fresh.backup(number) }
    #expect(Double(f.packBytes) < Double(fresh.packBytes) * 1.1)
    try f.expectWhole([all[1], all[4], all[7]])
  }

  @Test func aDryRunChangesNothing() throws {
    let f = try PruneFixture()
    let all = try (0..<3).map { ($0, try f.backup($0)) }
    try f.forget(all[0].1)
    let before = f.files.storage.contents
    let report = try f.prune { $0.dryRun = true }
    #expect(report.isDryRun && report.unused.count > 0)
    #expect(f.files.storage.contents == before)
  }

  @Test func whatARunningBackupMayReferToIsLeftAlone() throws {
    let f = try PruneFixture()
    let first = try f.backup(0)
    try f.backup(5)
    let session = try SessionWriter.begin(f.repository, description: SessionWriterTests.description, context: RunContext())
    try f.forget(first)
    let packs = f.count(.packs)
    let report = try f.prune()
    #expect(report.waitingFor.map(\.session) == [session.session.hexadecimal])
    #expect(report.waiting.count > 0 && report.deleted.count == 0)
    #expect(f.count(.packs) >= packs)
    #expect(try f.prune().deleted.count == 0)
    session.abandon()
    #expect(try f.prune().deleted.count > 0)
  }

  @Test func whatABackupCommittedMeanwhileIsRescued() throws {
    let f = try PruneFixture()
    let first = try f.backup(0)
    let other = try f.backup(5)
    let session = try SessionWriter.begin(f.repository, description: SessionWriterTests.description, context: RunContext())
    try f.forget(first)
    #expect(try f.prune().waitingFor.count == 1)
    // It has seen the first snapshot before it was forgotten, and refers to all of it without storing anything.
    let second = try session.run { writer in
      var manifest = WriterFixture.manifest(7, root: first.manifest.root)
      manifest.rootNodeItem = first.manifest.rootNodeItem
      return try writer.commit(manifest)
    }
    let report = try f.prune()
    #expect(report.rescued.count > 0)
    try f.expectWhole([(0, second), (5, other)])
  }

  @Test func aSnapshotThatLiesInCondemnedPacksCanBeABase() throws {
    let f = try PruneFixture()
    let (second, other, slow) = try f.commitWhatIsCondemned()
    // All of the base is condemned for as long as the other one runs.
    try f.change(to: 0)
    let report = try f.repository.backup(
      f.files.options {
        $0.kind = .incremental
        $0.parent = second.idHex
      }, context: RunContext(threads: 2))
    let third = try #require(report.snapshot)
    #expect(report.problems == 0)
    slow.abandon()
    _ = try f.prune()
    try f.expectWhole([(0, second), (0, third), (5, other)])
  }

  @Test func aSilentBackupIsRevokedAndCannotCommit() throws {
    let f = try PruneFixture()
    let first = try f.backup(0)
    try f.backup(5)
    let session = try SessionWriter.begin(f.repository, description: SessionWriterTests.description, context: RunContext())
    try f.forget(first)
    let report = try f.prune { $0.revokeAfterSeconds = 0 }
    #expect(report.revoked == [session.session.hexadecimal])
    #expect(report.deleted.count > 0)
    let error = #expect(throws: CairnError.self) {
      try session.run { try $0.commit(WriterFixture.manifest(7, root: first.manifest.root)) }
    }
    #expect(error?.code == .revoked)
    #expect(try f.repository.snapshots().snapshots.count == 1)
  }

  @Test func nothingIsDeletedWhileItIsUncertainWhatIsNeeded() throws {
    let f = try PruneFixture()
    let all = try (0..<4).map { ($0, try f.backup($0)) }
    try f.forget(all[0].1)
    let whole = f.files.storage.contents
    for kind in [ObjectKey.Kind.packs, .index, .commits, .snapshots] {
      for key in whole.keys.filter({ $0.kind == kind }).sorted() {
        f.files.storage.contents = whole
        f.files.storage.contents[key] = nil
        let damaged = f.files.storage.contents
        // Some of them nobody needs any more; then the rest must come back, else nothing may go.
        do { _ = try f.prune() } catch is CairnError {
          #expect(f.files.storage.contents.filter { $0.key.kind != .log } == damaged.filter { $0.key.kind != .log }, "\(key.path)")
        }
        let listed = Set(try f.repository.snapshots().snapshots.map(\.id))
        f.files.storage.contents.merge(whole.filter { $0.key == key }) { $1 }
        for one in all where listed.contains(one.1.id) {
          let target = TemporaryDirectory()
          let report = try f.repository.restore(RestoreOptions(snapshot: one.1, target: target.path), context: RunContext())
          #expect(report.problems == 0, "\(key.path)")
        }
      }
    }
  }

  @Test func smallObjectsStayFewHoweverLongItGoesOn() throws {
    let f = try PruneFixture()
    var last: [(Int, Snapshot)] = []
    for round in 0..<30 {
      last.append((round % 8, try f.backup(round % 8)))
      if last.count > 2 { try f.forget(last.removeFirst().1) }
      if round % 3 == 2 { _ = try f.prune() }
    }
    _ = try f.prune()
    for kind in [ObjectKey.Kind.log, .commits, .index, .sessions, .snapshots] { #expect(f.count(kind) <= 6, "\(kind)") }
    try f.expectWhole(last)
  }

  @Test func whatADeadBackupLeftIsFreed() throws {
    let f = try PruneFixture()
    let kept = try f.backup(0)
    let writer = WriterFixture(f.repository)
    let session = try writer.begin()
    try session.run { session in
      let worker = session.makeWorker()
      for blob in WriterFixture.blobs(3) { _ = try worker.put(blob, .data) }
      try worker.flush()
      try session.flush()
    }
    let packs = f.count(.packs)
    #expect(try f.prune().pendingPacks.count > 0)
    let key = try #require(ObjectKey(kind: .sessions, name: session.session.hexadecimal))
    f.files.storage.contents[key] = try writer.recordOfTheDead(session.session)
    // The next backup could begin with what it has stored.
    #expect(try f.prune().pendingPacks.count > 0)
    let report = try f.prune { $0.revokeAfterSeconds = 0 }
    #expect(report.unreferenced.count > 0 && f.count(.packs) < packs)
    try f.expectWhole([(0, kept)])
  }

  @Test func whoHasOpenedTheRepositoryBeforeGoesOnReading() throws {
    let f = try PruneFixture()
    let all = try (0..<4).map { ($0, try f.backup($0)) }
    let old = try f.repository.loadView()
    for number in [0, 2, 3] { try f.forget(all[number].1) }
    #expect(try f.prune { $0.maxUnused = .bytes(0) }.repacked.count > 0)
    for name in ["part1", "part2"] {
      let tree = try #require(try old.trees.rootNode(of: all[1].1).subtree)
      let folder = try #require(try old.trees.find([Array(name.utf8)], in: tree)?.subtree)
      var cursor = try old.trees.cursor(folder)
      while let node = try cursor.next() {
        var content = old.trees.content(node)
        while let item = try content.next() { if let id = item.id { _ = try old.blobs.read(id, .data) } }
      }
    }
  }

  @Test func onAFullDiskWhatIsWhollyUnusedGoes() throws {
    let f = try PruneFixture(wrapped: { FaultyStorage($0) })
    let faulty = try #require(f.storage as? FaultyStorage)
    let all = try (0..<6).map { ($0, try f.backup($0)) }
    for number in 0..<5 { try f.forget(all[number].1) }
    faulty.plan { call, kind in
      kind == .packs && (call == .begin || call == .append) || kind == .index && call == .put ? .refuse(.noSpace("The disk is full.")) : nil
    }
    let report = try f.prune { $0.maxUnused = .bytes(0) }
    #expect(report.postponed.count > 0 && report.deleted.count > 0)
    faulty.plan { _, _ in nil }
    _ = try f.prune { $0.maxUnused = .bytes(0) }
    try f.expectWhole([all[5]])
    #expect(f.count(.log) == 1)
  }

  /// Every pack that has garbage holds needed data, too: two snapshots, of which the first one's other half is forgotten.
  private func interleaved() throws -> (fixture: PruneFixture, storage: FullStorage, kept: Snapshot) {
    let f = try PruneFixture(wrapped: { FullStorage($0) })
    func write(_ isWanted: (Int) -> Bool) throws -> Snapshot {
      for file in 0..<60 {
        var random = SplitMix64(seed: UInt64(1000 + file))
        if isWanted(file) { try f.files.source.write("f\(file)", random.bytes(30_000)) } else { try f.files.remove("f\(file)") }
      }
      return try #require(try f.repository.backup(f.files.options { $0.kind = .full }, context: RunContext(threads: 2)).snapshot)
    }
    let first = try write { _ in true }
    let kept = try write { $0 % 2 == 0 }
    try f.forget(first)
    _ = try f.prune { $0.maxUnused = .unlimited }
    return (f, try #require(f.storage as? FullStorage), kept)
  }

  @Test(arguments: [1, 2]) func onAFullDiskEachPackWrittenAnewMakesRoomForMore(threads: Int) throws {
    let (f, storage, kept) = try interleaved()
    let before = f.packBytes
    // Room for one pack's needed half.
    storage.fill(free: 0, reserve: Repository.recordReserve + (100 << 10))
    let report = try f.prune(threads: threads) { $0.maxUnused = .bytes(0) }
    #expect(report.postponed.count == 0 && report.repacked.count > 8 && report.total.bytes == UInt64(before))
    #expect(f.packBytes < before * 6 / 10)
    #expect(report.writtenBytes > UInt64(before) / 4 && report.writtenBytes < UInt64(before))
    #expect(storage.reserve > 0, "some is left for the next records")
    storage.fill(free: 8 << 20, reserve: 0)
    let view = try f.repository.loadView()
    #expect(view.snapshots.map(\.id) == [kept.id])
    let check = try f.repository.check(CheckOptions(readData: .all))
    #expect((check.errors + check.hints).map(\.sentence) == [])
    #expect(try f.prune { $0.maxUnused = .bytes(0) }.deleted.count == 0)
  }

  @Test(arguments: [0, 20_000]) func whereNotOnePackHasRoomNothingIsLeftBehind(free: Int) throws {
    let (f, storage, kept) = try interleaved()
    storage.fill(free: free, reserve: 0)
    let before = f.files.storage.contents
    let error = #expect(throws: CairnError.self) { try f.prune { $0.maxUnused = .bytes(0) } }
    #expect(error?.code == .noSpace && f.files.storage.contents == before)
    storage.fill(free: 8 << 20, reserve: 0)
    _ = try f.prune { $0.maxUnused = .bytes(0) }
    #expect(try f.repository.snapshots().snapshots.map(\.id) == [kept.id])
    #expect(try f.repository.check(CheckOptions(readData: .all)).errors.map(\.sentence) == [])
  }

  @Test func whatIsForgottenComesBackAfterACheckpointThatTookNothing() throws {
    let f = try PruneFixture()
    try f.change(to: 0)
    let all = try (0..<34).map { _ in
      try #require(try f.repository.backup(f.files.options { $0.kind = .full }, context: RunContext(threads: 2)).snapshot)
    }
    try f.repository.amend([(all[3].id, tags: [Array("kept".utf8)], description: nil)])
    try f.forget(all[3])
    let packs = f.count(.packs)
    _ = try f.prune { $0.maxUnused = .unlimited }
    #expect(f.count(.commits) == 0 && f.count(.log) == 1 && f.count(.packs) == packs, "all is in a checkpoint")
    #expect(try f.repository.snapshots().snapshots.count == 33)
    let forgotten = try f.repository.forgottenSnapshots()
    #expect(forgotten.snapshots.map(\.id) == [all[3].id] && forgotten.lostIDs.isEmpty)
    #expect(try f.repository.undoForget(forgotten.snapshots) == 1)
    let back = try #require(try f.repository.snapshots().snapshots.first { $0.id == all[3].id })
    #expect(back.manifest.tags == [Array("kept".utf8)])
    #expect(try f.repository.check(CheckOptions(readData: .all)).errors.map(\.sentence) == [])
    // A sweep ends that.
    try f.forget(back)
    let other = try f.backup(4)
    try f.forget(other)
    #expect(try f.prune { $0.maxUnused = .bytes(0) }.deleted.count > 0)
    #expect(try f.repository.forgottenSnapshots().snapshots.isEmpty)
    #expect(f.count(.snapshots) == 33)
  }
}
