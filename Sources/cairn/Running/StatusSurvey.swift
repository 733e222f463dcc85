import CairnAutomation
import CairnFormat
import CairnKit
import CairnProfiles
import CairnSystem

/// Gathers what there is to know of profiles: from the journal, and from their repositories.
final class StatusSurvey {
  let now: Int64
  /// Lines of the journal that are no records.
  var unreadable: Int { digest.unreadable }
  private let run: Invocation
  private let isOffline: Bool
  private let digest: JournalDigest
  /// Repositories that were opened, by path: several profiles may have one. A failure too is looked for only once.
  private var opened: [[UInt8]: Result<(SnapshotList, String, UInt64?), CairnError>] = [:]

  struct Entry {
    let profile: Profile
    let status: ProfileStatus
    /// Why the repository was not looked into; nil when it was.
    let absence: String?
  }

  init(_ run: Invocation, isOffline: Bool) throws {
    self.run = run
    self.isOffline = isOffline
    now = SystemClock.now().seconds
    digest = try JournalDigest(run.stateDirectory.map(Journal.init(state:)), now: now)
  }

  func status(of profile: Profile) -> Entry {
    var repository: ProfileStatus.Repository?
    var absence: ProfileStatus.Absence? = isOffline ? .notTried("offline") : nil
    if !isOffline {
      do { repository = try look(profile) } catch { absence = Self.absence(ErrorReport.translate(error)) }
    }
    let marker = run.stateDirectory.flatMap { RunTurn.current(profile: profile.name, StateFiles(state: $0)) }
    let status = ProfileStatus(
      profile, digest, repository: repository, absence: absence, marker: marker, now: now, calendar: .system)
    return Entry(profile: profile, status: status, absence: absence?.text)
  }

  private static func absence(_ failure: CairnError) -> ProfileStatus.Absence {
    switch failure.code {
    // The configuration does not say where it is, or what opens it: the command line does when it is used.
    case .usage: .notTried(failure.message)
    case .noRepository: .notThere(failure.message)
    default: .unreachable(failure.message)
    }
  }

  /// The profile's own snapshots.
  private func look(_ profile: Profile) throws -> ProfileStatus.Repository {
    guard profile.mistakes.isEmpty else { throw CairnError(.usage, "The configuration of the profile is wrong.") }
    var options = run.options
    options.profile = profile.name
    let own = try Invocation(options, phase: run.phase, environment: run.environment)
    let path = try own.repositoryPath()
    let (list, id, bytes) = try open(path, own).get()
    let series = Array(profile.seriesName(host: own.hostSetting().value).utf8)
    let snapshots = list.snapshots.map(\.manifest).filter { $0.seriesName == series }
    return ProfileStatus.Repository(id: id, snapshots: snapshots.map(Self.stored), bytes: bytes, lacksSnapshots: !list.isComplete)
  }

  private func open(_ path: [UInt8], _ own: Invocation) -> Result<(SnapshotList, String, UInt64?), CairnError> {
    if let known = opened[path] { return known }
    let result: Result<(SnapshotList, String, UInt64?), CairnError>
    do {
      let source = try own.passwordSetting().value
      guard source != .prompt else { throw CairnError(.usage, "Nothing is configured that opens it.") }
      let repository = try own.openRepository(at: path, with: source)
      let list = try own.list(repository)
      // `try?`: a size that cannot be told is left out.
      result = .success((list, repository.idHex, try? repository.storedBytes()))
    } catch { result = .failure(ErrorReport.translate(error)) }
    opened[path] = result
    return result
  }

  private static func stored(_ manifest: Manifest) -> ProfileStatus.Stored {
    let s = manifest.statistics
    let isComplete = s.errors == 0 && manifest.flags.isDisjoint(with: [.partial, .incomplete])
    return ProfileStatus.Stored(
      time: manifest.time.seconds, id: manifest.session.hexadecimal, isComplete: isComplete, totalBytes: s.bytesProcessed,
      addedBytes: s.bytesAdded, storedBytes: s.bytesStored)
  }
}
