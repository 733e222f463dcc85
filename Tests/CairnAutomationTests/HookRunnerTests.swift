import CairnKit
import CairnSystem
import CairnTestSupport
import Foundation
import Glibc
import Synchronization
import Testing

@testable import CairnAutomation

@Suite(.timeLimit(.minutes(1))) struct HookRunnerTests {
  private let lines = Collected()
  private let cancellation = Cancellation()

  /// Lines, from any thread.
  private final class Collected: Sendable {
    let all = Mutex<[String]>([])
  }

  private func run(_ command: String, _ kind: HookKind = .before, limit: Double = 60, _ record: RunRecord? = nil) -> String? {
    let environment = ["PATH=/usr/bin:/bin", "CAIRN_PASSWORD=secret", "RESTIC_PASSWORD_FILE=/secret", "CAIRN_STATUS=old", "OTHER=kept"]
    let runner = HookRunner(
      timeLimit: limit, environment: environment.map { Array($0.utf8) }, repository: Array("/r".utf8), cancellation: cancellation,
      grace: 0.5
    ) { [lines] kind, line in lines.all.withLock { $0.append("\(kind.rawValue): \(String(decoding: line, as: UTF8.self))") } }
    return runner.run(command, kind, record ?? self.record)
  }

  private var record: RunRecord {
    var record = RunRecord(command: .backup, started: 1, ended: 2, outcome: .incomplete, status: 3)
    record.profile = "home"
    record.trigger = .catchUp
    record.series = "home@host"
    record.message = "2 problems"
    record.snapshot = .init(
      id: "ab", kind: "full", base: nil, filesNew: 1, filesChanged: 2, filesUnmodified: 3, totalBytes: 4, addedBytes: 5, storedBytes: 6,
      problems: 2)
    return record
  }

  @Test func aHookKnowsTheRunAndNoPassword() {
    #expect(run("env | grep -E '^(CAIRN|RESTIC|OTHER)' | sort", .onFailure) == nil)
    let said = lines.all.withLock { $0 }.map { $0.dropFirst("on-failure: ".count) }
    #expect(
      said == [
        "CAIRN_BYTES_ADDED=5", "CAIRN_BYTES_STORED=6", "CAIRN_EXIT_STATUS=3", "CAIRN_FILES_CHANGED=2", "CAIRN_FILES_NEW=1",
        "CAIRN_FILES_UNMODIFIED=3", "CAIRN_HOOK=on-failure", "CAIRN_MESSAGE=2 problems", "CAIRN_PROBLEMS=2", "CAIRN_PROFILE=home",
        "CAIRN_REPOSITORY=/r", "CAIRN_SERIES=home@host", "CAIRN_SNAPSHOT_ID=ab", "CAIRN_SNAPSHOT_KIND=full", "CAIRN_STATUS=incomplete",
        "CAIRN_TRIGGER=catch-up", "OTHER=kept",
      ])
  }

  @Test func beforeThereIsNoStatus() {
    #expect(run("env | grep -c CAIRN_STATUS; true") == nil)
    #expect(lines.all.withLock { $0 } == ["before: 0"])
  }

  @Test func aFailureIsASentenceWithTheLastLines() {
    let sentence = run("for i in 1 2 3 4 5 6 7; do echo line $i; done; printf 'last \\033[31m' >&2; exit 9")
    #expect(sentence?.hasPrefix("The hook 'before' (for i in 1 2 3") == true)
    #expect(
      sentence?.hasSuffix("…) failed with exit status 9: line 4 / line 5 / line 6 / line 7 / last \\x1b[31m") == true, "\(sentence ?? "")")
    #expect(sentence?.contains("\u{1b}") == false)
    #expect(lines.all.withLock { $0.count } == 8)
    #expect(run("kill -9 $$", .finally) == "The hook 'finally' (kill -9 $$) was ended by signal 9.")
    #expect(run("echo $CAIRN_HOOK >&2; /no/such/program", .after)?.contains("exit status 127: after / ") == true)
  }

  @Test func aHookThatHangsIsEnded() {
    #expect(run("sleep 60", limit: 0.3) == "The hook 'before' (sleep 60) took longer than 0 s and was ended.")
  }

  @Test func anInterruptionEndsTheHookAndLaterOnesRun() {
    let cancellation = cancellation
    let lines = lines
    let thread = Thread {
      // Not before the hook runs: one that is begun later is not ended.
      while lines.all.withLock({ $0.isEmpty }) { usleep(5000) }
      cancellation.cancel()
    }
    thread.start()
    #expect(
      run("echo begun; sleep 60") == "The hook 'before' (echo begun; sleep 60) was ended, because the run was interrupted: begun")
    #expect(run("echo order", .finally) == nil)
    #expect(lines.all.withLock { $0.last } == "finally: order")
  }

  @Test func everythingThatFollowsAnInterruptionSharesItsTime() {
    let allowance = StopAllowance(seconds: 3)
    #expect(allowance.limit(600) > 2.5 && allowance.limit(600) <= 3 && allowance.limit(2) <= 2)
    usleep(600_000)
    #expect(allowance.limit(600) < 2.5)
    #expect(StopAllowance(seconds: 0).limit(600) == 1)
  }

  @Test func aLineWithoutEndIsHandedOnInParts() {
    #expect(run("head -c 10000 /dev/zero | tr '\\0' x; echo; echo next") == nil)
    let lengths = lines.all.withLock { $0.prefix(3).map { $0.utf8.count - "before: ".utf8.count } }
    #expect(lengths == [4096, 4096, 1808])
    #expect(lines.all.withLock { $0.last } == "before: next")
  }
}

@Suite struct RunTurnTests {
  private let directory = TemporaryDirectory()
  private var files: StateFiles { StateFiles(state: Array(directory.string.utf8)) }

  @Test func oneAtATimeAndTheOtherIsToldWhoHasIt() throws {
    let marker = RunMarker(started: 5, trigger: .boot)
    guard case .mine(let turn) = try RunTurn.take(marker, profile: "p", files) else { Issue.record("taken"); return }
    #expect(turn.dead == nil)
    guard case .taken(let other) = try RunTurn.take(RunMarker(started: 6, trigger: .manual), profile: "p", files) else {
      Issue.record("not taken")
      return
    }
    #expect(other == marker)
    #expect(RunTurn.current(profile: "p", files)?.isAlive == true)
    guard case .mine = try RunTurn.take(marker, profile: "q", files) else { Issue.record("another profile"); return }
    turn.end()
    #expect(RunTurn.current(profile: "p", files) == nil)
  }

  @Test func aRunThatDiedIsNoticedByTheNext() throws {
    func die() throws { _ = try RunTurn.take(RunMarker(started: 5, trigger: .schedule), profile: "p", files) }
    try die()
    guard case .mine(let turn) = try RunTurn.take(RunMarker(started: 9, trigger: .manual), profile: "p", files) else {
      Issue.record("taken")
      return
    }
    let dead = try #require(turn.dead)
    let record = dead.epitaph(profile: "p")
    #expect(record.started == 5 && record.outcome == .failure && record.trigger == .schedule)
    turn.end()
    guard case .mine(let next) = try RunTurn.take(RunMarker(started: 10, trigger: .manual), profile: "p", files) else { return }
    #expect(next.dead == nil)
  }

  @Test(arguments: ["", "garbage", "{}", "[1]", String(repeating: "x", count: 10_000)])
  func whatIsNoMarkerTellsNothing(text: String) throws {
    try files.write("p.lock", Array(text.utf8))
    guard case .mine(let turn) = try RunTurn.take(RunMarker(started: 9, trigger: nil), profile: "p", files) else { return }
    #expect(turn.dead == nil)
  }
}
