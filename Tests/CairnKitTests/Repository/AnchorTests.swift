import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// A storage that hides, replays and rolls back, and a machine that has seen newer things.
@Suite struct AnchorTests {
  private let storage = MemoryStorage()
  private let machine = TemporaryDirectory()

  init() throws { _ = try TestRepository.create(storage) }

  /// A command that begins now, on this machine or another.
  private func client(on directory: TemporaryDirectory? = nil) throws -> (fixture: WriterFixture, sink: RecordingSink) {
    let sink = RecordingSink()
    let repository = try TestRepository.open(storage, stateDirectory: (directory ?? machine).path, sink: sink)
    return (WriterFixture(repository, sink: sink), sink)
  }

  @discardableResult
  private func backUp(_ number: Int, on directory: TemporaryDirectory? = nil) throws -> Snapshot {
    try client(on: directory).fixture.backUp(number)
  }

  private func forget(_ snapshots: Snapshot...) throws {
    let repository = try client().fixture.repository
    var options = ForgetOptions()
    options.snapshots = snapshots.map(\.idHex)
    try repository.forget(repository.planForget(options))
  }

  /// What a command that lists the snapshots warns of.
  private func warnings(on directory: TemporaryDirectory? = nil) throws -> [String] {
    let (fixture, sink) = try client(on: directory)
    _ = try fixture.repository.snapshots()
    _ = try fixture.repository.snapshots()
    return sink.warnings
  }

  private func objects(_ kinds: ObjectKey.Kind...) -> [ObjectKey] { storage.contents.keys.filter { kinds.contains($0.kind) }.sorted() }

  /// Hides the snapshot's register and manifest.
  private func hide(_ snapshot: Snapshot) {
    for key in objects(.commits, .snapshots) where key.name.hasPrefix(snapshot.idHex) { storage.contents[key] = nil }
  }

  private func tag(_ snapshot: Snapshot, _ text: String) throws {
    try client().fixture.repository.amend([(snapshot.id, tags: [Array(text.utf8)], description: nil)])
  }

  // MARK: - Nothing to notice

  @Test func ordinaryLifeIsSilent() throws {
    let first = try backUp(1)
    let second = try backUp(2)
    try backUp(3)
    try tag(first, "a")
    try forget(first)
    let repository = try client().fixture.repository
    try repository.undoForget(repository.forgottenSnapshots().snapshots)
    try forget(first, second)
    #expect(try client().fixture.repository.prune().deleted.count > 0)
    try backUp(4)
    let (fixture, sink) = try client()
    #expect(try fixture.repository.snapshots().snapshots.count == 2)
    #expect(sink.warnings.isEmpty)
    #expect(try fixture.repository.check().errors.isEmpty)
  }

  @Test func whatAnotherMachineForgotAndPrunedIsNotMissed() throws {
    let first = try backUp(1)
    try backUp(2)
    let other = try WriterFixture(TestRepository.open(storage)).repository
    var options = ForgetOptions()
    options.snapshots = [first.idHex]
    try other.forget(other.planForget(options))
    #expect(try other.prune().deleted.count > 0)
    // Twice, so that nothing is left of the records in between.
    try WriterFixture(other).appendLog { _ in }
    #expect(try warnings() == [])
    #expect(try client().fixture.repository.prune().waitingFor.isEmpty)
  }

  @Test func aMachineThatSeesTheRepositoryForTheFirstTimeBelievesIt() throws {
    let old = storage.contents
    try backUp(1)
    storage.contents = old
    #expect(try warnings(on: TemporaryDirectory()) == [])
  }

  @Test func anOlderCopyInAnotherPlaceIsNoRollback() throws {
    try backUp(1)
    let copy = MemoryStorage(location: "elsewhere")
    copy.contents = storage.contents
    try backUp(2)
    let sink = RecordingSink()
    let repository = try TestRepository.open(copy, stateDirectory: machine.path, sink: sink)
    #expect(try repository.snapshots().snapshots.count == 1)
    #expect(sink.warnings.isEmpty)
  }

  // MARK: - Rolled back

  @Test func aRepositoryThatWasRolledBackIsNoticed() throws {
    let first = try backUp(1)
    try tag(first, "a")
    let old = storage.contents
    let second = try backUp(2)
    try tag(first, "b")
    storage.contents = old
    let said = try #require(try warnings().first)
    #expect(said.contains("rolled back: its log has 1 records, and had 2"))
    #expect(said.contains(second.shortID))
    #expect(said.contains("cairn check --accept-rollback"))
    #expect(try warnings().count == 1, "until it is accepted")
  }

  @Test func aLostTailOfTheLogIsNoticed() throws {
    let first = try backUp(1)
    for text in ["a", "b", "c"] { try tag(first, text) }
    storage.contents[try #require(objects(.log).last)] = nil
    #expect(try warnings().first?.contains("its log has 2 records, and had 3") == true)
  }

  @Test func aRecordThatTakesAnothersPlaceIsNoticed() throws {
    let first = try backUp(1)
    try tag(first, "a")
    let old = storage.contents
    try tag(first, "b")
    storage.contents = old
    // A machine that knows nothing of it goes on from there.
    let stranger = try TestRepository.open(storage)
    for text in ["c", "d"] { try stranger.amend([(first.id, tags: [Array(text.utf8)], description: nil)]) }
    #expect(try warnings().first?.contains("record 1 of its log is not the one") == true)
  }

  @Test func aRecordReplayedInAnotherPlaceCountsForNothing() throws {
    let first = try backUp(1)
    try forget(first)
    try tag(first, "a")
    let log = objects(.log)
    storage.contents[log[1]] = storage.contents[log[0]]
    let (fixture, _) = try client()
    let list = try fixture.repository.snapshots()
    #expect(list.problems.count == 1)
    #expect(throws: CairnError.self) { try fixture.repository.prune() }
  }

  // MARK: - Hidden

  @Test func aHiddenSnapshotIsNamed() throws {
    try backUp(1)
    let second = try backUp(2)
    hide(second)
    let (fixture, sink) = try client()
    #expect(try fixture.repository.snapshots().missingIDs == [second.idHex])
    #expect(sink.warnings.first?.contains("Snapshot \(second.shortID), which this machine has seen, is missing") == true)
    let report = try fixture.repository.check()
    #expect(report.hasLoss)
    #expect(report.errors.flatMap(\.affectedSnapshots).contains(second.idHex))
    #expect(sink.warnings.count == 1)
  }

  @Test func whatOneClientSawTheOtherOnTheMachineMisses() throws {
    let (one, _) = try client()
    let (two, sink) = try client()
    let snapshot = try one.backUp(1)
    hide(snapshot)
    _ = try two.repository.snapshots()
    #expect(sink.warnings.count == 1)
  }

  @Test func aSnapshotThatComesBackIsMissedNoMore() throws {
    let first = try backUp(1)
    let whole = storage.contents
    hide(first)
    #expect(try warnings().count == 1)
    storage.contents = whole
    #expect(try warnings() == [])
  }

  // MARK: - What is done then

  @Test func nothingIsForgottenOrDeletedOnTheWordOfAnOlderState() throws {
    let first = try backUp(1)
    let second = try backUp(2)
    try forget(first)
    hide(second)
    let before = storage.contents
    let error = #expect(throws: CairnError.self) { try client().fixture.repository.prune() }
    #expect(error?.code == .rolledBack)
    #expect(error?.guidance?.contains("--accept-rollback") == true)
    #expect(throws: CairnError.self) { try forget(second) }
    #expect(storage.contents == before)
    var plan = PruneOptions()
    plan.dryRun = true
    #expect(throws: Never.self) { try client().fixture.repository.prune(plan) }
  }

  @Test func aBackupWarnsAndGoesOn() throws {
    let first = try backUp(1)
    try tag(first, "a")
    let old = storage.contents
    try tag(first, "b")
    storage.contents = old
    let (fixture, sink) = try client()
    let second = try fixture.backUp(2)
    #expect(sink.warnings.count == 1)
    hide(second)
    #expect(try warnings().first?.contains(second.shortID) == true, "its own snapshot is missed as any other")
  }

  @Test func whatIsAcceptedIsMissedNoMore() throws {
    let first = try backUp(1)
    try tag(first, "a")
    let old = storage.contents
    try backUp(2)
    try tag(first, "b")
    storage.contents = old
    var options = CheckOptions()
    #expect(try client().fixture.repository.check(options).errorCount == 2)
    options.acceptsRollback = true
    #expect(try client().fixture.repository.check(options).errors.isEmpty)
    #expect(try warnings() == [])
    try forget(first)
    #expect(try client().fixture.repository.prune().deleted.count > 0)
  }

  // MARK: - The file

  @Test func aDamagedAnchorIsMadeAnew() throws {
    let first = try backUp(1)
    let path = try anchorPath()
    var bytes = try machine.read(path)
    bytes[bytes.count / 2] ^= 1
    try machine.write(path, bytes)
    let (fixture, sink) = try client()
    #expect(try fixture.repository.snapshots().snapshots.count == 1)
    #expect(sink.messages.contains { $0.contains("is damaged; it is made anew") })
    hide(first)
    #expect(try warnings().count == 1)
  }

  @Test func aPlaceWhereNothingCanBeKeptIsNoError() throws {
    for path in ["/proc/none", "/dev/null"] {
      let repository = try TestRepository.open(storage, stateDirectory: Array(path.utf8))
      try WriterFixture(repository).backUp(1)
      #expect(try repository.check().errors.isEmpty)
    }
  }

  @Test func theAnchorIsSmallAndForThisUserAlone() throws {
    for number in 1...20 { try backUp(number) }
    let path = try anchorPath()
    #expect(try machine.read(path).count <= 20 * 64)
    let parts = path.split(separator: "/").map { Array($0.utf8) }
    #expect(try FileSystem.status(at: machine.open(), name: parts[0]).mode & 0o077 == 0)
  }

  @Test func anAnchorNeverGoesBack() throws {
    try backUp(1)
    let file = try #require(AnchorFile(try client().fixture.repository))
    let old = try RepositoryState.read(storage, keys: client().fixture.repository.keys)
    let second = try backUp(2)
    try tag(second, "a")
    let kept = try #require(try file.load())
    var anchor = kept
    anchor.advance(to: old, configCounter: 0)
    #expect(anchor == kept)
    #expect(kept.logLength == 1)
    #expect(kept.snapshots.count == 2)
  }

  private func anchorPath() throws -> String {
    let repository = try TestRepository.open(storage)
    let folder = try OpenFile.open(machine.path(repository.idHex), [.read, .directory])
    let listing = try folder.list()
    let names = (0..<listing.count).map { String(decoding: listing.name($0), as: UTF8.self) }
    return "\(repository.idHex)/\(try #require(names.first { $0.hasPrefix("anchor-") }))"
  }
}
