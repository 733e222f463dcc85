import CairnStorage
import CairnTestSupport
import Testing

@testable import CairnKit

/// Forgetting, pruning and changes of keys are killed at each of their changes to the storage.
@Suite struct MaintenanceCrashTests {
  private struct Crash {
    let deadline: Int
    let fate: CrashPointTests.Fate
    let completesLast: Bool
  }

  /// All of them, or each change with one of the ways to die.
  private func crashes(_ count: Int) -> [Crash] {
    let ways = CrashPointTests.Fate.allCases.flatMap { fate in [false, true].map { (fate, $0) } }
    return (1...count).flatMap { deadline in
      (MaintenanceCommand.triesAll ? ways : [ways[deadline % ways.count]]).map {
        Crash(deadline: deadline, fate: $0.0, completesLast: $0.1)
      }
    }
  }

  @Test(arguments: MaintenanceCommand.allCases) func nothingIsLostAndTheNextRunCompletes(_ command: MaintenanceCommand) throws {
    let prepared = CrashDisk()
    try command.prepare(CrashProcess(prepared))
    prepared.cutPower { _ in false }
    let whole = CrashProcess(CrashDisk(prepared.content))
    try command.run(MaintenanceCommand.open(whole))
    #expect(whole.changes > (command == .prune ? 20 : 0))
    for crash in crashes(whole.changes) {
      let comment: Comment = "\(crash) of \(whole.changes)"
      let disk = CrashDisk(prepared.content)
      let doomed = CrashProcess(disk, killedAt: crash.deadline, completesLast: crash.completesLast)
      #expect(throws: CairnError.self, comment) { try command.run(MaintenanceCommand.open(doomed)) }
      crash.fate.strike(disk, seed: crash.deadline)
      try command.expectWhole(CrashProcess(disk), isFinished: false, comment)
      try command.run(MaintenanceCommand.open(CrashProcess(disk)))
      disk.cutPower { _ in false }
      try command.expectWhole(CrashProcess(disk), isFinished: true, comment)
      try command.expectClean(CrashProcess(disk), comment)
      try command.expectWhole(CrashProcess(disk), isFinished: true, comment)
    }
  }

  @Test func aSnapshotWhoseRegisterIsLostIsNoGarbage() throws {
    let storage = MemoryStorage()
    try MaintenanceCommand.prune.prepare(storage)
    let snapshot = try #require(try MaintenanceCommand.open(storage).snapshots().snapshots.last)
    let register = try #require(storage.contents.keys.first { $0.kind == .commits && $0.name == snapshot.idHex })
    let kept = try #require(storage.contents[register])
    storage.contents[register] = nil
    let before = storage.contents
    let error = #expect(throws: CairnError.self) { try MaintenanceCommand.prune.run(MaintenanceCommand.open(storage)) }
    #expect(error?.code == .damaged)
    #expect(storage.contents == before)
    storage.contents[register] = kept
    try MaintenanceCommand.prune.run(MaintenanceCommand.open(storage))
    try MaintenanceCommand.prune.expectWhole(storage, isFinished: true, "with its register back")
  }
}
