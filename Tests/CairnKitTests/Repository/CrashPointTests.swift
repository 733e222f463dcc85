import CairnFormat
import CairnStorage
import CairnTestSupport
import Testing

@testable import CairnKit

/// A backup is killed at each of its changes to the storage, with and without a power cut right after.
@Suite struct CrashPointTests {
  enum Fate: String, CaseIterable, Sendable {
    case killed, powerCutLosesAll, powerCutLosesSome

    func strike(_ disk: CrashDisk, seed: Int) {
      var random = SplitMix64(seed: UInt64(seed))
      switch self {
      case .killed: break
      case .powerCutLosesAll: disk.cutPower { _ in false }
      case .powerCutLosesSome: disk.cutPower { _ in random.next() % 2 == 0 }
      }
    }
  }

  private func fixture(_ disk: CrashDisk, killedAt deadline: Int = .max, completesLast: Bool = false) throws -> WriterFixture {
    var fixture = WriterFixture(try TestRepository.open(CrashProcess(disk, killedAt: deadline, completesLast: completesLast)))
    fixture.blobBytes = 3000
    return fixture
  }

  /// A disk with one snapshot.
  private func prepared() throws -> CrashDisk.Content {
    let disk = CrashDisk()
    _ = try TestRepository.create(CrashProcess(disk))
    try fixture(disk).backUp(1)
    disk.cutPower { _ in false }
    try fixture(disk).expectWhole([1])
    return disk.content
  }

  private func changes(_ content: CrashDisk.Content) throws -> Int {
    let process = CrashProcess(CrashDisk(content))
    var fixture = WriterFixture(try TestRepository.open(process))
    fixture.blobBytes = 3000
    try fixture.backUp(2)
    return process.changes
  }

  /// Makes the sessions that are left look like those of a process that is gone, as they are.
  private func bury(_ disk: CrashDisk) throws {
    let fixture = try fixture(disk)
    for key in try fixture.keys(.sessions) {
      let record = try fixture.recordOfTheDead(try #require(SessionID(hex: key.name)))
      disk.change { $0.objects[key] = record }
    }
  }

  @Test(arguments: Fate.allCases, [false, true])
  func earlierSnapshotsSurviveAndTheNextBackupCompletes(_ fate: Fate, _ completesLast: Bool) throws {
    let content = try prepared()
    let count = try changes(content)
    #expect(count > 15)
    for deadline in 1...count {
      let comment: Comment = "killed at change \(deadline) of \(count)"
      let disk = CrashDisk(content)
      let doomed = try fixture(disk, killedAt: deadline, completesLast: completesLast)
      if deadline < count - 1 {
        #expect(throws: CairnError.self, comment) { try doomed.backUp(2) }
      } else {
        // The last changes take the announcements back: nothing depends on them.
        try doomed.backUp(2)
      }
      fate.strike(disk, seed: deadline)
      try fixture(disk).expectWhole([1], orMore: true, comment)
      try bury(disk)
      try fixture(disk).backUp(2)
      // Whatever the next run took over from the dead one must be as durable as its own.
      disk.cutPower { _ in false }
      try fixture(disk).expectWhole([1, 2], orMore: true, comment)
      try fixture(disk).backUp(3)
      try fixture(disk).expectWhole([1, 2, 3], orMore: true, comment)
      #expect(try fixture(disk).keys(.sessions).isEmpty, comment)
    }
  }

  @Test(arguments: [false, true]) func anInterruptedCreationIsFinished(_ completesLast: Bool) throws {
    let whole = CrashProcess(CrashDisk())
    _ = try TestRepository.create(whole)
    for deadline in 1..<whole.changes {
      let disk = CrashDisk()
      #expect(throws: CairnError.self) { try TestRepository.create(CrashProcess(disk, killedAt: deadline, completesLast: completesLast)) }
      disk.cutPower { _ in false }
      if disk.content.objects.keys.contains(where: { $0.kind == .config }) {
        #expect(try fixture(disk).repository.keySlots().count == 1)
      } else {
        #expect(try TestRepository.create(CrashProcess(disk)).keySlots().count == 1)
      }
      try fixture(disk).backUp(1)
      try fixture(disk).expectWhole([1])
    }
  }
}
