import CairnFormat
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct ChangeDetectorTests {
  private let status: FileStatus
  private let node: Node
  private let calm: ChangeDetector

  init() throws {
    let directory = TemporaryDirectory()
    try directory.write("file", [1, 2, 3])
    status = try FileSystem.status(at: directory.open(), name: Array("file".utf8))
    var reader = NodeReader(AccountNames())
    node = reader.node(Array("file".utf8), status)
    let later = Timestamp(seconds: status.ctime.seconds + 100, nanoseconds: 0)
    calm = ChangeDetector(baseStarted: later, now: later)
  }

  private func verdict(_ detector: ChangeDetector? = nil, _ change: (inout FileStatus) -> Void = { _ in }) -> ChangeDetector.Verdict {
    var changed = status
    change(&changed)
    return (detector ?? calm).verdict(changed, node)
  }

  @Test func whatIsTheSameIsUnchanged() { #expect(verdict() == .unchanged) }

  @Test func sizeTimesInodeAndTypeEachTellAChange() {
    #expect(verdict { $0.size += 1 } == .content)
    #expect(verdict { $0.mtime.seconds -= 1 } == .content)
    #expect(verdict { $0.ctime.seconds -= 1 } == .content)
    #expect(verdict { $0.inode += 1 } == .content)
    #expect(verdict { $0.type = .fifo } == .content)
  }

  @Test func metadataThatChangesWithoutCtimeIsReadAgainWithoutTheContent() {
    #expect(verdict { $0.mode = 0o600 } == .metadata)
    #expect(verdict { $0.uid += 1 } == .metadata)
    #expect(verdict { $0.linkCount += 1 } == .metadata)
  }

  @Test func ctimeAndInodeCanBeIgnored() {
    var detector = calm
    detector.ignoresCtime = true
    #expect(verdict(detector) { $0.ctime.seconds -= 1 } == .metadata)
    detector = calm
    detector.ignoresInode = true
    #expect(verdict(detector) { $0.inode += 1 } == .metadata)
  }

  /// The base read the file in the same clock tick in which it may have been written again.
  @Test(arguments: [(Int64(0), true), (19_000_000, true), (-1_000_000, true), (21_000_000, false)])
  func whatWasTouchedWhenTheBaseBeganIsReadAgain(_ nanosecondsBefore: Int64, _ isRacy: Bool) {
    let total = Int64(status.ctime.nanoseconds) + nanosecondsBefore
    let started = Timestamp(
      seconds: status.ctime.seconds + (total < 0 ? -1 : total / 1_000_000_000),
      nanoseconds: UInt32((total + 1_000_000_000) % 1_000_000_000))
    let detector = ChangeDetector(baseStarted: started, now: Timestamp(seconds: started.seconds + 50, nanoseconds: 0))
    #expect(verdict(detector) == (isRacy ? .content : .unchanged))
  }

  @Test func aTimeInTheFutureWasSetByHandAndSaysNothing() {
    var changed = status
    changed.mtime.seconds += 1_000_000
    var base = node
    base.mtime.seconds += 1_000_000
    #expect(calm.verdict(changed, base) == .unchanged)
  }

  @Test func aFileThatChangedWhileItWasReadIsReadAgain() {
    var base = node
    base.flags = .changedWhileRead
    #expect(calm.verdict(status, base) == .content)
  }
}
