import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct CheckTests {
  @Test(arguments: CheckPlace.allCases, [CheckOptions.ReadData.none, .all])
  func aSoundRepositoryHasNoFindings(_ place: CheckPlace, _ readData: CheckOptions.ReadData) throws {
    let subject = try CheckSubject(place)
    let report = try subject.check(readData)
    #expect(report.errors.isEmpty && report.hints.isEmpty && !report.isDamaged)
    #expect(report.snapshots == 3 && report.packs > 3 && report.treesRead > 3)
    #expect((report.packsRead == report.packs) == (readData == .all) && (report.blobsRead > 0) == (readData == .all))
  }

  // MARK: - Config and keys

  @Test(arguments: DamageWay.allCases)
  func aDamagedCopyOfTheConfigIsNamedWithTheGoodOne(_ way: DamageWay) throws {
    for copy in ObjectKey.configCopies {
      let subject = try CheckSubject(.local)
      try subject.damage(copy, way)
      let report = try subject.check()
      #expect(report.errors.map(\.object) == [copy.path])
      #expect(report.errors.first?.kind == .harmless && report.errors.first?.next.contains("cp -f") == true)
    }
  }

  @Test(arguments: DamageWay.allCases)
  func aDamagedCopyOfAKeySlotIsNamed(_ way: DamageWay) throws {
    let subject = try CheckSubject(.local)
    let copy = try #require(try subject.objects(.keys).last)
    try subject.damage(copy, way)
    let report = try subject.check()
    #expect(report.errors.map(\.object) == [copy.path] && report.errors.first?.kind == .harmless)
  }

  /// Whatever the clear header of a copy says, another one opens the repository, and a repair mends it.
  @Test(arguments: 0..<3) func aDamagedCopyOfTheConfigIsNoObstacle(_ copy: Int) throws {
    let subject = try CheckSubject(.local)
    let key = ObjectKey.configCopies[copy]
    for offset in Array(0..<96) + [200] {
      try subject.flip(key, at: offset)
      #expect(try subject.open().snapshots().snapshots.count == 3, "byte \(offset)")
      try subject.flip(key, at: offset)
    }
    try subject.flip(key, at: 20)
    #expect(try subject.check().errors.map(\.object) == [key.path])
    _ = try subject.repairIndex()
    #expect(try subject.check().errors.isEmpty)
  }

  @Test func anOlderCopyOfTheConfigIsNamed() throws {
    let subject = try CheckSubject(.local)
    let repository = try subject.open()
    var config = repository.config
    config.counter += 1
    try subject.replace(ObjectKey.configCopies[1], try config.seal(repository.keys, nonce: SystemRandom.bytes(24)))
    #expect(try subject.check().errors.map(\.object) == ["config", "config.2"])
  }

  // MARK: - Registers and manifests

  @Test(arguments: CheckPlace.allCases, [DamageWay.flipped, .firstByte, .lastByte, .truncated, .grown, .empty])
  func aDamagedRegisterCostsNoSnapshot(_ place: CheckPlace, _ way: DamageWay) throws {
    let subject = try CheckSubject(place)
    let key = try #require(ObjectKey(kind: .commits, name: subject.snapshots[1].idHex))
    try subject.damage(key, way)
    let report = try subject.check(.all)
    #expect(report.errors.map(\.object) == [key.path] && report.errors.first?.kind == .harmless && report.snapshots == 3)
    #expect(report.errors.first?.touched(subject.snapshots) == ["1:/"])
  }

  @Test func aMissingRegisterIsALoss() throws {
    let subject = try CheckSubject(.memory)
    let key = try #require(ObjectKey(kind: .commits, name: subject.snapshots[2].idHex))
    try subject.replace(key, nil)
    let finding = try #require(try subject.check().errors.first { $0.object == key.path && $0.kind == .loss })
    #expect(finding.touched(subject.snapshots) == ["2:/"] && finding.what.contains("is missing"))
  }

  @Test(arguments: CheckPlace.allCases, DamageWay.allCases)
  func aDamagedManifestIsALossOfItsSnapshotOnly(_ place: CheckPlace, _ way: DamageWay) throws {
    let subject = try CheckSubject(place)
    let snapshot = subject.snapshots[1]
    let hash = try #require(snapshot.object)
    let key = try #require(ObjectKey(kind: .snapshots, name: ManifestName(session: snapshot.id, hash: hash).name))
    try subject.damage(key, way)
    let report = try subject.check(.all)
    #expect(report.errors.map(\.object) == [key.path] && report.errors.first?.kind == .loss && report.snapshots == 2)
    #expect(report.errors.first?.affectedSnapshots == [snapshot.idHex])
  }

  @Test func swappedManifestsAreBothNamed() throws {
    let subject = try CheckSubject(.memory)
    let keys = try subject.objects(.snapshots)
    let (a, b) = (try subject.bytes(keys[0]), try subject.bytes(keys[1]))
    try subject.replace(keys[0], b)
    try subject.replace(keys[1], a)
    let report = try subject.check()
    #expect(report.errors.map(\.object) == [keys[0].path, keys[1].path] && report.snapshots == 1)
  }

  // MARK: - Index

  @Test(arguments: CheckPlace.allCases, DamageWay.allCases)
  func aDamagedIndexObjectIsReplacedByTheDirectoriesOfThePacks(_ place: CheckPlace, _ way: DamageWay) throws {
    let subject = try CheckSubject(place)
    let key = try #require(try subject.objects(.index).first)
    try subject.damage(key, way)
    let report = try subject.check(.all)
    #expect(report.errors.map(\.object) == [key.path] && report.errors.first?.kind == .harmless && report.hints.isEmpty)
    #expect(report.packsRead == report.packs)
  }

  @Test func aPackThatOnlyADamagedIndexObjectNamesIsMissed() throws {
    let subject = try CheckSubject(.memory)
    let pack = try subject.pack(of: "one")
    for key in try subject.objects(.index) { try subject.replace(key, nil) }
    try subject.damage(pack, .empty)
    let report = try subject.check()
    let lost = try #require(report.errors.first { $0.kind == .loss })
    #expect(lost.object == "index" && lost.touched(subject.snapshots).contains("2:/one"))
    #expect(report.errors.contains { $0.object == pack.path })
  }

  // MARK: - Packs

  @Test(arguments: CheckPlace.allCases, [DamageWay.truncated, .empty, .missing])
  func aLostPackNamesTheFilesOfTheSnapshotsThatNeedIt(_ place: CheckPlace, _ way: DamageWay) throws {
    let subject = try CheckSubject(place)
    let key = try subject.pack(of: "one")
    try subject.damage(key, way == .truncated ? .empty : way)
    if way == .truncated { try subject.replace(key, [UInt8](repeating: 1, count: 100)) }
    let report = try subject.check()
    #expect(report.errors.map(\.object) == [key.path])
    let finding = try #require(report.errors.first)
    #expect(finding.kind == .loss && finding.touched(subject.snapshots) == ["2:/one"] && finding.affectedCount == 1)
    #expect(finding.next.contains("cairn restore"))
  }

  @Test func damageSharedBySnapshotsNamesThemAll() throws {
    let subject = try CheckSubject(.memory)
    let key = try subject.pack(of: "dir/two")
    try subject.damage(key, .missing)
    let finding = try #require(try subject.check().finding(key.path))
    let touched = finding.touched(subject.snapshots)
    #expect(touched.isSuperset(of: ["0:/dir/two", "1:/dir/two", "2:/dir/two"]))
    #expect(finding.affectedSnapshots == subject.snapshots.map(\.idHex) && finding.affectedCount == UInt64(finding.affected.count))
  }

  @Test func aFlippedBitInAFrameIsSeenWhenTheDataIsRead() throws {
    for place in CheckPlace.allCases {
      let subject = try CheckSubject(place)
      let frame = try subject.frame(of: "one")
      let key = try frame.pack.key()
      try subject.flip(key, at: Int(frame.offset) + Int(frame.encodedLength) / 2)
      #expect(try !subject.check().isDamaged)
      let report = try subject.check(.all)
      #expect(report.errors.map(\.object) == [key.path])
      let finding = try #require(report.errors.first)
      #expect(finding.kind == .loss && finding.touched(subject.snapshots) == ["2:/one"] && finding.what.contains("do not hash to its name"))
    }
  }

  @Test func damageBetweenFramesAndDirectoryTouchesNothing() throws {
    let subject = try CheckSubject(.memory)
    let frame = try subject.frame(of: "one")
    let key = try frame.pack.key()
    let bytes = try subject.bytes(key)
    let trailer = try PackTrailer.decode(Array(bytes.suffix(PackTrailer.length)), packSize: UInt64(bytes.count))
    try subject.flip(key, at: Int(trailer.directoryOffset) - 1)
    let finding = try #require(try subject.check(.all).finding(key.path))
    #expect(finding.kind == .harmless && finding.affectedCount == 0 && finding.what.contains("every blob in it is good"))
  }

  @Test(arguments: [DamageWay.firstByte, .lastByte, .grown])
  func damageAtTheEndsOfAPackIsFoundWithoutReadingItsData(_ way: DamageWay) throws {
    let subject = try CheckSubject(.memory)
    let key = try subject.pack(of: "one")
    try subject.damage(key, way)
    let report = try subject.check()
    #expect(report.errors.map(\.object) == [key.path])
    #expect(report.errors.first?.kind == .harmless && report.errors.first?.what.contains("every blob in it is good") == true)
  }

  @Test func aDamagedDirectoryCostsNoBlob() throws {
    let subject = try CheckSubject(.memory)
    let key = try subject.pack(of: "one")
    let bytes = try subject.bytes(key)
    let trailer = try PackTrailer.decode(Array(bytes.suffix(PackTrailer.length)), packSize: UInt64(bytes.count))
    try subject.flip(key, at: Int(trailer.directoryOffset) + 40)
    let finding = try #require(try subject.check().finding(key.path))
    #expect(finding.kind == .harmless && finding.what.contains("every blob in it is good"))
  }

  @Test func aPackCutShortLosesOnlyWhatIsCutOff() throws {
    let subject = try CheckSubject(.memory)
    try subject.add(["long": .noise(50, 400_000)], time: 4)
    let frame = try subject.frame(of: "long")
    let key = try frame.pack.key()
    try subject.replace(key, Array(try subject.bytes(key).prefix(Int(frame.offset) + Int(frame.encodedLength))))
    let finding = try #require(try subject.check().finding(key.path))
    #expect(finding.kind == .loss && finding.what.contains("is cut short") && finding.touched(subject.snapshots) == ["3:/long"])
    let view = try subject.open().loadView()
    let first = try view.node(at: components("long"), in: view.snapshots[3])
    guard case .items(let items) = first.content, let id = items.first?.id else {
      Issue.record("no content")
      return
    }
    #expect(try view.blobs.read(id, .data).count == 20_000)
  }

  @Test func swappedPacksAreBothNamed() throws {
    let subject = try CheckSubject(.memory)
    let (a, b) = (try subject.pack(of: "one"), try subject.pack(of: "keep"))
    let (first, second) = (try subject.bytes(a), try subject.bytes(b))
    try subject.replace(a, second)
    try subject.replace(b, first)
    let report = try subject.check()
    #expect(Set(report.errors.map(\.object)) == [a.path, b.path] && report.errors.allSatisfy { $0.kind == .loss })
  }

  @Test(arguments: CheckPlace.allCases)
  func aLostTreePackNamesDirectories(_ place: CheckPlace) throws {
    let subject = try CheckSubject(place)
    let key = try subject.treePack(2)
    try subject.damage(key, .missing)
    let finding = try #require(try subject.check().finding(key.path))
    #expect(finding.kind == .loss && finding.touched(subject.snapshots) == ["2:/"])
  }

  @Test func aFlippedBitInATreeIsSeenWithoutReadingTheData() throws {
    let subject = try CheckSubject(.memory)
    let view = try subject.open().loadView()
    let frame = try #require(try view.index.locate(view.snapshots[1].manifest.root.key)).frame
    let key = try frame.pack.key()
    try subject.flip(key, at: Int(frame.offset) + 30)
    let finding = try #require(try subject.check().finding(key.path))
    #expect(finding.kind == .loss && finding.touched(subject.snapshots) == ["1:/"])
  }

  @Test func aBlobWithAGoodCopyIsNoLoss() throws {
    let subject = try CheckSubject(.memory)
    let key = try subject.pack(of: "one")
    // A machine that does not see the first copy stores another.
    let index = try subject.objects(.index).map { ($0, try subject.bytes($0)) }
    let registers = try subject.objects(.commits).map { ($0, try subject.bytes($0)) }
    for (object, _) in registers { try subject.replace(object, nil) }
    try subject.add(["again": .noise(4, 60_000)], time: 9)
    for (object, bytes) in index + registers { try subject.replace(object, bytes) }
    try subject.damage(key, .missing)
    let finding = try #require(try subject.check().finding(key.path))
    #expect(finding.kind == .harmless && finding.affectedCount == 0)
  }

  @Test func pathsBeyondTheLimitAreCounted() throws {
    let subject = try CheckSubject(.memory)
    var many: [String: SampleNode] = [:]
    for number in 0..<600 { many["f\(number)"] = .noise(77, 100) }
    for time in 4..<7 { try subject.add(["many": .directory(many), "n\(time)": .file([UInt8(time)])], time: Int64(time)) }
    let view = try subject.open().loadView()
    let node = try view.node(at: components("many/f1"), in: view.snapshots[3])
    guard case .items(let items) = node.content, let id = items.first?.id else {
      Issue.record("no content")
      return
    }
    let key = try #require(try view.index.locate(id.key)).frame.pack.key()
    try subject.damage(key, .missing)
    let finding = try #require(try subject.check().finding(key.path))
    #expect(finding.affected.count == CheckReport.maximumAffected && finding.affectedCount >= 1800 && finding.affectedCount < 1804)
    #expect(finding.affectedSnapshots.count == 3)
  }

  // MARK: - Garbage

  @Test func filesThatDoNotBelongAreGarbage() throws {
    let subject = try CheckSubject(.local)
    for path in ["hello", "index/readme", "snapshots/x", "packs/nothing", "keys/\(String(repeating: "a", count: 20))", "log/00"] {
      try subject.replaceFile(path, [1])
    }
    let report = try subject.check(.all)
    #expect(!report.isDamaged && report.hints.count == 6 && report.hints.allSatisfy { $0.kind == .garbage && !$0.next.isEmpty })
  }

  @Test func aPackUnderTwoNamesIsGarbageUnderTheOther() throws {
    let subject = try CheckSubject(.memory)
    let pack = try subject.pack(of: "one")
    let name = try #require(PackName(pack.name))
    let other = try #require(ObjectKey(kind: .packs, name: PackName(hash: name.hash, owner: subject.snapshots[0].id).name))
    try subject.replace(other, try subject.bytes(pack))
    let report = try subject.check(.all)
    #expect(!report.isDamaged && report.hints.map(\.object) == [other.path])
  }

  @Test func anInterruptedBackupIsGarbage() throws {
    let subject = try CheckSubject(.memory)
    let session = try SessionWriter.begin(
      subject.open(), description: SessionDescription(series: nil, client: .zero), context: RunContext())
    try session.run { session in
      let worker = session.makeWorker()
      _ = try worker.put([1, 2, 3], .data)
      try worker.flush()
      try session.flush()
    }
    let report = try subject.check(.all)
    #expect(!report.isDamaged && !report.hints.isEmpty && report.hints.allSatisfy { $0.object == "sessions/\(session.session)" })
  }

  @Test func aDamagedAnnouncementIsHarmless() throws {
    let subject = try CheckSubject(.memory)
    let session = try SessionWriter.begin(
      subject.open(), description: SessionDescription(series: nil, client: .zero), context: RunContext())
    let key = try #require(ObjectKey(kind: .sessions, name: session.session.hexadecimal))
    try subject.damage(key, .flipped)
    let report = try subject.check()
    #expect(report.errors.map(\.object) == [key.path] && report.errors.first?.kind == .harmless)
  }

  // MARK: - Log

  @Test(arguments: CheckPlace.allCases, DamageWay.allCases)
  func aDamagedLogRecordIsNamedAndReadingGoesOn(_ place: CheckPlace, _ way: DamageWay) throws {
    let subject = try CheckSubject(place)
    for tag in ["a", "b", "c"] { try subject.open().amend([(subject.snapshots[0].id, [Array(tag.utf8)], nil)]) }
    let key = try subject.objects(.log)[1]
    try subject.damage(key, way)
    let report = try subject.check(.all)
    #expect(report.errors.map(\.object) == [key.path] && report.errors.first?.kind == .harmless && report.snapshots == 3)
    #expect(try subject.open().snapshots().snapshots.first?.manifest.tags == [[0x63]])
  }

  @Test func nothingIsWrittenWhileALogRecordCannotBeRead() throws {
    let subject = try CheckSubject(.memory)
    try subject.open().amend([(subject.snapshots[0].id, [[0x61]], nil)])
    try subject.damage(try subject.objects(.log)[0], .flipped)
    #expect(throws: CairnError.self) { try subject.add(["x": .file([1])], time: 9) }
    #expect(throws: CairnError.self) { try subject.open().amend([(subject.snapshots[0].id, [[0x62]], nil)]) }
  }

  @Test func recordsMissingAtTheEndOfTheLogAreMissedWhenABackupCameAfterThem() throws {
    let subject = try CheckSubject(.memory)
    for tag in ["a", "b"] { try subject.open().amend([(subject.snapshots[0].id, [Array(tag.utf8)], nil)]) }
    try subject.add(["x": .file([1])], time: 9)
    #expect(try subject.check().errors.isEmpty)
    let last = try subject.objects(.log)[1]
    try subject.replace(last, nil)
    #expect(try subject.check().errors.map(\.object) == [last.path])
  }

  @Test func aReplacedLogRecordBreaksTheChain() throws {
    let subject = try CheckSubject(.memory)
    let repository = try subject.open()
    for tag in ["a", "b"] { try repository.amend([(subject.snapshots[0].id, [Array(tag.utf8)], nil)]) }
    let record = LogRecord(index: 0, previous: .zero, owner: .zero, time: .zero)
    let forged = try Envelope.seal(
      .log, logicalName: LogicalName.log(0), plaintext: record.encode(), nonce: SystemRandom.bytes(24), keys: repository.keys)
    let keys = try subject.objects(.log)
    try subject.replace(keys[0], forged)
    #expect(try subject.check().errors.map(\.object) == [keys[1].path])
  }

  // MARK: - Subsets

  @Test func thePartsOfTheDataAreAllOfIt() throws {
    let subject = try CheckSubject(.memory)
    let all = try subject.check(.all)
    var packs: UInt64 = 0
    var bytes: UInt64 = 0
    for part in 1...3 {
      let report = try subject.check(.part(part, of: 3))
      #expect(try subject.check(.part(part, of: 3)).bytesRead == report.bytesRead)
      packs += report.packsRead
      bytes += report.bytesRead
    }
    #expect(packs == all.packs && bytes == all.bytesRead)
  }

  @Test func aShareOrSizeReadsAtLeastOnePack() throws {
    let subject = try CheckSubject(.memory)
    #expect(try subject.check(.percent(0.1)).packsRead == 1)
    #expect(try subject.check(.percent(100)).packsRead == subject.check().packs)
    #expect(try subject.check(.bytes(1)).packsRead == 1)
    #expect(try subject.check(.bytes(1 << 40)).packsRead == subject.check().packs)
  }

  @Test(arguments: [
    ("1/3", CheckOptions.ReadData.part(1, of: 3)), ("5%", .percent(5)), ("2.5%", .percent(2.5)), ("100", .bytes(100)),
    ("10M", .bytes(10 << 20)),
    ("2g", .bytes(2 << 30)),
  ])
  func subsetsAreParsed(_ text: String, _ expected: CheckOptions.ReadData) throws {
    #expect(try CheckOptions.ReadData(subset: text) == expected)
  }

  @Test(arguments: ["", "0/3", "4/3", "1/0", "1/2/3", "0%", "101%", "x", "10X", "-1", "0", "99999999999999999999", "9999999999T", "é"])
  func nonsenseIsNoSubset(_ text: String) {
    #expect(throws: CairnError.self) { try CheckOptions.ReadData(subset: text) }
  }
}
