import CairnFormat
import CairnTestSupport
import Testing

@testable import CairnKit

/// What forgetting and undoing mean for a prune, and a prune for them.
@Suite struct ForgetPruneTests {
  private let fixture: BackupFixture
  private let snapshots: [Snapshot]
  private var repository: Repository { fixture.repository }

  /// Three snapshots of one file, whose content is another each time.
  init() throws {
    fixture = try BackupFixture()
    var made: [Snapshot] = []
    for number in 0..<3 {
      try fixture.source.write("file", Self.content(number))
      made.append(try fixture.snapshot { $0.setTime(seconds: Int64(number), nanoseconds: 0) })
    }
    snapshots = made
  }

  private static func content(_ number: Int) -> [UInt8] {
    var random = SplitMix64(seed: UInt64(number))
    return random.bytes(300_000)
  }

  private func plan(_ policy: String) throws -> ForgetPlan {
    var options = ForgetOptions()
    options.policy = try RetentionFixture.policy(policy)
    return try repository.planForget(options)
  }

  private func expectWhole(_ numbers: [Int]) throws {
    #expect(try repository.snapshots().snapshots.map(\.idHex) == numbers.map { snapshots[$0].idHex })
    for number in numbers { #expect(try fixture.content("/file", snapshots[number]) == Self.content(number)) }
  }

  /// A backup that is under way.
  private func begin() throws -> SessionWriter {
    try SessionWriter.begin(
      repository, description: SessionWriterTests.description, options: WriterOptions(), context: RunContext())
  }

  @Test func whatIsCondemnedButNotSweptComesBackWhole() throws {
    try repository.forget(plan("last 1"))
    let running = try begin()
    #expect(try repository.prune().waitingFor.count == 1)
    #expect(try repository.undoForget(repository.forgottenSnapshots().snapshots) == 2)
    try expectWhole([0, 1, 2])
    running.abandon()
    let report = try repository.prune()
    #expect(report.rescued.count > 0)
    #expect(report.waitingFor.isEmpty)
    try expectWhole([0, 1, 2])
  }

  @Test func whatAPruneHasSweptDoesNotComeBack() throws {
    try repository.forget(plan("last 2"))
    #expect(try repository.prune().deleted.count > 0)
    try repository.forget(plan("last 1"))
    #expect(try repository.forgottenSnapshots().snapshots.map(\.idHex) == [snapshots[1].idHex])
    #expect { try repository.undoForget(Array(snapshots.prefix(2))) } throws: { "\($0)".contains("cannot come back") }
    try expectWhole([2])
    #expect(try repository.undoForget([snapshots[1]]) == 1)
    try expectWhole([1, 2])
    #expect(try repository.prune().deleted.count == 0)
    try expectWhole([1, 2])
  }

  @Test func aDryRunReckonsWithThePlan() throws {
    let plan = try plan("last 1")
    var dry = PruneOptions()
    dry.dryRun = true
    #expect(try repository.prune(dry).unused.count == 0)
    dry.assume(plan)
    let expected = try repository.prune(dry)
    #expect(expected.isDryRun)
    try expectWhole([0, 1, 2])
    try repository.forget(plan)
    let done = try repository.prune()
    #expect(expected.unused == done.unused)
    #expect(expected.unused.count > 0)
    try expectWhole([2])
  }
}
