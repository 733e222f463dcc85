package import CairnProfiles

/// How a profile fares: what happened last, what is missing, and whether that is all right.
package struct ProfileStatus: Sendable {
  /// Something to say, and whether it needs somebody's attention.
  package struct Finding: Sendable, Equatable {
    package enum Kind: String, Sendable {
      case overdue, neverRun = "never-run", failed, incomplete, followUp = "follow-up", interrupted, died
      case damaged, checkOverdue = "check-overdue", proofFailed = "proof-failed", proofOverdue = "proof-overdue"
      case clock, configuration, snapshots, unreachable
    }
    package let kind: Kind
    /// What is wrong and what to do, in one or two sentences.
    package let sentence: String

    /// What is right to know, and no reason to be uneasy.
    package var isNotice: Bool { kind == .incomplete }
  }

  /// A snapshot of the profile's series, as the repository has it.
  package struct Stored: Sendable, Equatable {
    /// Seconds since 1970.
    package let time: Int64
    package let id: String
    /// Whether nothing was left out.
    package let isComplete: Bool
    package let totalBytes, addedBytes, storedBytes: UInt64

    package init(time: Int64, id: String, isComplete: Bool, totalBytes: UInt64, addedBytes: UInt64, storedBytes: UInt64) {
      self.time = time
      self.id = id
      self.isComplete = isComplete
      self.totalBytes = totalBytes
      self.addedBytes = addedBytes
      self.storedBytes = storedBytes
    }
  }

  /// What the repository tells, if it could be opened.
  package struct Repository: Sendable {
    package let id: String
    /// Oldest first.
    package let snapshots: [Stored]
    package let bytes: UInt64?
    /// Whether snapshots, of whatever series, are missing or cannot be read.
    package let lacksSnapshots: Bool

    package init(id: String, snapshots: [Stored], bytes: UInt64?, lacksSnapshots: Bool = false) {
      self.id = id
      self.snapshots = snapshots
      self.bytes = bytes
      self.lacksSnapshots = lacksSnapshots
    }

    /// Bytes stored lately.
    fileprivate func stored(days: Int64, _ now: Int64) -> UInt64 {
      let range = now.subtractingClamped(days * 86_400)...now.addingClamped(JournalDigest.slack)
      return snapshots.reduce(0) { range.contains($1.time) ? $0.addingClamped($1.storedBytes) : $0 }
    }
  }

  /// Why the repository was not looked into, in a sentence.
  package enum Absence: Sendable, Equatable {
    /// Nobody tried.
    case notTried(String)
    /// There is nothing where it should be.
    case notThere(String)
    case unreachable(String)

    package var text: String {
      switch self {
      case .notTried(let text), .notThere(let text), .unreachable(let text): text
      }
    }

    fileprivate var isAttempt: Bool { if case .notTried = self { false } else { true } }
  }

  package let name: String
  package let expectation: Expectation
  /// When the last complete snapshot was made.
  package private(set) var lastSuccess: Int64?
  /// Its id, where one was made.
  package private(set) var lastSnapshot: Stored?
  package let lastRun: RunRecord?
  /// A run that is under way.
  package private(set) var running: RunMarker?
  package let lastCheck, lastProof: RunRecord?
  /// Whether the repository could be looked into; where nobody tried now, by the last run.
  package let isUp: Bool
  private let damage, failedProof: RunRecord?
  package let repositoryBytes: UInt64?
  package let stored7, stored30: UInt64
  /// Snapshots of the series; nil = the repository was not looked into.
  package let snapshots: Int?
  /// When the schedule wants the next run.
  package let nextRun: Int64?
  package private(set) var findings: [Finding] = []

  package var isWell: Bool { findings.allSatisfy(\.isNotice) }
  package var isOverdue: Bool { findings.contains { [.overdue, .neverRun].contains($0.kind) } }
  /// Whether the repository was looked into.
  package var isFromRepository: Bool { snapshots != nil }

  /// - Parameters:
  ///   - now: seconds since 1970.
  ///   - repository: nil = the journal has to do.
  ///   - absence: why there is none; nil = nobody tried.
  ///   - marker: what the lock file says.
  package init(
    _ profile: Profile, _ digest: JournalDigest, repository: Repository?, absence: Absence? = nil, marker: RunMarker?, now: Int64,
    calendar: LocalCalendar
  ) {
    let own = digest.profile(profile.name)
    let place = digest.repository(repository?.id ?? own.repository)
    name = profile.name
    expectation = profile.expectation ?? Expectation()
    lastRun = own.lastRun
    lastCheck = place.lastCheck
    lastProof = place.lastProof
    (damage, failedProof) = (place.damage, place.failedProof)
    isUp = repository != nil || (absence?.isAttempt != true && own.lastRun?.repository != nil)
    repositoryBytes = repository?.bytes ?? place.bytes
    // The journal knows of snapshots that were forgotten since, the repository of runs that another machine's journal has.
    stored7 = max(own.stored7, repository?.stored(days: 7, now) ?? 0)
    stored30 = max(own.stored30, repository?.stored(days: 30, now) ?? 0)
    snapshots = repository?.snapshots.count
    nextRun = profile.schedule.flatMap { Occurrences($0, calendar).next(after: now) }
    running = marker.flatMap { $0.isAlive ? $0 : nil }
    findSuccess(own, repository, now)
    judgeConfiguration(profile)
    judgeRepository(profile, repository, absence)
    judgeRuns(own, marker, now)
    judgeExpectation(now)
    judgeSchedule(profile, now, calendar)
    judgeUpkeep(now)
  }

  // MARK: - What there is

  private mutating func findSuccess(_ own: JournalDigest.OfProfile, _ repository: Repository?, _ now: Int64) {
    let limit = now.addingClamped(JournalDigest.slack)
    var future: Int64?
    if let repository {
      let complete = repository.snapshots.filter(\.isComplete)
      lastSnapshot = complete.last { $0.time <= limit }
      lastSuccess = lastSnapshot?.time
      future = complete.last { $0.time > limit }?.time
      // A run that had nothing new to store is a success too, and so is one whose snapshot somebody forgot since: but only the first
      // can be told from here.
      if let record = own.lastSuccess, record.snapshot?.id == nil, record.ended > lastSuccess ?? .min, lastSuccess != nil {
        lastSuccess = record.ended
      }
    } else if let record = own.lastSuccess {
      lastSuccess = record.ended
      if let part = record.snapshot {
        lastSnapshot = Stored(
          time: record.ended, id: part.id ?? "", isComplete: true, totalBytes: part.totalBytes, addedBytes: part.addedBytes,
          storedBytes: part.storedBytes)
      }
    }
    future = future ?? own.future?.ended
    guard let future, future > limit else { return }
    add(
      .clock,
      "A backup is dated \(Age.text(future.subtractingClamped(now))) from now: the clock was wrong then, or is wrong now. It is not taken for a fresh one."
    )
  }

  // MARK: - What is wrong

  private mutating func add(_ kind: Finding.Kind, _ sentence: String) { findings.append(Finding(kind: kind, sentence: sentence)) }

  private mutating func judgeConfiguration(_ profile: Profile) {
    guard let first = profile.mistakes.first else { return }
    let more = profile.mistakes.count > 1 ? ", and \(profile.mistakes.count - 1) more" : ""
    add(.configuration, "Its configuration is wrong, so that it cannot run (\(first.text)\(more)). 'cairn config check' explains it.")
  }

  private mutating func judgeRepository(_ profile: Profile, _ repository: Repository?, _ absence: Absence?) {
    if repository?.lacksSnapshots == true {
      add(.snapshots, "Snapshots are missing from the repository, or cannot be read. Run 'cairn check -P \(name)'.")
    }
    // A wrong configuration is said already.
    guard profile.mistakes.isEmpty else { return }
    switch absence {
    // A disk whose arrival starts the run is not there at other times.
    case .notThere where profile.schedule?.volumes.isEmpty == false: break
    case .notThere(let why), .unreachable(let why): add(.unreachable, "The repository cannot be looked into: \(why)")
    case .notTried, nil: break
    }
  }

  private mutating func judgeRuns(_ own: JournalDigest.OfProfile, _ marker: RunMarker?, _ now: Int64) {
    let again = "Run 'cairn backup -P \(name)'."
    // The end of a run empties it.
    if let marker, !marker.isAlive {
      add(.died, "The last run ended without a word: it was killed, or the machine went down. \(again)")
      return
    }
    guard let run = lastRun else { return }
    let why = run.message.map { ": \($0)" + ($0.hasSuffix(".") ? "" : ".") } ?? "."
    let log = "'cairn log -P \(name)' tells more."
    // The journal has nothing newer; a repository may, from another machine. A success dated ahead of now says nothing of when it was.
    let isSuperseded = lastSuccess.map { $0 > run.ended && $0 <= now } ?? false
    switch run.outcome {
    case .failure where !isSuperseded: add(.failed, "The last run failed\(why) \(log)")
    case .interrupted where run.hasStoredEverything: add(.followUp, "What follows the last backup was interrupted\(why) \(log)")
    case .interrupted where !isSuperseded: add(.interrupted, "The last run was interrupted. \(again)")
    case .incomplete where run.hasStoredEverything: add(.followUp, "After the last backup something failed\(why) \(log)")
    case .incomplete: add(.incomplete, "The last backup left something out\(why) \(log)")
    default: break
    }
  }

  private mutating func judgeExpectation(_ now: Int64) {
    guard let every = expectation.every else { return }
    let demand = "and one is expected every \(Age.text(every)). Run 'cairn backup -P \(name)'."
    guard let lastSuccess else { return add(.neverRun, "There is no complete backup yet, \(demand)") }
    let age = now.subtractingClamped(lastSuccess)
    if age > every { add(.overdue, "The last complete backup is \(Age.text(age)) old, \(demand)") }
  }

  /// Without an expectation the schedule is one: a single time may be made up for later, two are not missed without a reason.
  private mutating func judgeSchedule(_ profile: Profile, _ now: Int64, _ calendar: LocalCalendar) {
    guard expectation.every == nil, running == nil, let lastSuccess, let schedule = profile.schedule else { return }
    let times = Occurrences(schedule, calendar)
    guard let first = times.next(after: lastSuccess), let second = times.next(after: first),
      second.addingClamped(schedule.randomDelay).addingClamped(3600) < now
    else { return }
    let age = Age.text(now.subtractingClamped(lastSuccess))
    add(
      .overdue,
      "The last complete backup is \(age) old, and its schedule wanted two since. 'cairn schedule list' says whether it is installed.")
  }

  private mutating func judgeUpkeep(_ now: Int64) {
    if let errors = damage?.check?.errors {
      let data = damage?.check?.readBytes == 0 && damage?.check?.subset == nil ? "" : " --read-data"
      let what = errors == 1 ? "1 error" : "\(errors) errors"
      add(.damaged, "A check found damage: \(what). 'cairn check -P \(name)\(data)' names it, and settles it once it is mended.")
    }
    if let failures = failedProof?.proof?.failures {
      let what = failures == 1 ? "1 file" : "\(failures) files"
      add(
        .proofFailed,
        "In a proof \(what) did not come back as recorded. 'cairn check -P \(name) --read-data' names what is damaged, and settles it.")
    }
    if let every = expectation.checkedEvery, let what = late(lastCheck, every, now) {
      add(.checkOverdue, "The repository was \(what) checked, and is to be every \(Age.text(every)). Run 'cairn check -P \(name)'.")
    }
    if let every = expectation.provenEvery, let what = late(lastProof, every, now) {
      add(.proofOverdue, "The backup was \(what) proven, and is to be every \(Age.text(every)). Run 'cairn prove -P \(name)'.")
    }
  }

  /// - Returns: nil when it was done in time; `last 3 days ago`, `never`.
  private func late(_ record: RunRecord?, _ every: Int64, _ now: Int64) -> String? {
    guard let ended = record?.ended, ended <= now.addingClamped(JournalDigest.slack) else { return "never" }
    let age = now.subtractingClamped(ended)
    return age > every ? "last \(Age.text(age)) ago" : nil
  }
}

/// Lengths of time for people.
package enum Age {
  /// `5 weeks`, `3 days`, `26 hours`, `90 seconds`: two units at most, and the second only where the first is small.
  package static func text(_ seconds: Int64) -> String {
    let seconds = max(0, seconds)
    let units: [(Int64, String)] = [(604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]
    // The largest unit that divides it evenly says it best; else the largest of which there are at least two.
    for (size, name) in units where seconds >= size && seconds % size == 0 && seconds / size < 100 { return count(seconds / size, name) }
    for (size, name) in units where seconds >= 2 * size { return count(seconds / size, name) }
    return count(seconds, "second")
  }

  private static func count(_ number: Int64, _ name: String) -> String { number == 1 ? "1 \(name)" : "\(number) \(name)s" }
}
