import CairnKit
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation
@testable import CairnProfiles

@Suite struct StatusTests {
  private let now: Int64 = 1_795_249_800
  private let day: Int64 = 86_400

  private func profile(_ lines: String) throws -> Profile {
    let text = "[repository.r]\npath = \"/r\"\n[profile.p]\nrepository = \"r\"\nsources = [\"/s\"]\n" + lines
    return try #require(Configuration([.init(path: Array("/c".utf8), text: Array(text.utf8))], home: nil).profile("p"))
  }

  private func backup(_ daysAgo: Double, _ outcome: RunRecord.Outcome = .success, status: Int32 = 0, problems: UInt64 = 0) -> RunRecord {
    let ended = now - Int64(daysAgo * Double(day))
    var record = RunRecord(command: .backup, started: ended - 60, ended: ended, outcome: outcome, status: status)
    record.profile = "p"
    record.repository = "id"
    record.message = outcome == .success ? nil : "why"
    if [.success, .incomplete].contains(outcome) {
      record.snapshot = .init(
        id: "ab", kind: "full", base: nil, filesNew: 1, filesChanged: 0, filesUnmodified: 0, totalBytes: 100, addedBytes: 20,
        storedBytes: 10,
        problems: problems)
    }
    return record
  }

  private func check(_ daysAgo: Double, errors: UInt64 = 0, read: UInt64 = 0, subset: String? = nil) -> RunRecord {
    var record = backup(daysAgo, errors == 0 ? .success : .failure)
    record.command = .check
    record.profile = nil
    record.snapshot = nil
    record.check = .init(errors: errors, readBytes: read, subset: subset)
    return record
  }

  private func proof(_ daysAgo: Double, failures: UInt64 = 0) -> RunRecord {
    var record = check(daysAgo)
    record.command = .prove
    record.check = nil
    record.proof = .init(snapshot: "ab", files: 5, bytes: 6, failures: failures, seed: 1)
    return record
  }

  private func status(
    _ lines: String = "", _ records: [RunRecord], repository: ProfileStatus.Repository? = nil, marker: RunMarker? = nil,
    absence: ProfileStatus.Absence? = nil
  ) throws -> ProfileStatus {
    ProfileStatus(
      try profile(lines), JournalDigest(records, now: now), repository: repository, absence: absence, marker: marker, now: now,
      calendar: LocalCalendar { _ in 0 })
  }

  private func stored(_ daysAgo: Double, isComplete: Bool = true) -> ProfileStatus.Stored {
    .init(time: now - Int64(daysAgo * Double(day)), id: "cd", isComplete: isComplete, totalBytes: 1, addedBytes: 2, storedBytes: 3)
  }

  private let daily = "[profile.p.expect]\nevery = \"26h\""

  // MARK: Expectations

  @Test func aFreshBackupIsWell() throws {
    let status = try status(daily, [backup(1)])
    #expect(status.isWell && !status.isOverdue && status.findings.isEmpty)
    #expect(status.lastSuccess == now - day && status.lastSnapshot?.id == "ab")
  }

  @Test(arguments: [(1.08, false), (1.09, true), (30, true)])
  func anOldOneIsOverdue(daysAgo: Double, isOverdue: Bool) throws {
    let status = try status(daily, [backup(daysAgo)])
    #expect(status.isOverdue == isOverdue && status.isWell == !isOverdue)
  }

  @Test func anOverdueBackupSaysWhatToDo() throws {
    #expect(
      try status(daily, [backup(3)]).findings == [
        .init(
          kind: .overdue,
          sentence: "The last complete backup is 3 days old, and one is expected every 26 hours. Run 'cairn backup -P p'.")
      ])
    #expect(try status(daily, []).findings.map(\.kind) == [.neverRun])
    #expect(try status(daily, []).isOverdue)
  }

  @Test func withoutAnExpectationNothingIsOverdue() throws {
    #expect(try status("", []).isWell)
    #expect(try status("", [backup(1000)]).isWell)
    #expect(try status("", [backup(0, .failure, status: 1), backup(1)]).findings.map(\.kind) == [.failed])
  }

  @Test func onlyCompleteSnapshotsCount() throws {
    let incomplete = backup(0, .incomplete, status: 3, problems: 2)
    #expect(try status(daily, [incomplete, backup(2)]).findings.map(\.kind) == [.incomplete, .overdue])
    #expect(try status(daily, [incomplete, backup(1)]).isWell, "that something was left out is a notice")
    // The snapshot is whole; a hook failed, or retention.
    let followUp = backup(0, .incomplete, status: 33)
    let status = try status(daily, [followUp, backup(2)])
    #expect(status.findings.map(\.kind) == [.followUp] && !status.isWell && status.lastSuccess == now)
  }

  @Test func whatTheRepositorySaysBeatsTheJournal() throws {
    let repository = ProfileStatus.Repository(id: "id", snapshots: [stored(3), stored(2), stored(0.5, isComplete: false)], bytes: 7)
    let found = try status(daily, [backup(0.1)], repository: repository)
    #expect(found.lastSuccess == now - 2 * day && found.isOverdue, "the newest snapshot is gone")
    #expect(found.snapshots == 3 && found.repositoryBytes == 7 && found.lastSnapshot?.id == "cd")
    let empty = try status(daily, [backup(0.1)], repository: .init(id: "id", snapshots: [], bytes: nil))
    #expect(empty.findings.map(\.kind) == [.neverRun])
    // Another machine's journal is empty.
    #expect(try status(daily, [], repository: .init(id: "id", snapshots: [stored(0.5)], bytes: nil)).isWell)
    // Nothing was new, so that there is no snapshot of that run.
    var unchanged = backup(0.2, .success, status: 32)
    unchanged.snapshot?.id = nil
    #expect(try status(daily, [unchanged], repository: .init(id: "id", snapshots: [stored(5)], bytes: nil)).isWell)
  }

  // MARK: Runs

  @Test func aFailureAfterTheLastSuccessCounts() throws {
    let failed = try status(daily, [backup(0.2, .failure, status: 12), backup(1)])
    #expect(failed.findings.map(\.kind) == [.failed] && failed.findings[0].sentence.contains("why"))
    #expect(try status(daily, [backup(0), backup(0.2, .failure, status: 12)]).isWell)
    #expect(try status(daily, [backup(0.2, .interrupted, status: 130), backup(1)]).findings.map(\.kind) == [.interrupted])
    var skipped = backup(0.1, .skipped, status: 1)
    skipped.snapshot = nil
    #expect(try status(daily, [skipped, backup(1)]).isWell)
    // Since then another machine, or this one by hand, has made one.
    let repository = ProfileStatus.Repository(id: "id", snapshots: [stored(0.1)], bytes: nil)
    #expect(try status(daily, [backup(0.2, .failure, status: 12)], repository: repository).isWell)
  }

  @Test func aRunThatDiedAndOneThatIsUnderWay() throws {
    let alive = RunMarker(started: now - 10, trigger: .manual)
    let running = try status(daily, [backup(1)], marker: alive)
    #expect(running.running == alive && running.isWell)
    let dead = try JSONDecoder().decode(
      RunMarker.self, from: Data("{\"started\":\(now - 10),\"process\":4,\"boot\":\"another\",\"process_start\":5}".utf8))
    let died = try status(daily, [backup(1)], marker: dead)
    #expect(died.findings.map(\.kind) == [.died] && died.running == nil)
  }

  // MARK: Upkeep

  @Test func checksAndProofsOfTheRepositoryCountWhoeverMadeThem() throws {
    let lines = "[profile.p.expect]\nchecked-every = \"7d\"\nproven-every = \"30d\""
    #expect(try status(lines, [backup(1)]).findings.map(\.kind) == [.checkOverdue, .proofOverdue])
    #expect(try status(lines, [check(1), proof(20), backup(1)]).isWell)
    let old = try status(lines, [check(8), proof(31), backup(1)])
    #expect(old.findings.map(\.kind) == [.checkOverdue, .proofOverdue])
    #expect(old.findings[0].sentence.contains("8 days"), "\(old.findings[0].sentence)")
    var other = check(1)
    other.repository = "other"
    #expect(try status(lines, [other, proof(1), backup(1)]).findings.map(\.kind) == [.checkOverdue])
  }

  @Test func damageIsNotForgottenUntilACheckIsClean() throws {
    #expect(try status("", [check(1, errors: 2), backup(1)]).findings.map(\.kind) == [.damaged])
    #expect(try status("", [check(0), check(1, errors: 2), backup(1)]).isWell)
    #expect(try status("", [proof(1, failures: 1), backup(1)]).findings.map(\.kind) == [.proofFailed])
  }

  /// A check says nothing of what it does not look at.
  @Test func damageStandsUntilACheckThatLooksThereIsClean() throws {
    let kinds = { (records: [RunRecord]) in try status("", records + [backup(9)]).findings.map(\.kind) }
    let full = check(2, errors: 1, read: 100)
    #expect(try kinds([check(1), full]) == [.damaged], "structure only")
    #expect(try kinds([check(1, read: 10, subset: "1/9"), full]) == [.damaged], "another part")
    #expect(try kinds([check(0, read: 10, subset: "5%"), check(1, errors: 1, read: 9, subset: "5%")]) == [.damaged], "another sample")
    #expect(try kinds([check(0, read: 10, subset: "1/9"), check(1, errors: 1, read: 9, subset: "1/9")]) == [])
    #expect(try kinds([check(0), check(1, read: 100), full]) == [])
    // What is newer and mended does not hide what is older and is not.
    #expect(try kinds([check(0), check(1, errors: 1), full]) == [.damaged])
  }

  @Test func aFailedProofStandsUntilAllIsRead() throws {
    let kinds = { (records: [RunRecord]) in try status("", records + [backup(9)]).findings.map(\.kind) }
    var other = proof(1)
    other.proof?.seed = 2
    #expect(try kinds([other, proof(2, failures: 1)]) == [.proofFailed], "another sample")
    #expect(try kinds([check(1), proof(2, failures: 1)]) == [.proofFailed], "structure only")
    #expect(try kinds([proof(1), proof(2, failures: 1)]) == [], "the same sample")
    #expect(try kinds([other, check(1, read: 100), proof(2, failures: 1)]) == [])
  }

  @Test func aSuccessThatIsDatedAheadHidesNoFailure() throws {
    #expect(try status("", [backup(0, .failure, status: 1), backup(-0.5)]).findings.map(\.kind) == [.failed])
    #expect(try status("", [backup(0, .interrupted, status: 130), backup(-0.5)]).findings.map(\.kind) == [.interrupted])
  }

  @Test func whatIsInterruptedAfterTheSnapshotIsStored() throws {
    var record = backup(0, .interrupted, status: 130)
    record.snapshot = backup(0).snapshot
    let found = try status(daily, [record, backup(5)])
    #expect(found.findings.map(\.kind) == [.followUp] && found.lastSuccess == now)
    record.snapshot?.problems = 1
    #expect(try status(daily, [record, backup(5)]).findings.map(\.kind) == [.interrupted, .overdue])
  }

  /// `now` is a time of day after 02:00.
  @Test(arguments: [(0.5, false), (1.2, false), (1.5, true), (90, true)])
  func aScheduleThatIsNotKeptIsOverdue(daysAgo: Double, isOverdue: Bool) throws {
    let lines = "[profile.p.schedule]\nevery = \"daily\"\ntimes = [\"02:00\"]"
    #expect(try status(lines, [backup(daysAgo)]).isOverdue == isOverdue)
    #expect(try status(lines + "\n[profile.p.expect]\nevery = \"1y\"", [backup(daysAgo)]).isWell)
  }

  @Test func aRepositoryThatLacksSnapshotsNeedsAttention() throws {
    let repository = ProfileStatus.Repository(id: "id", snapshots: [stored(1)], bytes: 7, lacksSnapshots: true)
    let found = try status("", [backup(1)], repository: repository)
    #expect(found.findings.map(\.kind) == [.snapshots] && !found.isWell)
    #expect(found.findings.first?.sentence == "Snapshots are missing from the repository, or cannot be read. Run 'cairn check -P p'.")
  }

  @Test func aRepositoryThatCannotBeOpenedNeedsAttention() throws {
    let found = try status("", [backup(1)], absence: .unreachable("Gone."))
    #expect(found.findings == [.init(kind: .unreachable, sentence: "The repository cannot be looked into: Gone.")])
    #expect(!found.isUp && Metrics.text([found]).contains("cairn_up{profile=\"p\"} 0"))
    #expect(try status("", [backup(1)]).isUp && status("", []).isUp == false)
    // A disk whose arrival starts the run is not there at other times.
    let disk = try status("[profile.p.schedule]\nvolumes = [\"label:X\"]", [backup(1)], absence: .notThere("No disk."))
    #expect(disk.isWell && !disk.isUp)
    #expect(try status("", [backup(1)], absence: .notThere("No disk.")).findings.map(\.kind) == [.unreachable])
  }

  // MARK: Clocks

  @Test func aBackupFromTheFutureIsNamedAndNotTakenForFresh() throws {
    let journal = try status(daily, [backup(-400), backup(3)])
    #expect(journal.findings.map(\.kind) == [.clock, .overdue] && journal.lastSuccess == now - 3 * day)
    let repository = ProfileStatus.Repository(id: "id", snapshots: [stored(3), stored(-400)], bytes: nil)
    #expect(try status(daily, [], repository: repository).findings.map(\.kind) == [.clock, .overdue])
    #expect(try status(daily, [backup(-0.5)]).isWell, "clocks are a little wrong now and then")
    let lines = "[profile.p.expect]\nchecked-every = \"7d\""
    #expect(try status(lines, [check(-400), backup(1)]).findings.map(\.kind) == [.checkOverdue])
    var absurd = backup(0)
    absurd.ended = .max
    absurd.started = .min
    #expect(try status(daily, [absurd]).findings.map(\.kind) == [.clock, .neverRun])
    absurd.ended = .min
    #expect(try status(daily, [absurd]).isOverdue)
  }

  @Test func growthIsWhatWasStoredLately() throws {
    let status = try status("", [backup(-3), backup(1), backup(6), backup(8), backup(29), backup(31)])
    #expect(status.stored7 == 20 && status.stored30 == 40)
    let repository = ProfileStatus.Repository(
      id: "id", snapshots: [stored(40), stored(20), stored(2), stored(1), stored(-9)], bytes: nil)
    let foreign = try self.status("", [], repository: repository)
    #expect(foreign.stored7 == 6 && foreign.stored30 == 9)
  }

  @Test func theNextRunIsThatOfTheSchedule() throws {
    let status = try status("[profile.p.schedule]\nevery = \"daily\"\ntimes = [\"12:00\"]", [])
    #expect(status.nextRun == now - now % day + 12 * 3600)
  }

  @Test func aMistakeInTheConfigurationKeepsItFromRunning() throws {
    #expect(try status("kind = 5", [backup(0)]).findings.map(\.kind) == [.configuration])
  }

  @Test(arguments: [
    (Int64(0), "0 seconds"), (1, "1 second"), (90, "90 seconds"), (7200, "2 hours"), (93_600, "26 hours"), (86_400, "1 day"),
    (604_800, "1 week"), (700_000, "8 days"), (-5, "0 seconds"), (3601, "60 minutes"), (.max, "15250284452471 weeks"),
  ])
  func lengthsOfTimeAreForPeople(seconds: Int64, text: String) { #expect(Age.text(seconds) == text) }

  // MARK: Metrics

  @Test func metricsAreWhatTheCollectorReads() throws {
    var newest = backup(3)
    newest.repositoryBytes = 1_234_567
    let statuses = [try status(daily, [newest, check(4, errors: 1), proof(5)]), try status("", [])]
    let text = Metrics.text(statuses)
    var described: Set<String> = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if line.hasPrefix("#") {
        described.insert(String(words[2]))
        #expect(["HELP", "TYPE"].contains(words[1]))
      } else {
        let name = words[0].prefix { $0 != "{" }
        #expect(described.contains(String(name)) && words.count == 2 && Double(words[1]) != nil, "\(line)")
      }
    }
    let p = "{profile=\"p\"}"
    for line in [
      "cairn_up\(p) 1", "cairn_overdue\(p) 1", "cairn_well\(p) 0", "cairn_last_success_timestamp_seconds\(p) \(now - 3 * day)",
      "cairn_last_run_status\(p) 0", "cairn_last_run_duration_seconds\(p) 60", "cairn_snapshot_bytes\(p) 100", "cairn_stored_bytes\(p) 10",
      "cairn_repository_bytes\(p) 1234567", "cairn_added_bytes\(p) 20", "cairn_last_run_timestamp_seconds\(p) \(now - 3 * day - 60)",
      "cairn_last_check_errors\(p) 1", "cairn_last_proof_failures\(p) 0", "cairn_last_check_timestamp_seconds\(p) \(now - 4 * day)",
      "cairn_overdue\(p) 0",
    ] { #expect(text.contains(line + "\n"), "\(line)") }
  }

  @Test func theFileOfMetricsIsReplacedWhole() throws {
    let directory = TemporaryDirectory()
    let old = umask(0o077)
    defer { umask(old) }
    try Metrics.write("one\n", to: directory.path("m.prom"))
    try Metrics.write("two\n", to: directory.path("m.prom"))
    #expect(String(decoding: try directory.read("m.prom"), as: UTF8.self) == "two\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.string) == ["m.prom"])
    let mode = try FileManager.default.attributesOfItem(atPath: directory.string + "/m.prom")[.posixPermissions] as? Int
    #expect(mode == 0o644)
    #expect(throws: CairnError.self) { try Metrics.write("x", to: directory.path("none/m.prom")) }
  }

  // MARK: What upkeep is due

  private func plan(_ lines: String, _ records: [RunRecord]) throws -> UpkeepPlan {
    let upkeep = try #require(try profile("[profile.p.upkeep]\n" + lines).upkeep)
    return UpkeepPlan(upkeep, JournalDigest(records, now: now).repository("id"), now: now, calendar: LocalCalendar { _ in 0 })
  }

  @Test func upkeepIsDueOnceAStretchOfTheCalendar() throws {
    // Now is a Saturday.
    #expect(try plan("check = \"weekly\"", []).check == CheckOptions.ReadData.none)
    #expect(try plan("check = \"weekly\"", [check(5)]).check == nil)
    #expect(try plan("check = \"weekly\"", [check(6)]).check != nil)
    #expect(try plan("check = \"weekly\"", [check(0, errors: 1)]).check == nil, "one that finds damage is one too")
    #expect(try plan("check = \"always\"", [check(0)]).check != nil)
    #expect(try plan("check = \"daily\"", [check(-3)]).check != nil, "from the future")
    #expect(try plan("prove = \"monthly\"", [check(0)]).proves)
    #expect(try plan("prove = \"monthly\"", [proof(10)]) == plan("prove-files = 5", []))
  }

  @Test func successivePartsAreRead() throws {
    let lines = "check = \"daily\"\nread-data-subset = \"1/3\""
    #expect(try plan(lines, []).check == .part(1, of: 3))
    for (last, next) in [("1/3", 2), ("2/3", 3), ("3/3", 1), ("9/3", 1), ("2/5", 1), ("5%", 1)] {
      #expect(try plan(lines, [check(1, subset: last)]).check == .part(next, of: 3), "after \(last)")
    }
    #expect(try plan(lines, [check(0), check(1, subset: "1/3")]).subset == "2/3", "a look at the structure does not count")
    #expect(try plan("check = \"daily\"\nread-data-subset = \"5%\"", [check(1, subset: "5%")]).check == .percent(5))
  }
}
