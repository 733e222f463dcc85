import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct RepairPacksTests {
  private func repair(_ subject: CheckSubject, _ change: (inout PackRepairOptions) -> Void = { _ in }) throws -> RepairReport {
    var options = PackRepairOptions()
    change(&options)
    return try subject.open().repairPacks(options, context: CheckSubject.context())
  }

  private func expectWhole(_ subject: CheckSubject, _ contents: [String: ObjectHash], _ place: SourceLocation = #_sourceLocation) throws {
    #expect(try subject.check(.all).errors.map(\.sentence) == [], sourceLocation: place)
    #expect(try subject.contents() == contents, sourceLocation: place)
    #expect(!(try repair(subject).foundDamage), sourceLocation: place)
  }

  @Test func soundPacksAreLeftAsTheyAre() throws {
    let subject = try CheckSubject(.memory)
    let memory = try #require(subject.storage as? MemoryStorage)
    let before = memory.contents
    let report = try repair(subject)
    #expect(!report.foundDamage && report.packsRead > 3 && memory.contents == before)
  }

  @Test(arguments: [DamageWay.firstByte, .lastByte, .grown])
  func aPackOfWhichAllFramesAreGoodIsWrittenAnew(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    let key = try subject.pack(of: "one")
    try subject.damage(key, way)
    let report = try repair(subject)
    #expect(report.steps.map(\.object) == [key.path] && report.blobsLost == 0 && report.blobsSalvaged > 0 && report.lost.isEmpty)
    #expect(subject.aside == ["quarantine/packs/" + key.name])
    try expectWhole(subject, contents)
  }

  @Test func whatIsLostIsNamedAndTheRestIsSaved() throws {
    let subject = try CheckSubject(.memory)
    let frame = try subject.frame(of: "one")
    let key = try frame.pack.key()
    try subject.flip(key, at: Int(frame.offset) + 20)
    let dry = try repair(subject) { $0.repair.dryRun = true }
    #expect(dry.steps.map(\.object) == [key.path] && subject.aside.isEmpty)
    let report = try repair(subject)
    #expect(report.blobsLost > 0 && report.lost.map { text($0.path) } == ["/one"] && report.lost[0].snapshot == subject.snapshots[2].idHex)
    let check = try subject.check(.all)
    #expect(check.errors.map(\.object) == ["index"] && check.errors[0].touched(subject.snapshots) == ["2:/one"])
    #expect(check.errors[0].next.contains("repair packs") && check.errors[0].next.contains("repair snapshots"))
    // All else of the pack is there.
    let kept = try subject.open().loadView()
    #expect(try kept.node(at: components("keep"), in: kept.snapshots[2]).size == 90_000)
  }

  @Test(arguments: [DamageWay.missing, .empty, .truncated, .flipped])
  func lostContentIsFoundInADirectory(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let directory = TemporaryDirectory()
    var random = SplitMix64(seed: 77)
    let bytes = random.bytes(3_000_000)
    for name in ["data", "moved"] { try FileSystem.makeDirectory(at: directory.open(), name: Array(name.utf8), mode: 0o700) }
    try directory.write("data/file", bytes)
    try directory.write("data/other", random.bytes(20_000))
    var backup = BackupOptions()
    backup.sources = [directory.path("data")]
    _ = try subject.open().backup(backup, context: CheckSubject.context())
    let before = try subject.contents()
    let view = try subject.open().loadView()
    let node = try view.node(
      at: directory.string.split(separator: "/").map { Array($0.utf8) } + [Array("data".utf8), Array("file".utf8)],
      in: try #require(view.snapshots.last))
    guard case .items(let items) = node.content, items.count > 2, let id = items[1].id else {
      throw CairnError(.failed, "no items")
    }
    let key = try #require(try view.index.locate(id.key)).frame.pack.key()
    try subject.damage(key, way)
    // The files have moved since.
    try directory.write("moved/deep", bytes)
    try directory.write("moved/other", try directory.read("data/other"))
    let report = try repair(subject) { $0.sources = [directory.path("moved")] }
    #expect(report.blobsFound > 0 && report.lost.isEmpty && report.blobsLost == 0, "\(report.lost.map { text($0.path) })")
    try expectWhole(subject, before)
  }

  @Test(arguments: [false, true])
  func lostContentIsFoundInAnotherRepository(_ isCopy: Bool) throws {
    let subject = try CheckSubject(.memory)
    let memory = try #require(subject.storage as? MemoryStorage)
    let contents = try subject.contents()
    let other = MemoryStorage()
    if isCopy {
      other.contents = memory.contents
    } else {
      // Other keys, other chunks, and the content under another name.
      _ = try SampleStore(repository: try TestRepository.create(other), chunk: 7000)
        .snapshot(["x": .directory(["y": .noise(4, 60_000)])])
    }
    let key = isCopy ? try subject.treePack(2) : try subject.pack(of: "one")
    try subject.replace(key, nil)
    let repository = try TestRepository.open(other)
    // The samples are not cut by content, so only a copy has their chunks.
    let report = try repair(subject) { $0.others = [repository] }
    if isCopy {
      #expect(report.blobsFound > 0 && report.lost.isEmpty)
      try expectWhole(subject, contents)
    } else {
      #expect(report.lost.map { text($0.path) } == ["/one"])
    }
  }

  @Test func aBlobOfADamagedPackIsFoundInAPackThatNobodyNames() throws {
    let subject = try CheckSubject(.memory)
    let memory = try #require(subject.storage as? MemoryStorage)
    let contents = try subject.contents()
    let key = try subject.pack(of: "one")
    let before = Set(try subject.objects(.packs))
    // A second copy, by a run that ended before it was named.
    let repository = try subject.open()
    let writer = PackWriter(repository, owner: SessionID(random: SystemRandom.bytes(12), epoch: 0), context: CheckSubject.context())
    try writer.run {
      let worker = writer.makeWorker()
      var random = SplitMix64(seed: 4)
      let bytes = random.bytes(60_000)
      for start in stride(from: 0, to: bytes.count, by: 20_000) { _ = try worker.put(Array(bytes[start..<start + 20_000]), .data) }
      try worker.flush()
      try writer.flush()
    }
    for key in try subject.objects(.index) where memory.contents[key]?.isEmpty == false {
      if let name = DeltaName(key.name), name.session == writer.owner { try subject.replace(key, nil) }
    }
    #expect(try subject.objects(.packs).count > before.count)
    try subject.replace(key, nil)
    let report = try repair(subject)
    #expect(report.lost.isEmpty && report.blobsLost == 0)
    try expectWhole(subject, contents)
  }

  @Test func aDamagedIndexIsRepairedFirst() throws {
    let subject = try CheckSubject(.memory)
    try subject.replace(try #require(try subject.objects(.index).first), nil)
    let error = #expect(throws: CairnError.self) { try repair(subject) }
    #expect(error?.guidance?.contains("repair index") == true)
  }

  @Test func packsAreChosenByTheirFirstDigits() throws {
    let subject = try CheckSubject(.memory)
    let key = try subject.pack(of: "one")
    try subject.damage(key, .lastByte)
    let report = try repair(subject) { $0.packs = [key.path] }
    #expect(report.packsRead == 1 && report.steps.map(\.object) == [key.path])
    #expect(throws: CairnError.self) { try repair(subject) { $0.packs = ["ffffffffffffffff"] } }
  }

  @Test func aPackWithoutTrailerIsReadAllTheSame() throws {
    let subject = try CheckSubject(.memory)
    let contents = try subject.contents()
    for pack in try subject.objects(.packs) { try subject.damage(pack, .lastByte) }
    for index in try subject.objects(.index) { try subject.replace(index, nil) }
    _ = try subject.repairIndex()
    let report = try repair(subject)
    #expect(report.lost.isEmpty && report.blobsLost == 0 && report.movedAside.count == report.steps.count)
    try expectWhole(subject, contents)
  }

  @Test func aPackThatNobodyCanReadIsNamedAndMovedAside() throws {
    let subject = try CheckSubject(.memory)
    let key = try subject.pack(of: "one")
    let bytes = try subject.bytes(key)
    try subject.replace(key, Array(bytes.prefix(100)))
    for index in try subject.objects(.index) { try subject.replace(index, nil) }
    let index = try subject.repairIndex()
    #expect(index.steps.contains { $0.object == key.path && $0.action.isEmpty })
    let report = try repair(subject)
    #expect(report.steps.contains { $0.object == key.path && $0.what.contains("no index object names it") })
    #expect(report.movedAside == ["quarantine/packs/" + key.name] && report.lost.map { text($0.path) } == ["/one"])
    #expect(!(try repair(subject).steps.contains { $0.object == key.path }))
  }
}
