import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// What can be damaged.
enum Victim: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case dataPack, treePack, indexObject, manifest, register, logRecord, configCopy, keySlotCopy, announcement
  var testDescription: String { rawValue }

  /// How `check` has to call it.
  func kind(_ way: Ruin) -> CheckFinding.Kind? {
    switch self {
    case .dataPack, .treePack, .manifest: .loss
    case .register: way == .deleted ? .loss : .harmless
    // Without it there is nothing to see: its backup has never ended.
    case .announcement: way == .deleted ? nil : .harmless
    default: .harmless
    }
  }

  /// "number:path" of what no repair can bring back.
  func lost(_ way: Ruin) -> Set<String> {
    guard way != .swapped else { return [] }
    return switch self {
    case .dataPack: ["2:/one"]
    case .treePack: ["2:/"]
    case .manifest: ["1:/"]
    default: []
    }
  }

  /// The repair that `check` has to name.
  var repair: String {
    switch self {
    case .dataPack, .treePack: "cairn repair packs"
    case .manifest: "cairn repair snapshots"
    default: "cairn repair index"
    }
  }
}

enum Ruin: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case deleted, truncated, flipped, swapped
  var testDescription: String { rawValue }
}

@Suite struct DamageTableTests {
  @Test(arguments: Victim.allCases, Ruin.allCases)
  func everyDamageIsNamedAndRepaired(_ victim: Victim, _ way: Ruin) throws {
    let subject = try CheckSubject(.local)
    try prepare(subject)
    let contents = try subject.contents()
    let keys = try ruin(subject, victim, way)

    let found = try subject.check(.all)
    #expect(found.isDamaged == (victim.kind(way) != nil))
    for key in keys where victim.kind(way) != nil {
      let finding = try #require(found.errors.first { $0.object == key.path }, "\(found.errors.map(\.sentence))")
      #expect(finding.kind == victim.kind(way) && finding.next.contains(victim.repair), "\(finding.sentence) \(finding.kind)")
    }
    let lost = try repair(subject)
    #expect(lost == victim.lost(way))
    try expectWhole(subject, contents, lost)
  }

  /// Two log records and the announcement of a run that is gone.
  private func prepare(_ subject: CheckSubject) throws {
    try subject.tag(0, "a")
    try subject.tag(1, "b")
    let repository = try subject.open()
    for _ in 0..<2 {
      var record = SessionRecord(kind: .backup, client: .zero, started: Timestamp(seconds: 1, nanoseconds: 0))
      record.host = Array("elsewhere".utf8)
      let session = SessionID(random: SystemRandom.bytes(12), epoch: 2)
      let bytes = try Records.seal(.session, LogicalName.session(session), repository.keys, "an announcement") { try record.encode() }
      try Records.put(.sessions, session.hexadecimal, bytes, subject.storage)
    }
  }

  private func objects(_ subject: CheckSubject, _ victim: Victim) throws -> [ObjectKey] {
    switch victim {
    case .dataPack: return [try subject.pack(of: "one"), try subject.pack(of: "keep")]
    case .treePack: return [try subject.treePack(2), try subject.treePack(1)]
    case .indexObject: return try subject.objects(.index)
    case .manifest:
      return try [1, 2].map { number in
        let snapshot = subject.snapshots[number]
        return try Records.key(.snapshots, ManifestName(session: snapshot.id, hash: try #require(snapshot.object)).name)
      }
    case .register: return try [1, 2].map { try Records.key(.commits, subject.snapshots[$0].idHex) }
    case .logRecord: return try subject.objects(.log)
    case .configCopy: return [ObjectKey.configCopies[0], try #require(subject.objects(.keys).first)]
    case .keySlotCopy: return [try #require(subject.objects(.keys).first), ObjectKey.configCopies[1]]
    case .announcement: return try subject.objects(.sessions)
    }
  }

  /// - Returns: the objects that are damaged.
  private func ruin(_ subject: CheckSubject, _ victim: Victim, _ way: Ruin) throws -> [ObjectKey] {
    let keys = try objects(subject, victim)
    let key = keys[0]
    let bytes = try subject.bytes(key)
    let isPack = key.kind == .packs
    switch way {
    case .deleted: try subject.replace(key, nil)
    case .truncated: try subject.replace(key, Array(bytes.prefix(isPack ? 80 : bytes.count / 2)))
    case .flipped: try subject.flip(key, at: isPack ? 90 : bytes.count / 2)
    case .swapped:
      try subject.replace(key, try subject.bytes(keys[1]))
      // Copies of different objects: one of the two is enough.
      guard victim != .configCopy, victim != .keySlotCopy else { return [key] }
      try subject.replace(keys[1], bytes)
      return Array(keys.prefix(2))
    }
    return [key]
  }

  // MARK: - Repairing

  /// Runs all three repairs as the manual says, twice: the second time there is nothing to do.
  ///
  /// - Returns: "number:path" of what they name as lost.
  private func repair(_ subject: CheckSubject) throws -> Set<String> {
    var lost = Set<String>()
    for isAgain in [false, true] {
      let index = try subject.repairIndex()
      let packs = try subject.open().repairPacks(PackRepairOptions(), context: CheckSubject.context())
      var options = SnapshotRepairOptions()
      options.forget = true
      let snapshots = try subject.open().repairSnapshots(options, context: CheckSubject.context())
      for report in [index, packs, snapshots] where isAgain { #expect(report.steps.map(\.sentence) == []) }
      for item in snapshots.lost {
        lost.insert("\(subject.snapshots.firstIndex { $0.idHex == item.snapshot } ?? -1):\(text(item.path))")
      }
    }
    return lost
  }

  /// Everything is there but what was named, in the snapshots or in those that took their place.
  private func expectWhole(_ subject: CheckSubject, _ contents: [String: ObjectHash], _ lost: Set<String>) throws {
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
    let gone = Set(lost.compactMap { $0.split(separator: ":").first.flatMap { Int($0) } })
    #expect(try subject.contents() == contents.filter { !gone.contains(Int($0.key.prefix(1)) ?? -1) })
    let replacements = try subject.open().snapshots().snapshots.filter { snapshot in !subject.snapshots.contains { $0.id == snapshot.id } }
    #expect(replacements.count == gone.filter { !lost.contains("\($0):/") }.count)
    for snapshot in replacements {
      let saved = Set(try subject.contents(of: snapshot).map { "2:\($0.key)=\($0.value)" })
      let wanted = Set(contents.filter { $0.key.hasPrefix("2:") && !lost.contains($0.key) }.map { "\($0.key)=\($0.value)" })
      #expect(saved == wanted)
    }
    _ = try subject.open().prune(context: CheckSubject.context())
    #expect(try subject.check(.all).errors.map(\.sentence) == [])
  }
}
