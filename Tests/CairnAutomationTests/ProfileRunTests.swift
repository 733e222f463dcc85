import CairnKit
import CairnProfiles
import Testing

@testable import CairnAutomation

/// The order of a run, and what it comes to, with everything outside replaced.
@Suite struct ProfileRunTests {
  /// Writes down what is asked of it.
  private final class Recorder: RunEffects {
    var log: [String] = []
    var kept: [RunRecord] = []
    var now: Int64 = 100
    var isCancelled = false
    var taken: String?
    /// Commands that fail.
    var failing: Set<String> = []
    var cancelsAt: String?
    var unsent: [String] = []
    var result: () throws -> Int32 = { 0 }

    func takeTurn() -> String? {
      log.append("turn")
      return taken
    }
    func endTurn() { log.append("end") }
    func applyLimits() { log.append("limits") }
    func hook(_ command: String, _ kind: HookKind, _ record: RunRecord) -> String? {
      log.append("\(kind.rawValue) \(command)" + (kind == .before ? "" : " \(record.outcome.rawValue) \(record.status)"))
      if cancelsAt == command { isCancelled = true }
      return failing.contains(command) ? "\(command) failed." : nil
    }
    func notify(_ occasion: Notices.Occasion, _ record: RunRecord) -> [String] {
      log.append("notice \(occasion.rawValue)")
      return unsent
    }
    func work(_ record: inout RunRecord) throws -> Int32 {
      log.append("work")
      now += 10
      record.repository = "id"
      return try result()
    }
    func explain(_ error: any Error) -> (status: Int32, message: String) {
      if error is CancellationError { return (130, "interrupted") }
      let failure = error as? CairnError
      return (failure?.code.exitStatus ?? 1, failure?.message ?? (error as? HookFailure)?.message ?? "?")
    }
    func warn(_ sentence: String) { log.append("warn \(sentence)") }
    func keep(_ record: RunRecord) {
      log.append("keep")
      kept.append(record)
    }
  }

  private let effects = Recorder()

  private func perform() -> RunRecord {
    var hooks = Hooks()
    hooks.before = ["b1", "b2"]
    hooks.after = ["a1", "a2"]
    hooks.onFailure = ["f"]
    hooks.finally = ["z"]
    let record = RunRecord(command: .backup, started: 100, ended: 100, outcome: .failure, status: 1)
    let result = ProfileRun(hooks: hooks, effects: effects).perform(record)
    #expect(effects.kept == [result])
    return result
  }

  @Test func aRunThatSucceedsGoesThroughInOrder() {
    let record = perform()
    #expect(
      effects.log == [
        "turn", "limits", "before b1", "before b2", "notice start", "work", "after a1 success 0", "after a2 success 0",
        "finally z success 0",
        "notice success", "keep", "end",
      ])
    #expect(record.outcome == .success && record.status == 0 && record.message == nil && record.asides == nil)
    #expect(record.ended == 110 && record.repository == "id")
  }

  @Test func aFailingBeforeStopsTheRun() {
    effects.failing = ["b1"]
    let record = perform()
    #expect(
      effects.log == [
        "turn", "limits", "before b1", "on-failure f failure 1", "finally z failure 1", "notice failure", "keep", "end",
      ])
    #expect(record.outcome == .failure && record.status == 1 && record.message == "b1 failed.")
  }

  @Test(arguments: [
    (Int32(3), RunRecord.Outcome.incomplete), (33, .incomplete), (1, .failure), (12, .failure), (30, .failure), (130, .interrupted),
  ])
  func anythingButSuccessIsAFailureForHooks(status: Int32, outcome: RunRecord.Outcome) {
    effects.result = { status }
    let record = perform()
    #expect(record.outcome == outcome && record.status == status)
    #expect(effects.log.contains("on-failure f \(outcome.rawValue) \(status)"))
    #expect(!effects.log.contains { $0.hasPrefix("after") })
    #expect(effects.log.contains("notice \(outcome == .incomplete ? "incomplete" : "failure")"))
  }

  @Test func nothingChangedIsSuccess() {
    effects.result = { 32 }
    let record = perform()
    #expect(record.outcome == .success && record.status == 32)
    #expect(effects.log.contains("after a1 success 32"))
  }

  @Test func anErrorIsExplainedAndTheRunGoesOnToItsEnd() {
    effects.result = { throw CairnError(.wrongPassword, "No.") }
    let record = perform()
    #expect(record.outcome == .failure && record.status == 12 && record.message == "No.")
    #expect(effects.log.suffix(4) == ["finally z failure 12", "notice failure", "keep", "end"])
  }

  @Test func anInterruptionRunsTheHooksToo() {
    effects.result = { throw CancellationError() }
    let record = perform()
    #expect(record.outcome == .interrupted && record.status == 130)
    #expect(effects.log.contains("on-failure f interrupted 130") && effects.log.contains("finally z interrupted 130"))
  }

  @Test func anInterruptionBetweenHookAndWorkDoesNotBeginTheWork() {
    effects.cancelsAt = "b2"
    #expect(perform().outcome == .interrupted)
    #expect(!effects.log.contains("work") && !effects.log.contains("notice start"))
  }

  @Test(arguments: ["a1", "z"]) func aFailingHookAfterASuccessIsNamed(command: String) {
    effects.failing = [command]
    let record = perform()
    #expect(record.outcome == .incomplete && record.status == 33)
    #expect(record.message == "\(command) failed." && record.asides == ["\(command) failed."])
    #expect(effects.log.contains("after a2 \(command == "a1" ? "incomplete 33" : "success 0")"), "the others run all the same")
    #expect(effects.log.contains("notice incomplete"))
  }

  @Test func aFailingHookAfterAFailureChangesNothing() {
    effects.failing = ["f", "z"]
    effects.result = { throw CairnError(.noSpace, "Full.") }
    let record = perform()
    #expect(record.outcome == .failure && record.status == 31 && record.message == "Full.")
    #expect(record.asides == ["f failed.", "z failed."])
  }

  @Test func noticesThatCannotBeSentFailNothing() {
    effects.unsent = ["The ping could not be sent."]
    let record = perform()
    #expect(record.outcome == .success && record.status == 0)
    #expect(record.asides == ["The ping could not be sent.", "The ping could not be sent."])
    #expect(effects.log.filter { $0 == "warn The ping could not be sent." }.count == 2)
  }

  @Test func aSecondRunAtOnceIsSkippedWithoutHooksAndNotices() {
    effects.taken = "It runs already."
    let record = perform()
    #expect(effects.log == ["turn", "keep"])
    #expect(record.outcome == .skipped && record.status == 1 && record.message == "It runs already.")
  }

  @Test func longTextsFitIntoALineOfTheJournal() {
    effects.unsent = Array(repeating: String(repeating: "ä", count: 5000), count: 30)
    effects.result = { throw CairnError(.failed, String(repeating: "x", count: 100_000)) }
    var kept: RunRecord?
    let record = RunRecord(command: .backup, started: 1, ended: 1, outcome: .failure, status: 1)
    _ = ProfileRun(hooks: Hooks(), effects: effects).perform(record)
    kept = effects.kept.first
    #expect((kept?.message?.utf8.count ?? 0) < 5000)
    #expect((kept?.asides?.reduce(0) { $0 + $1.utf8.count } ?? 0) < 30_000)
  }
}
