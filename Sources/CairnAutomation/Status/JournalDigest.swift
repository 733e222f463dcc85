import CairnKit

/// What the journal has to say of profiles and repositories; one pass from its end.
package struct JournalDigest: Sendable {
  package struct OfProfile: Sendable, Equatable {
    /// The newest backup that began.
    package fileprivate(set) var lastRun: RunRecord?
    /// The newest that stored everything, by the order of the journal; one dated in the future is none.
    package fileprivate(set) var lastSuccess: RunRecord?
    /// The newest that stored everything and says that it ended later than now.
    package fileprivate(set) var future: RunRecord?
    /// The repository that was used last.
    package fileprivate(set) var repository: String?
    /// Bytes stored in the last 7 and 30 days.
    package fileprivate(set) var stored7: UInt64 = 0
    package fileprivate(set) var stored30: UInt64 = 0
  }

  package struct OfRepository: Sendable, Equatable {
    /// The newest that came to its end.
    package fileprivate(set) var lastCheck: RunRecord?
    /// The newest of those that read data too.
    package fileprivate(set) var lastReadingCheck: RunRecord?
    package fileprivate(set) var lastProof: RunRecord?
    package fileprivate(set) var bytes: UInt64?
    /// The newest check that found damage of which no later one has shown that it is gone.
    package fileprivate(set) var damage: RunRecord?
    /// The newest proof that failed, likewise.
    package fileprivate(set) var failedProof: RunRecord?
    /// What newer records say is in order.
    fileprivate var clean = Clean()
  }

  /// What was looked at and found in order. A check of a part, or of the structure alone, says nothing of the rest.
  fileprivate struct Clean: Sendable, Equatable {
    private var all = false
    private var structure = false
    private var parts: Set<String> = []
    private var samples: Set<String> = []

    mutating func note(_ check: RunRecord.CheckPart) {
      structure = true
      if let subset = check.subset { parts.insert(subset) } else if check.readBytes > 0 { all = true }
    }

    mutating func note(_ proof: RunRecord.ProofPart) { samples.insert(Self.sample(proof)) }

    func covers(_ check: RunRecord.CheckPart) -> Bool {
      if all { return true }
      // `2/5` names the same part each time; a percentage is drawn anew.
      if let subset = check.subset { return subset.contains("/") && parts.contains(subset) }
      return check.readBytes == 0 && structure
    }

    func covers(_ proof: RunRecord.ProofPart) -> Bool { all || samples.contains(Self.sample(proof)) }

    private static func sample(_ proof: RunRecord.ProofPart) -> String { "\(proof.snapshot) \(proof.seed) \(proof.files)" }
  }

  /// A clock may be wrong by so much, in seconds.
  package static let slack: Int64 = 86_400
  /// More profiles or repositories than anybody has are not looked at.
  private static let maximum = 10_000

  private var profiles: [String: OfProfile] = [:]
  private var repositories: [String: OfRepository] = [:]
  /// Lines that are no records.
  package private(set) var unreadable = 0

  /// - Parameter now: seconds since 1970.
  package init(_ journal: Journal?, now: Int64) throws {
    guard let journal else { return }
    unreadable = try journal.forEachNewestFirst { record in
      add(record, now)
      return true
    }
  }

  /// From records, newest first.
  init(_ records: [RunRecord], now: Int64) {
    for record in records { add(record, now) }
  }

  package func profile(_ name: String) -> OfProfile { profiles[name] ?? OfProfile() }

  /// - Parameter id: nil = none is known.
  package func repository(_ id: String?) -> OfRepository { id.flatMap { repositories[$0] } ?? OfRepository() }

  private mutating func add(_ record: RunRecord, _ now: Int64) {
    if let name = record.profile, profiles.count < Self.maximum || profiles[name] != nil {
      add(record, to: &profiles[name, default: OfProfile()], now)
    }
    if let id = record.repository, repositories.count < Self.maximum || repositories[id] != nil {
      add(record, to: &repositories[id, default: OfRepository()])
    }
  }

  private func add(_ record: RunRecord, to profile: inout OfProfile, _ now: Int64) {
    if profile.repository == nil { profile.repository = record.repository }
    guard record.command == .backup, record.outcome != .skipped else { return }
    if profile.lastRun == nil { profile.lastRun = record }
    if record.hasStoredEverything {
      if record.ended > now.addingClamped(Self.slack) {
        if profile.future == nil { profile.future = record }
      } else if profile.lastSuccess == nil {
        profile.lastSuccess = record
      }
    }
    guard let stored = record.snapshot?.storedBytes, record.ended <= now.addingClamped(Self.slack) else { return }
    if record.ended >= now.subtractingClamped(7 * 86_400) { profile.stored7 = profile.stored7.addingClamped(stored) }
    if record.ended >= now.subtractingClamped(30 * 86_400) { profile.stored30 = profile.stored30.addingClamped(stored) }
  }

  private func add(_ record: RunRecord, to repository: inout OfRepository) {
    if repository.bytes == nil { repository.bytes = record.repositoryBytes }
    if let check = record.check {
      if repository.lastCheck == nil { repository.lastCheck = record }
      if repository.lastReadingCheck == nil, check.readBytes > 0 || check.subset != nil { repository.lastReadingCheck = record }
      if check.errors == 0 {
        repository.clean.note(check)
      } else if repository.damage == nil, !repository.clean.covers(check) {
        repository.damage = record
      }
    }
    if let proof = record.proof {
      if repository.lastProof == nil { repository.lastProof = record }
      if proof.failures == 0 {
        repository.clean.note(proof)
      } else if repository.failedProof == nil, !repository.clean.covers(proof) {
        repository.failedProof = record
      }
    }
  }
}

extension RunRecord {
  /// Whether there is a snapshot that lacks nothing, or there was nothing new to store.
  package var hasStoredEverything: Bool {
    guard command == .backup else { return false }
    switch outcome {
    case .success: return true
    case .incomplete: return snapshot?.problems == 0
    // What follows a backup was cut off.
    case .interrupted: return snapshot?.problems == 0 && snapshot?.id != nil
    case .failure, .skipped: return false
    }
  }
}

extension FixedWidthInteger {
  /// The sum, or the end of the range.
  func addingClamped(_ other: Self) -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other > 0 ? .max : .min) : sum
  }

  /// The difference, or the end of the range.
  func subtractingClamped(_ other: Self) -> Self {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other > 0 ? .min : .max) : difference
  }
}
