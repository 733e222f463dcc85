import CairnAutomation
import CairnKit
import CairnProfiles

/// What follows the backup of a profile in its repository: retention, then upkeep. Whatever comes of them, the snapshot is there.
struct BackupFollower {
  let profile: Profile
  let series: String?
  let repository: Repository
  let run: Invocation
  let trigger: RunRecord.Trigger

  /// - Parameters:
  ///   - status: that of the backup.
  ///   - note: is handed what becomes known for the journal.
  /// - Returns: the status of the whole.
  func follow(_ report: BackupReport, _ status: ExitStatus, note: ((inout RunRecord) -> Void) -> Void) throws -> ExitStatus {
    var status = status
    if let retention = profile.retention, retention.afterBackup {
      let follower = RetentionRun(profile: profile, retention: retention, series: series, repository: repository, run: run)
      let followed = follower.follow(report, status)
      if let sentence = followed.sentence { note { $0.add(sentence) } }
      status = followed.status
    }
    if status != .interrupted, let upkeep = profile.upkeep {
      let sentences = try UpkeepRun(
        profile: profile, upkeep: upkeep, series: series, repository: repository, run: run, trigger: trigger
      ).follow()
      for sentence in sentences { note { $0.add(sentence) } }
      if !sentences.isEmpty, [.success, .unchanged, .incomplete].contains(status) { status = .followUpFailed }
    }
    // `try?`: nobody needs the number to back up.
    if let bytes = try? repository.storedBytes() { note { $0.repositoryBytes = bytes } }
    return status
  }
}
