import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKit

@Suite(.timeLimit(.minutes(5))) struct ParityRepairTests {
  private static func withParity(_ config: inout Config) {
    config.parity = ParityChoice(data: 32, parity: 2)
    config.dataPackBytes = 256 << 10
  }

  private func subject(_ place: CheckPlace = .memory) throws -> CheckSubject { try CheckSubject(place, change: Self.withParity) }

  private typealias Outcome = (report: ParityRepair.Report, findings: [ParityRepair.Finding])

  /// Without any key: only the storage is handed over.
  private func repair(_ storage: any Storage, dryRun: Bool = false, _ packs: [String] = []) throws -> Outcome {
    var context = RunContext()
    context.threads = 2
    let findings = Mutex<[ParityRepair.Finding]>([])
    let repair = try ParityRepair(storage, isDryRun: dryRun, context: context) { finding in findings.withLock { $0.append(finding) } }
    let report = try repair.perform(packs)
    return (report, findings.withLock { $0.sorted { $0.object < $1.object } })
  }

  private func layout(_ subject: CheckSubject, _ key: ObjectKey) throws -> ParityLayout {
    let bytes = try subject.bytes(key)
    let trailer = try PackTrailer.decode(Array(bytes.suffix(PackTrailer.length)), packSize: UInt64(bytes.count))
    return try ParityTable.decodeLayout(bytes, at: Int(trailer.parityOffset))
  }

  private func zero(_ subject: CheckSubject, _ key: ObjectKey, _ range: Range<Int>) throws {
    var bytes = try subject.bytes(key)
    for index in range { bytes[index] = 0 }
    try subject.replace(key, bytes)
  }

  private func largestPack(_ subject: CheckSubject) throws -> ObjectKey {
    try #require(try subject.objects(.packs).max { try subject.bytes($0).count < subject.bytes($1).count })
  }

  @Test(arguments: CheckPlace.allCases) func aSoundRepositoryIsLeftAlone(_ place: CheckPlace) throws {
    let subject = try subject(place)
    let packs = try subject.objects(.packs)
    let before = try packs.map(subject.bytes)
    let (report, findings) = try repair(subject.storage)
    #expect(findings.isEmpty && !report.isDamaged && report.mended == 0)
    #expect(report.packs == UInt64(packs.count) && report.packsWithParity == report.packs)
    #expect(report.bytes == UInt64(before.reduce(0) { $0 + $1.count }))
    #expect(try packs.map(subject.bytes) == before)
    #expect(!(try subject.check(.all).isDamaged))
  }

  /// 200 bursts of 64 KiB, at most two a pack, in packs of a few times that size.
  @Test func twoHundredBurstsAreFoundAndMended() throws {
    let subject = try subject(.local)
    try subject.add(Dictionary(uniqueKeysWithValues: (0..<110).map { ("big\($0)", .noise(UInt64(1000 + $0), 230_000)) }), time: 4)
    var random = SplitMix64(seed: 5)
    let burst = 64 << 10
    let packs = try subject.objects(.packs).filter { try subject.bytes($0).count > 4 * burst }
    try #require(packs.count >= 100)
    let before = try packs.map(subject.bytes)
    for key in packs.shuffled(using: &random).prefix(100) {
      for _ in 0..<2 {
        let last = try subject.bytes(key).count - burst
        let start = Int.random(in: 0...last, using: &random)
        try zero(subject, key, start..<start + burst)
      }
    }
    let damaged = try subject.check(.all)
    #expect(damaged.errors.filter { $0.object.hasPrefix("packs/") }.count == 100)
    #expect(damaged.errors.allSatisfy { $0.isMendable || !$0.object.hasPrefix("packs/") } && damaged.isLossMendable)
    let (report, findings) = try repair(subject.storage)
    #expect(report.mended == 100 && !report.isDamaged && findings.allSatisfy { $0.outcome == .mended && !$0.ranges.isEmpty })
    #expect(try packs.map(subject.bytes) == before)
    #expect(!(try subject.check(.all).isDamaged))
  }

  @Test func headerTrailerAndTablesComeBack() throws {
    let subject = try subject()
    let key = try largestPack(subject)
    let before = try subject.bytes(key)
    let layout = try layout(subject, key)
    let (size, tables) = (before.count, layout.tableOffsets.map { $0..<$0 + layout.tableLength })
    let damages: [[Range<Int>]] = [
      [0..<64], [size - 32..<size], [0..<64, size - 32..<size], [tables[0]], [tables[1], tables[2]],
      [tables[0], tables[1], size - 32..<size],
      [tables[1], tables[2], size - 32..<size, 0..<100],
    ]
    for ranges in damages {
      for range in ranges { try zero(subject, key, range) }
      #expect(try subject.check(.all).errors.map(\.object) == [key.path])
      let (report, findings) = try repair(subject.storage)
      #expect(report.mended == 1 && !report.isDamaged && findings.map(\.object) == [key.path], "\(ranges)")
      #expect(try subject.bytes(key) == before)
    }
    for range in tables { try zero(subject, key, range) }
    let (report, findings) = try repair(subject.storage)
    #expect(report.damaged == 1 && findings.first?.what.contains("every copy of its parity table") == true)
  }

  @Test(arguments: CheckPlace.allCases) func aTruncatedPackIsMendedAsFarAsParityReaches(_ place: CheckPlace) throws {
    let subject = try subject(place)
    let key = try largestPack(subject)
    let before = try subject.bytes(key)
    let layout = try layout(subject, key)
    for length in [before.count - 1, layout.coveredLength + layout.tableLength] {
      try subject.replace(key, Array(before[..<length]))
      #expect(try repair(subject.storage).report.mended == 1)
      #expect(try subject.bytes(key) == before)
    }
    for length in [0, 100, layout.coveredLength] {
      try subject.replace(key, Array(before[..<length]))
      let (report, findings) = try repair(subject.storage)
      #expect(report.damaged == 1 && report.isDamaged && findings.first?.outcome == .damaged)
      #expect(try subject.bytes(key).count == length)
    }
  }

  @Test func moreThanParityCanMendIsSaidAndLeftAlone() throws {
    let subject = try subject()
    try subject.add(["big": .noise(9, 500_000)], time: 4)
    let key = try largestPack(subject)
    let layout = try layout(subject, key)
    for shard in 0..<3 { try zero(subject, key, layout.range(shard: shard, row: 1)) }
    let damaged = try subject.bytes(key)
    let (report, findings) = try repair(subject.storage)
    #expect(report.damaged == 1 && findings.first?.what.contains("too much of it is damaged") == true)
    #expect(findings.first?.ranges == (0..<3).map { layout.range(shard: $0, row: 1) })
    #expect(try subject.bytes(key) == damaged)
    let error = try #require(try subject.check(.all).finding(key.path))
    #expect(!error.isMendable && error.kind == .loss && error.what.contains("too much of it is damaged"))
  }

  @Test func aPackWithoutParityCannotBeMended() throws {
    let subject = try CheckSubject(.memory)
    let key = try largestPack(subject)
    try subject.flip(key, at: 1000)
    let (report, findings) = try repair(subject.storage)
    #expect(report.damaged == 1 && report.packsWithParity == 0)
    #expect(findings.first?.what.contains("it has no parity") == true)
  }

  @Test func forgedParityMendsNothing() throws {
    let subject = try subject()
    // Sound in itself, but another pack than its name says.
    let packs = try subject.objects(.packs)
    let stranger = try subject.bytes(packs[0])
    try subject.replace(packs[1], stranger)
    let (report, findings) = try repair(subject.storage)
    #expect(report.damaged == 1 && report.mended == 0 && findings.first?.what.contains("does not hash to its name") == true)
    #expect(try subject.bytes(packs[1]) == stranger)
  }

  @Test func aDryRunWritesNothing() throws {
    let subject = try subject()
    let key = try largestPack(subject)
    try subject.flip(key, at: 5000)
    let (report, findings) = try repair(ReadOnlyStorage(subject.storage), dryRun: true)
    #expect(report.mendable == 1 && report.mended == 0 && !report.isDamaged && findings.first?.outcome == .mendable)
    #expect(findings.first?.ranges == [4096..<8192])
  }

  @Test func whatCannotBeWrittenLeavesThePackAsItWas() throws {
    let subject = try subject()
    let key = try largestPack(subject)
    try subject.flip(key, at: 5000)
    let damaged = try subject.bytes(key)
    for call in [FaultyStorage.Call.begin, .append, .finish] {
      let storage = FaultyStorage(subject.storage)
      storage.plan { done, _ in done == call ? .refuse(.noSpace("No space left.")) : nil }
      let error = #expect(throws: CairnError.self) { try repair(storage) }
      #expect(error?.code == .noSpace)
      #expect(try subject.bytes(key) == damaged)
    }
  }

  @Test func packsAreChosenByPathOrFirstDigits() throws {
    let subject = try subject()
    let packs = try subject.objects(.packs)
    for key in packs { try subject.flip(key, at: 70) }
    #expect(try repair(subject.storage, [packs[0].path]).findings.map(\.object) == [packs[0].path])
    #expect(try repair(subject.storage, [String(packs[1].name.prefix(12))]).findings.map(\.object) == [packs[1].path])
    for unknown in ["", "packs/", "0000000000000000", "nonsense"] {
      let error = #expect(throws: CairnError.self) { try repair(subject.storage, [unknown]) }
      #expect(error?.code == .notFound)
    }
    #expect(try repair(subject.storage).report.mended == UInt64(packs.count - 2))
  }

  @Test func checkSaysWhereAPackIsDamagedAndThatParityMendsIt() throws {
    let subject = try subject()
    let key = try subject.pack(of: "one")
    let layout = try layout(subject, key)
    let frame = try subject.frame(of: "one")
    try subject.flip(key, at: Int(frame.offset) + 100)
    let block = (Int(frame.offset) + 100) % layout.shardLength / layout.blockLength
    let shard = (Int(frame.offset) + 100) / layout.shardLength
    let range = layout.range(shard: shard, row: block)
    let finding = try #require(try subject.check(.all).finding(key.path))
    #expect(finding.kind == .loss && finding.isMendable && finding.next.contains("cairn repair parity"))
    #expect(finding.what.contains("bytes \(range.lowerBound)-\(range.upperBound - 1) are damaged, and parity can mend them"))
    #expect(finding.touched(subject.snapshots) == ["2:/one"])
    // In the parity itself: nothing is touched, and it is found by reading all.
    _ = try repair(subject.storage)
    try subject.flip(key, at: layout.offset(ofShard: layout.dataShards) + 1)
    #expect(!(try subject.check().isDamaged))
    let harmless = try #require(try subject.check(.all).finding(key.path))
    #expect(harmless.kind == .harmless && harmless.isMendable && harmless.what.contains("every blob in it is good"))
  }

  // MARK: - Settings

  @Test func parityIsSwitchedOnChangedAndDroppedForNewPacks() throws {
    let subject = try CheckSubject(.local)
    func shards(_ keys: Set<ObjectKey>) throws -> Set<Int> {
      Set(try keys.map { try PackHeader.decode(subject.bytes($0)).hasParity ? try layout(subject, $0).parityShards : 0 })
    }
    var known = Set(try subject.objects(.packs))
    #expect(try shards(known) == [0])
    for (number, choice) in [ParityChoice(data: 32, parity: 2), ParityChoice(data: 10, parity: 3), nil].enumerated() {
      let config = try subject.open().changeConfig { $0.parity = choice }
      #expect(config.counter == UInt64(number + 1))
      let copies = try ObjectKey.configCopies.map(subject.bytes)
      #expect(Set(copies).count == 1)
      #expect(try subject.open().config.parity == choice)
      try subject.add(["new\(number)": .noise(UInt64(50 + number), 50_000)], time: Int64(10 + number))
      let all = Set(try subject.objects(.packs))
      #expect(try shards(all.subtracting(known)) == [choice?.parity ?? 0])
      known = all
    }
    let report = try subject.check(.all)
    #expect(!report.isDamaged && report.snapshots == 6)
    #expect(try repair(subject.storage).report.packsWithParity > 0)
  }

  @Test func aChangeOfTheConfigIsRecordedAndMendsItsCopies() throws {
    let subject = try subject(.local)
    try subject.damage(.configCopies[1], .flipped)
    let config = try subject.open().changeConfig { $0.parity = nil }
    #expect(config.parity == nil && config.counter == 2)
    let bytes = try subject.bytes(.config)
    #expect(try ObjectKey.configCopies.map(subject.bytes) == [bytes, bytes, bytes])
    let repository = try subject.open()
    let last = try LogState.readComplete(subject.storage, keys: repository.keys).next - 1
    #expect(try Records.log(last, subject.storage, repository.keys).0.config == SHA256Digest.hash(bytes))
    // The same again is no change.
    #expect(try repository.changeConfig { $0.parity = nil }.counter == 2)
    #expect(throws: CairnError.self) { try repository.changeConfig { $0.parity = ParityChoice(data: 129, parity: 1) } }
    #expect(try subject.bytes(.config) == bytes)
    #expect(!(try subject.check(.all).isDamaged))
  }
}

extension ParityTable {
  fileprivate static func decodeLayout(_ bytes: [UInt8], at offset: Int) throws -> ParityLayout {
    try bytes.withUnsafeBytes { try decodeLayout(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
  }
}
