import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKit

@Suite struct ForgetTests {
  private let storage = MemoryStorage()
  private let repository: Repository
  private let snapshots: [Snapshot]

  /// Four snapshots of the seconds 1 to 4.
  init() throws {
    repository = try TestRepository.create(storage)
    let fixture = WriterFixture(repository)
    for number in 1...4 { try fixture.backUp(number) }
    snapshots = try repository.snapshots().snapshots
  }

  private func times() throws -> [Int64] { try repository.snapshots().snapshots.map(\.manifest.time.seconds) }

  private func options(_ policy: String) throws -> ForgetOptions {
    var options = ForgetOptions()
    options.policy = try RetentionFixture.policy(policy)
    return options
  }

  private func named(_ names: String...) -> ForgetOptions {
    var options = ForgetOptions()
    options.snapshots = names
    return options
  }

  private func recordCount() throws -> Int { try WriterFixture(repository).keys(.log).count }

  @Test func aPolicyForgetsAndUndoBringsBack() throws {
    let plan = try repository.planForget(try options("last 1"))
    #expect(try times() == [1, 2, 3, 4], "a plan changes nothing")
    #expect(try repository.forget(plan) == 3)
    #expect(try times() == [4])
    #expect(try repository.planForget(try options("last 1")).count == 0)
    let forgotten = try repository.forgottenSnapshots()
    #expect(forgotten.snapshots.map(\.idHex) == snapshots.prefix(3).map(\.idHex))
    #expect(try repository.undoForget([snapshots[1]]) == 1)
    #expect(try times() == [2, 4])
    #expect(try repository.undoForget(forgotten.snapshots) == 2, "one of them is back already")
    try WriterFixture(repository).expectWhole([1, 2, 3, 4])
  }

  @Test func namedSnapshotsGoWhateverThePolicy() throws {
    #expect(try repository.forget(repository.planForget(named(snapshots[0].idHex, "latest"))) == 2)
    #expect(try times() == [2, 3])
    #expect(try repository.forget(repository.planForget(named(snapshots[1].idHex, snapshots[2].idHex))) == 2)
    #expect(try times() == [])
  }

  @Test func nothingToDoWritesNoRecord() throws {
    let plan = try repository.planForget(named(snapshots[0].idHex))
    try repository.forget(plan)
    let count = try recordCount()
    #expect(try repository.forget(plan) == 0)
    #expect(try repository.forget(repository.planForget(try options("last 3"))) == 0)
    #expect(try repository.undoForget([snapshots[3]]) == 0)
    #expect(try recordCount() == count)
  }

  @Test func theRecordSaysWho() throws {
    try repository.forget(repository.planForget(named(snapshots[0].idHex)))
    let record = try Records.log(0, storage, repository.keys).0
    #expect(record.forget == [snapshots[0].id])
    #expect(record.host == Array(Host.name.utf8))
    #expect(record.user == Array(Host.userName.utf8))
  }

  @Test func requestsThatMakeNoSenseAreRefused() throws {
    func refuses(_ code: CairnError.Code, _ options: ForgetOptions) {
      #expect { try repository.planForget(options) } throws: { ($0 as? CairnError)?.code == code }
    }
    refuses(.usage, ForgetOptions())
    refuses(.usage, try options("last 0;monthly 0"))
    refuses(.usage, named(snapshots[0].idHex, snapshots[0].shortID))
    refuses(.usage, named(snapshots[3].idHex, "latest"))
    refuses(.notFound, named("deadbeef"))
    refuses(.notFound, named(""))
    refuses(.notFound, named("latest~4"))
    var both = try options("last 1")
    both.snapshots = ["latest"]
    refuses(.usage, both)
    var everything = ForgetOptions()
    everything.allowsRemovingAll = true
    refuses(.usage, everything)
    #expect(try times() == [1, 2, 3, 4])
  }

  @Test func aForgottenSnapshotIsNotForgottenAgain() throws {
    try repository.forget(repository.planForget(named(snapshots[0].idHex)))
    #expect { try repository.planForget(named(snapshots[0].idHex)) } throws: { "\($0)".contains("forgotten already") }
  }

  @Test func aPolicyThatLeavesNothingOfAGroupForgetsNothing() throws {
    try repository.amend([(snapshots[0].id, tags: [Array("keep".utf8)], description: nil)])
    var byTag = try options("tag keep")
    byTag.grouping = try #require(SnapshotGrouping("tags"))
    #expect { try repository.planForget(byTag) } throws: { "\($0)".contains("all 3 snapshots of tags []") }
    #expect { try repository.planForget(try options("tag typo")) } throws: { ($0 as? CairnError)?.code == .failed }
    byTag.allowsRemovingAll = true
    #expect(try repository.planForget(byTag).removed.map(\.idHex) == snapshots.dropFirst().map(\.idHex))
    var filtered = ForgetOptions()
    filtered.allowsRemovingAll = true
    filtered.filter.tags = [["keep"]]
    #expect(try repository.planForget(filtered).removed.map(\.idHex) == [snapshots[0].idHex])
  }

  @Test func aForgedFutureDoesNotHideThatAllRealSnapshotsWouldGo() throws {
    #expect { try repository.planForget(try options("tag typo"), now: Timestamp(seconds: 3 - 86_400)) } throws: {
      "\($0)".contains("all 3 snapshots")
    }
    let plan = try repository.planForget(try options("last 1"), now: Timestamp(seconds: 3 - 86_400))
    #expect(plan.fromTheFuture.map(\.idHex) == [snapshots[3].idHex])
    #expect(plan.removed.map(\.idHex) == snapshots.prefix(2).map(\.idHex))
  }

  @Test func aFilterLimitsWhatAPolicySees() throws {
    try repository.amend([(snapshots[0].id, tags: [[0x61]], description: nil), (snapshots[1].id, tags: [[0x61]], description: nil)])
    var tagged = try options("last 1")
    tagged.filter.tags = [["a"]]
    let plan = try repository.planForget(tagged)
    #expect(plan.removed.map(\.idHex) == [snapshots[0].idHex])
    #expect(plan.groups.map(\.retention.kept.count) == [1])
  }

  @Test func anUnreadableSnapshotStaysUnlessItIsNamedInFull() throws {
    let bad = snapshots[1]
    let key = try #require(try WriterFixture(repository).keys(.snapshots).first { $0.name.hasPrefix(bad.idHex) })
    try storage.delete(key)
    let plan = try repository.planForget(try options("last 1"))
    #expect(plan.removed.map(\.idHex) == [snapshots[0].idHex, snapshots[2].idHex])
    #expect(plan.problems.count == 1)
    #expect { try repository.planForget(named(String(bad.idHex.prefix(31)))) } throws: { ($0 as? CairnError)?.code == .ambiguous }
    let explicit = try repository.planForget(named(bad.idHex))
    #expect(explicit.unreadable == [bad.idHex])
    #expect(try repository.forget(explicit) == 1)
    #expect(try repository.snapshots().problems.isEmpty)
    #expect(try repository.forgottenSnapshots().problems.count == 1)
  }

  @Test func aPlanThatHasGrownStaleForgetsNothing() throws {
    let plan = try repository.planForget(try options("last 1"))
    try repository.forget(repository.planForget(named("latest")))
    #expect { try repository.forget(plan) } throws: { ($0 as? CairnError)?.code == .conflict }
    #expect(try times() == [1, 2, 3])
    let other = try repository.planForget(try options("last 1"))
    try repository.amend([(snapshots[0].id, tags: [Array("keep".utf8)], description: nil)])
    #expect { try repository.forget(other) } throws: { ($0 as? CairnError)?.code == .conflict }
    #expect(try times() == [1, 2, 3])
  }

  @Test func twoThatForgetTheSameAreBothDone() throws {
    let plan = try repository.planForget(try options("last 2"))
    let other = try repository.planForget(named(snapshots[0].idHex))
    #expect(try repository.forget(other) == 1)
    #expect(try repository.forget(plan) == 1)
    #expect(try times() == [3, 4])
  }

  @Test func whatASweepMayHaveTakenDoesNotComeBack() throws {
    let fixture = WriterFixture(repository)
    try repository.forget(repository.planForget(named(snapshots[0].idHex)))
    let pack = PackName(hash: .zero, owner: snapshots[0].id)
    try fixture.appendLog { $0.condemn = [pack] }
    #expect(try repository.forgottenSnapshots().snapshots.map(\.idHex) == [snapshots[0].idHex], "condemned is not swept")
    try fixture.appendLog { $0.sweeps = [LogRecord.Sweep(record: 1, packs: [pack])] }
    let forgotten = try repository.forgottenSnapshots()
    #expect(forgotten.snapshots.isEmpty)
    #expect(forgotten.lostIDs == [snapshots[0].idHex])
    #expect { try repository.undoForget([snapshots[0]]) } throws: { "\($0)".contains("cannot come back") }
    #expect(try times() == [2, 3, 4])
  }

  @Test func whatACheckpointFoldedAwayIsLostAndItsPlansAreStale() throws {
    let fixture = WriterFixture(repository)
    try repository.forget(repository.planForget(named(snapshots[0].idHex)))
    let plan = try repository.planForget(try options("last 1"))
    let accepted = try snapshots[1...2].map { ManifestName(session: $0.id, hash: try #require($0.object)) }
    let deltas = try fixture.keys(.index).map(\.name)
    try fixture.appendLog {
      $0.start = $0.index
      $0.checkpoint = .init(index: deltas, below: 1, accepted: accepted.sorted { $0.session < $1.session })
    }
    #expect(try times() == [2, 3])
    #expect { try repository.undoForget([snapshots[0]]) } throws: { "\($0)".contains("cannot come back") }
    #expect { try repository.forget(plan) } throws: { ($0 as? CairnError)?.code == .conflict }
    #expect(try repository.forget(repository.planForget(try options("last 1"))) == 1)
    #expect(try repository.undoForget([snapshots[1]]) == 1, "forgotten after the checkpoint")
  }

  @Test func whereNothingMayBeDeletedNothingIsForgotten() throws {
    let counting = CountingStorage(storage)
    let client = try TestRepository.open(counting)
    counting.isAppendOnly.withLock { $0 = true }
    let plan = try client.planForget(try options("last 1"))
    #expect { try client.forget(plan) } throws: { ($0 as? CairnError)?.code == .storage }
    #expect(try times() == [1, 2, 3, 4])
    counting.isAppendOnly.withLock { $0 = false }
    #expect(try client.forget(plan) == 3)
  }

  @Test func aLogThatCannotBeReadIsNotAddedTo() throws {
    try repository.forget(repository.planForget(named(snapshots[0].idHex)))
    let plan = try repository.planForget(named(snapshots[1].idHex))
    let key = try #require(try WriterFixture(repository).keys(.log).first)
    try storage.delete(key)
    try storage.put(key, [1, 2, 3])
    #expect { try repository.forget(plan) } throws: { ($0 as? CairnError)?.code == .damaged }
    #expect(try recordCount() == 1)
  }

  private enum Loss: CaseIterable { case record, wholeLog, checkpoint, register }

  @Test(arguments: Loss.allCases) private func whereRecordsAreLostNoPolicyDecides(_ loss: Loss) throws {
    let fixture = WriterFixture(repository)
    try repository.forget(repository.planForget(named(snapshots[0].idHex)))
    if loss == .record { try repository.amend([(snapshots[1].id, tags: [Array("tag".utf8)], description: nil)]) }
    if loss == .checkpoint {
      let accepted = try snapshots.dropFirst().map { ManifestName(session: $0.id, hash: try #require($0.object)) }
      let deltas = try fixture.keys(.index).map(\.name)
      try fixture.appendLog {
        $0.start = $0.index
        $0.checkpoint = .init(index: deltas, below: 1, accepted: accepted.sorted { $0.session < $1.session })
      }
      for key in try fixture.keys(.commits) + [fixture.keys(.log)[0]] { try storage.delete(key) }
    }
    try fixture.backUp(5)
    #expect(try repository.planForget(options("last 2")).count > 0)
    switch loss {
    case .record, .wholeLog: try storage.delete(try #require(try fixture.keys(.log).first))
    case .checkpoint: try storage.delete(try #require(try fixture.keys(.log).last))
    case .register: try storage.delete(Records.key(.commits, snapshots[2].idHex))
    }
    let error = #expect(throws: CairnError.self) { try repository.planForget(options("last 2")) }
    #expect(error?.code == .damaged && error?.guidance?.contains("cairn repair index") == true)
    _ = try repository.repairIndex(RepairOptions(), context: RunContext(threads: 1))
    #expect(try repository.planForget(options("last 2")).count > 0)
  }
}
