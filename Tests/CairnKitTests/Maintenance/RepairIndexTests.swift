import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKit

@Suite struct RepairIndexTests {
  /// Checks that a repair has made everything whole, and that a second one has nothing to do.
  private func expectWhole(_ subject: CheckSubject, _ contents: [String: ObjectHash], _ where: SourceLocation = #_sourceLocation) throws {
    let report = try subject.check(.all)
    #expect(report.errors.map(\.sentence) == [], sourceLocation: `where`)
    #expect(try subject.contents() == contents, sourceLocation: `where`)
    let again = try subject.repairIndex()
    #expect(again.steps.map(\.sentence) == [] && again.movedAside == [], sourceLocation: `where`)
    try subject.add(["later": .noise(9, 30_000)], time: 9)
    #expect(try subject.check(.all).errors.map(\.sentence) == [], sourceLocation: `where`)
  }

  @Test func aSoundRepositoryIsLeftAsItIs() throws {
    let subject = try CheckSubject(.memory)
    let memory = try #require(subject.storage as? MemoryStorage)
    let before = memory.contents
    let report = try subject.repairIndex()
    #expect(!report.foundDamage && report.movedAside.isEmpty && memory.contents == before)
  }

  @Test(arguments: DamageWay.allCases)
  func aDamagedIndexObjectIsMadeAgainFromThePacks(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let key = try #require(try subject.objects(.index).first)
    try subject.damage(key, way)
    let dry = try subject.repairIndex(dryRun: true)
    #expect(dry.steps.map(\.object).contains(key.path) && subject.aside.isEmpty && dry.isDryRun)
    let report = try subject.repairIndex()
    #expect(report.steps.map(\.sentence) == dry.steps.map(\.sentence) && report.packsIndexed > 0)
    #expect(subject.aside == (way == .missing ? [] : ["quarantine/" + key.path]))
    try expectWhole(subject, contents)
  }

  @Test func theWholeIndexComesBackFromThePacks() throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    for key in try subject.objects(.index) { try subject.replace(key, nil) }
    let report = try subject.repairIndex()
    #expect(report.packsIndexed == UInt64(try subject.objects(.packs).count))
    try expectWhole(subject, contents)
  }

  @Test(arguments: DamageWay.allCases, [0, 1, 2])
  func aDamagedLogRecordIsNoDeadEnd(_ way: DamageWay, _ number: Int) throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    for tag in 0..<3 { try subject.tag(tag, "tag\(tag)") }
    // Sessions of a later time make it known that the log had three records.
    try subject.add(["other": .noise(5, 1000)], time: 5)
    let later = try subject.contents().filter { !contents.keys.contains($0.key) }
    let key = try #require(try subject.objects(.log).dropFirst(number).first)
    try subject.damage(key, way)
    let report = try subject.repairIndex()
    #expect(report.steps.first?.object == key.path && report.notes.contains { $0.contains("forgotten may be listed again") })
    // What was said by the others is kept.
    for tag in 0..<3 where tag != number { #expect(try subject.tags(tag) == ["tag\(tag)"]) }
    #expect(try subject.tags(number) == [])
    try expectWhole(subject, contents.merging(later) { $1 })
  }

  @Test func aLogThatIsGoneIsBegunBehindItsOldEnd() throws {
    let subject = try CheckSubject(.memory)
    for tag in 0..<3 { try subject.tag(tag, "tag\(tag)") }
    try subject.add(["other": .noise(5, 1000)], time: 5)
    let contents = try subject.contents()
    for key in try subject.objects(.log) { try subject.replace(key, nil) }
    #expect(try subject.check().isDamaged)
    _ = try subject.repairIndex()
    #expect(try LogState.length(subject.storage) == 5)
    try expectWhole(subject, contents)
  }

  @Test func aDamagedCheckpointIsReplacedByOneMadeOfWhatIsThere() throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let index = try #require(try subject.objects(.index).first)
    try subject.replace(index, nil)
    _ = try subject.repairIndex()
    // Only manifests and packs say now what there was: prune deletes the registers.
    _ = try subject.open().prune(context: CheckSubject.context())
    for key in try subject.objects(.commits) { try subject.replace(key, nil) }
    let checkpoint = try #require(try subject.objects(.log).last)
    try subject.flip(checkpoint, at: 300)
    let report = try subject.repairIndex()
    #expect(report.steps.contains { $0.object == checkpoint.path })
    try expectWhole(subject, contents)
  }

  /// A prune has written everything anew, and its only record is lost: nothing but its own packs and index objects tell of it, and the
  /// packs alone where the index is damaged too.
  @Test(arguments: DamageWay.allCases, [nil, .flipped, .missing] as [DamageWay?])
  func whatAPruneHasWrittenCountsWithoutItsRecord(_ way: DamageWay, _ index: DamageWay?) throws {
    let subject = try CheckSubject(.memory)
    let repository = try subject.open()
    var options = ForgetOptions()
    options.snapshots = [subject.snapshots[0].idHex]
    try repository.forget(try repository.planForget(options))
    let contents = try subject.contents()
    var prune = PruneOptions()
    prune.maxUnused = .percent(0)
    let pruned = try repository.prune(prune, context: CheckSubject.context())
    #expect(pruned.deleted.count > 0)
    #expect(try subject.objects(.packs).contains { PackName($0.name).map { $0.owner.epoch > 0 } ?? false })
    let checkpoint = try #require(try subject.objects(.log).last)
    #expect(try subject.objects(.log).count == 1)
    try subject.damage(checkpoint, way)
    if let index { for key in try subject.objects(.index) { try subject.damage(key, index) } }
    _ = try subject.repairIndex()
    try expectWhole(subject, contents)
  }

  /// Which of its packs are damaged besides does not matter to the others.
  @Test func aDamagedPackOfAPruneCostsNoOtherOnceItsRecordIsLost() throws {
    let subject = try CheckSubject(.memory) { $0.dataPackBytes = 64 << 10 }
    let files = (0..<60).map { ("f\($0 + 10)", SampleNode.noise(UInt64(100 + $0), 8000)) }
    try subject.add(Dictionary(uniqueKeysWithValues: files), time: 6)
    try subject.add(Dictionary(uniqueKeysWithValues: stride(from: 0, to: 60, by: 2).map { files[$0] }), time: 7)
    let repository = try subject.open()
    var options = ForgetOptions()
    options.snapshots = [subject.snapshots[subject.snapshots.count - 2].idHex]
    try repository.forget(try repository.planForget(options))
    var prune = PruneOptions()
    prune.maxUnused = .percent(0)
    _ = try repository.prune(prune, context: CheckSubject.context())
    let late = Dictionary(grouping: try subject.objects(.packs)) { PackName($0.name)?.owner ?? .zero }.filter { $0.key.epoch > 0 }
    let (owner, packs) = try #require(late.max { $0.key.epoch < $1.key.epoch })
    try #require(packs.count > 1)
    for other in late where other.key != owner { for key in other.value { try subject.replace(key, nil) } }
    for key in try subject.objects(.log) { try subject.replace(key, nil) }
    for key in try subject.objects(.index) { try subject.replace(key, nil) }
    for damaged in packs {
      let bytes = try subject.bytes(damaged)
      try subject.replace(damaged, Array(repeating: 0, count: bytes.count))
      let survey = try RecordSurvey(try subject.open())
      #expect(survey.logLength == UInt64(owner.epoch), "\(damaged.path)")
      try subject.replace(damaged, bytes)
    }
  }

  @Test(arguments: DamageWay.allCases)
  func aRegisterIsReplacedByItsManifest(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let key = try #require(ObjectKey(kind: .commits, name: subject.snapshots[1].idHex))
    try subject.damage(key, way)
    let report = try subject.repairIndex()
    #expect(report.steps.contains { $0.object == key.path })
    try expectWhole(subject, contents)
  }

  @Test func whatWasForgottenStaysForgotten() throws {
    let subject = try CheckSubject(.memory)
    let repository = try subject.open()
    try repository.appendLog { log in
      var record = LogRecord(next: log)
      record.forget = [subject.snapshots[0].id]
      return record
    }
    try subject.replace(try #require(ObjectKey(kind: .commits, name: subject.snapshots[1].idHex)), nil)
    let contents = try subject.contents().filter { !$0.key.hasPrefix("1:") }
    _ = try subject.repairIndex()
    #expect(try subject.open().snapshots().snapshots.map(\.id) == subject.snapshots.dropFirst().map(\.id))
    #expect(try subject.contents().filter { !$0.key.hasPrefix("1:") } == contents)
    #expect(!(try subject.check(.all).isDamaged))
  }

  @Test(arguments: [DamageWay.flipped, .truncated, .empty])
  func aDamagedAnnouncementIsMovedAside(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let repository = try subject.open()
    let session = SessionID(random: SystemRandom.bytes(12), epoch: 0)
    try Announcement(repository: repository, description: SessionDescription(series: nil, client: .zero), earlier: [])
      .put(session, subject.storage)
    let key = try #require(ObjectKey(kind: .sessions, name: session.hexadecimal))
    try subject.damage(key, way)
    _ = try subject.repairIndex()
    #expect(subject.aside == ["quarantine/" + key.path])
    try expectWhole(subject, contents)
  }

  @Test func aRunningBackupIsNotDisturbed() throws {
    let subject = try CheckSubject(.memory)
    let repository = try subject.open()
    let description = SessionDescription(series: nil, client: .zero)
    let session = try SessionWriter.begin(repository, description: description, context: RunContext())
    try subject.replace(try #require(try subject.objects(.index).first), nil)
    let memory = try #require(subject.storage as? MemoryStorage)
    let before = memory.contents
    #expect(throws: CairnError.self) { try subject.repairIndex() }
    #expect(memory.contents == before)
    session.abandon()
    _ = try subject.repairIndex()
    #expect(!(try subject.check(.all).isDamaged))
  }

  @Test(arguments: DamageWay.allCases)
  func damagedCopiesAreMadeAgain(_ way: DamageWay) throws {
    let subject = try CheckSubject(.local)
    let contents = try subject.contents()
    let slot = try #require(try subject.objects(.keys).last)
    try subject.damage(ObjectKey.configCopies[0], way)
    try subject.damage(slot, way)
    let report = try subject.repairIndex()
    #expect(Set(report.steps.map(\.object)) == ["config", slot.path])
    #expect(report.movedAside == (way == .missing ? [] : ["quarantine/config/config", "quarantine/" + slot.path]))
    try expectWhole(subject, contents)
  }

  @Test func aPackThatComesBackIsTakenInAgain() throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let key = try subject.pack(of: "one")
    let bytes = try subject.bytes(key)
    try subject.replace(key, nil)
    let report = try subject.repairIndex()
    #expect(report.steps.map(\.object) == [key.path])
    let lost = try #require(try subject.check().errors.first)
    #expect(lost.object == "index" && lost.touched(subject.snapshots) == ["2:/one"])
    try subject.replace(key, bytes)
    _ = try subject.repairIndex()
    try expectWhole(subject, contents)
  }

  @Test func whatWasCondemnedAndNotSweptCountsAgain() throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let pack = try #require(PackName(subject.pack(of: "one").name))
    try subject.open().appendLog { log in
      var record = LogRecord(next: log)
      record.condemn = [pack]
      return record
    }
    let check = try subject.check(.all)
    #expect(check.errors.isEmpty && check.hints.map(\.object) == ["log/0000000000000000"])
    #expect(check.hints.first?.next.contains("cairn prune") == true)
    try subject.tag(0, "later")
    let record = try #require(try subject.objects(.log).first)
    try subject.flip(record, at: 100)
    _ = try subject.repairIndex()
    #expect(try LogState.readComplete(subject.storage, keys: subject.open().keys).condemned.isEmpty)
    _ = try subject.open().prune(context: CheckSubject.context())
    #expect(try subject.objects(.packs).contains { $0.name == pack.name })
    try expectWhole(subject, contents)
  }

  @Test func whatACheckpointHasSettledIsGarbageAndPruneTakesItAway() throws {
    let subject = try CheckSubject(.memory)
    try subject.replace(try #require(try subject.objects(.index).first), nil)
    _ = try subject.repairIndex()
    let check = try subject.check(.all)
    #expect(check.errors.isEmpty && check.hints.allSatisfy { $0.next.contains("cairn prune") })
    // Three registers and the log record before the checkpoint; the other index objects go on counting.
    #expect(check.hints.map(\.object) == subject.snapshots.map { "commits/" + $0.idHex }.sorted() + ["log/0000000000000000"])
    _ = try subject.open().prune(context: CheckSubject.context())
    let after = try subject.check(.all)
    #expect(after.errors.isEmpty && after.hints.isEmpty, "\(after.hints.map(\.sentence))")
    #expect(try subject.objects(.commits).isEmpty)
  }

  /// A prune that ends while a repair looks takes packs and index objects away: that is no damage.
  @Test func whatAPruneTakesAwayMeanwhileIsNotTakenForDamage() throws {
    let subject = try CheckSubject(.memory)
    try subject.open().appendLog { log in
      var record = LogRecord(next: log)
      record.forget = [subject.snapshots[2].id]
      return record
    }
    for repair in 0..<3 {
      let base = subject.storage
      let storage = CountingStorage(base)
      let pruned = CallCount()
      // The first pack that is read is the moment: the view of the repair is older then.
      storage.onPackRead.withLock {
        $0 = { _ in
          guard pruned.next() == 1 else { return }
          _ = try? TestRepository.open(base).prune(context: CheckSubject.context())  // a failure shows in the check
        }
      }
      let repository = try TestRepository.open(storage)
      let report =
        switch repair {
        case 0: try repository.repairPacks(PackRepairOptions(), context: CheckSubject.context())
        case 1: try repository.repairIndex(RepairOptions(), context: CheckSubject.context())
        default: try repository.repairSnapshots(SnapshotRepairOptions(), context: CheckSubject.context())
        }
      #expect(report.steps.map(\.sentence) == [] && subject.aside == [])
      #expect(try subject.check(.all).errors.map(\.sentence) == [])
      try subject.add(["more": .noise(UInt64(20 + repair), 30_000)], time: Int64(20 + repair))
      let last = try #require(subject.snapshots.last).id
      try subject.open().appendLog { log in
        var record = LogRecord(next: log)
        record.forget = [last]
        return record
      }
    }
  }

  @Test(arguments: [false, true]) func whatIsNoFileIsMovedOutOfTheWay(pipe: Bool) throws {
    let subject = try CheckSubject(.local)
    try subject.tag(0, "first")
    let contents = try subject.contents()
    let slot = try #require(try subject.objects(.keys).last)
    let register = try Records.key(.commits, subject.snapshots[1].idHex)
    let next = try Records.key(.log, Records.logName(LogState.length(subject.storage)))
    let keys = [slot, register, next]
    for key in keys { try subject.obstruct(key, pipe: pipe) }
    #expect(throws: CairnError.self) { try subject.tag(0, "second") }
    let check = try subject.check()
    // Whoever copied something there would fill the directory, or wait at the pipe.
    for key in keys {
      let findings = (check.errors + check.hints).filter { $0.object == key.path }
      #expect(findings.contains { $0.next == CheckAdvice.obstruction && $0.kind == .harmless }, "\(key.path)")
      #expect(findings.allSatisfy { $0.next.contains("cairn repair index") && !$0.next.contains("cp ") }, "\(findings.map(\.next))")
    }
    let dry = try subject.repairIndex(dryRun: true)
    #expect(Set(dry.steps.map(\.object)) == Set(keys.map(\.path)) && dry.movedAside.isEmpty)
    let report = try subject.repairIndex()
    #expect(Set(report.movedAside) == Set(keys.map { "quarantine/" + $0.path }))
    try subject.tag(2, "third")
    #expect(try subject.tags(0) == ["first"] && subject.tags(2) == ["third"])
    try expectWhole(subject, contents)
  }

  @Test(arguments: [ObjectKey.Kind.sessions, .commits, .log], [false, true])
  func aNameThatNoSessionCouldHaveIsMovedAside(_ kind: ObjectKey.Kind, afterRecords: Bool) throws {
    let subject = try CheckSubject(.memory)
    if afterRecords { try subject.tag(0, "first") }
    let contents = try subject.contents()
    let session = SessionID(random: SystemRandom.bytes(12), epoch: .max)
    let key = try Records.key(kind, kind == .log ? Records.logName(UInt64(UInt32.max)) : session.hexadecimal)
    try subject.replace(key, [UInt8](repeating: 7, count: 300))
    let check = try subject.check(.all)
    #expect((check.errors + check.hints).map(\.object) == [key.path])
    let report = try subject.repairIndex()
    #expect(report.steps.map(\.object) == [key.path] && subject.aside == ["quarantine/" + key.path])
    #expect(try subject.tags(0) == (afterRecords ? ["first"] : []))
    try expectWhole(subject, contents)
  }
}
