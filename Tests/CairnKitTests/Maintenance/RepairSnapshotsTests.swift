import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct RepairSnapshotsTests {
  private func repair(_ subject: CheckSubject, forget: Bool = false, dryRun: Bool = false) throws -> RepairReport {
    var options = SnapshotRepairOptions()
    options.forget = forget
    options.repair.dryRun = dryRun
    return try subject.open().repairSnapshots(options, context: CheckSubject.context())
  }

  private func repairPacks(_ subject: CheckSubject) throws -> RepairReport {
    try subject.open().repairPacks(PackRepairOptions(), context: CheckSubject.context())
  }

  private func paths(_ view: RepositoryView, _ snapshot: Snapshot) throws -> Set<String> {
    var found = Set<String>()
    var walk = TreeWalk(view.trees, root: snapshot.manifest.root)
    while try walk.next({ _, error in throw error }) != nil { found.insert(text(walk.path)) }
    return found
  }

  @Test func aSoundRepositoryIsLeftAsItIs() throws {
    let subject = try CheckSubject(.memory)
    let memory = try #require(subject.storage as? MemoryStorage)
    let before = memory.contents
    #expect(!(try repair(subject, forget: true).foundDamage) && memory.contents == before)
  }

  @Test func aLostFileIsLeftOutAndAllElseStays() throws {
    let subject = try CheckSubject(.memory)
    try subject.replace(try subject.pack(of: "one"), nil)
    _ = try repairPacks(subject)
    let dry = try repair(subject, dryRun: true)
    #expect(dry.lost.map { text($0.path) } == ["/one"] && dry.replaced.isEmpty)
    let first = try repair(subject)
    #expect(first.replaced.map(\.old) == [subject.snapshots[2].idHex] && first.lost.map { text($0.path) } == ["/one"])
    // A second run makes no third snapshot.
    let second = try repair(subject, forget: true)
    #expect(second.replaced.isEmpty && second.forgotten == [subject.snapshots[2].idHex])
    let view = try subject.open().loadView()
    let replacement = try #require(view.snapshots.first { $0.idHex == first.replaced.first?.new })
    #expect(view.snapshots.count == 3 && replacement.manifest.flags.contains(.partial))
    #expect(replacement.manifest.time == subject.snapshots[2].manifest.time)
    #expect(text(replacement.manifest.description).contains("repaired from \(subject.snapshots[2].shortID), without 1 file"))
    #expect(try paths(view, replacement) == ["/keep", "/dir", "/dir/two", "/dir/three"])
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
    #expect(!(try repair(subject).foundDamage))
    // Forgetting can be undone until a prune.
    #expect(try subject.open().undoForget([subject.snapshots[2]]) == 1)
  }

  @Test func aLostDirectoryStaysEmpty() throws {
    // Every directory in a frame of its own.
    let subject = try CheckSubject(.memory, groupBytes: 0)
    let view = try subject.open().loadView()
    let dir = try view.node(at: components("dir"), in: view.snapshots[0])
    let lost = try #require(dir.subtree)
    let frame = try #require(try view.index.locate(lost.key)).frame
    try subject.flip(try frame.pack.key(), at: Int(frame.offset) + 20)
    #expect(try repairPacks(subject).blobsLost == 1)
    let report = try repair(subject, forget: true)
    #expect(Set(report.lost.map { text($0.path) }) == ["/dir"] && report.replaced.count == 3)
    let after = try subject.open().loadView()
    for snapshot in after.snapshots {
      #expect(try paths(after, snapshot).isSuperset(of: ["/keep", "/dir"]) && !(try paths(after, snapshot).contains("/dir/two")))
    }
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
  }

  @Test(arguments: [DamageWay.missing, .flipped])
  func aSnapshotWithoutManifestIsForgottenWhenTold(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let snapshot = subject.snapshots[1]
    let key = try Records.key(.snapshots, ManifestName(session: snapshot.id, hash: try #require(snapshot.object)).name)
    try subject.damage(key, way)
    let first = try repair(subject)
    #expect(first.steps.map(\.object) == [key.path] && first.forgotten.isEmpty && first.lost.map { text($0.path) } == ["/"])
    #expect(try subject.check().hasLoss)
    let second = try repair(subject, forget: true)
    #expect(second.forgotten == [snapshot.idHex] && subject.aside == (way == .missing ? [] : ["quarantine/" + key.path]))
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
    _ = try subject.open().prune(context: CheckSubject.context())
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
  }

  @Test func nothingIsGivenUpBeforeThePacksAreRepaired() throws {
    let subject = try CheckSubject(.memory)
    try subject.replace(try subject.pack(of: "one"), nil)
    let error = #expect(throws: CairnError.self) { try repair(subject) }
    #expect(error?.guidance?.contains("repair packs") == true)
  }

  /// A snapshot that has lost a file, in a storage whose calls go wrong as planned.
  private func damaged() throws -> (subject: CheckSubject, storage: FaultyStorage) {
    let subject = try CheckSubject(.memory)
    try subject.replace(try subject.pack(of: "one"), nil)
    _ = try repairPacks(subject)
    return (subject, FaultyStorage(subject.storage))
  }

  @Test func whatIsCondemnedIsTakenBackBeforeItIsBuiltUpon() throws {
    let (subject, _) = try damaged()
    let pack = try #require(PackName(subject.pack(of: "keep").name))
    let old = subject.snapshots[0]
    try subject.open().appendLog { log in
      var record = LogRecord(next: log)
      (record.condemn, record.forget) = ([pack], [old.id])
      return record
    }
    #expect(try repair(subject, dryRun: true).replaced.isEmpty)
    #expect(!(try subject.open().readState().log.condemned.isEmpty))
    #expect(try repair(subject, forget: true).replaced.count == 1)
    #expect(try subject.open().readState().log.condemned.isEmpty)
    #expect(try subject.open().forgottenSnapshots().snapshots.contains { $0.id == old.id }, "nothing was swept")
    _ = try subject.open().prune(context: CheckSubject.context())
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
  }

  @Test(arguments: [false, true]) func aRevokedRepairBeginsAgain(withRecord: Bool) throws {
    let (subject, storage) = try damaged()
    let count = CallCount()
    let keys = try subject.open().keys
    storage.plan { [base = subject.storage] call, kind in
      guard call == .put, kind == .snapshots, count.next() == 1 else { return nil }
      // Maintenance that does not wait.
      try? base.list(.sessions) { key, _ in
        if let session = SessionID(hex: key.name) { _ = try Records.resolve(session, as: .revoked, base, keys) }
      }
      if withRecord { try? TestRepository.open(base).appendLog { LogRecord(next: $0) } }
      return nil
    }
    let report = try TestRepository.open(storage).repairSnapshots(SnapshotRepairOptions(), context: CheckSubject.context())
    #expect(count.next() == 3, "the manifest was written twice")
    #expect(report.replaced.map(\.old) == [subject.snapshots[2].idHex] && report.steps.count == 1)
    #expect(try subject.open().snapshots().snapshots.count == 4)
    #expect(try repair(subject, forget: true).replaced.isEmpty)
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
  }

  @Test func afterAnErrorOfTheStorageNothingMoreIsWritten() throws {
    let (subject, storage) = try damaged()
    let before = try subject.objects(.commits)
    storage.plan { call, kind in call == .put && kind == .snapshots ? .refuse(.io("The disk is broken.")) : nil }
    let error = #expect(throws: CairnError.self) {
      try TestRepository.open(storage).repairSnapshots(SnapshotRepairOptions(), context: CheckSubject.context())
    }
    #expect(error?.code == .storage && error?.message.contains("The disk is broken") == true)
    #expect(try subject.objects(.commits) == before)
  }
}
