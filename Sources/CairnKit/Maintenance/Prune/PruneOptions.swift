package import CairnFormat

/// How `prune` goes about it.
public struct PruneOptions: Sendable {
  /// How much of what is kept may be garbage; packs with more of it are written anew until the rest is below.
  public enum Unused: Sendable, Equatable {
    /// Of the bytes that snapshots need, in percent.
    case percent(Double)
    case bytes(UInt64)
    /// Nothing is written anew for its garbage.
    case unlimited
  }

  public var maxUnused: Unused = .percent(2)
  /// Stored bytes of packs that are written anew, at most; nil = any number.
  public var maxRepackBytes: UInt64?
  /// Plan and tell only; nothing is written.
  public var dryRun = false
  /// Wait for backups that are running instead of leaving the deletion to a later run.
  public var wait = false
  /// A backup that has given no sign of life for so many seconds is revoked. It notices when it commits, and begins again: a wrong
  /// guess costs its work, never data.
  public var revokeAfterSeconds: Int64 = 86400
  /// Decides on a session that `prune` knows neither to be dead nor silent for too long; nil: it is waited for.
  package var revokes: (@Sendable (SessionID) -> Bool)?
  /// In a dry run, snapshots that count as forgotten.
  var assumedForgotten: Set<SessionID> = []

  public init() {}

  /// Makes it a dry run that tells what could be freed after `plan` was carried out.
  public mutating func assume(_ plan: ForgetPlan) {
    dryRun = true
    assumedForgotten = Set(plan.sessions)
  }
}

/// What `prune` found and did.
public struct PruneReport: Sendable {
  /// A number of packs and their stored bytes.
  public struct Packs: Sendable, Equatable {
    public internal(set) var count: UInt64 = 0
    public internal(set) var bytes: UInt64 = 0

    mutating func add(_ size: UInt64) {
      count += 1
      bytes += size
    }

    mutating func add(_ others: Packs) {
      count += others.count
      bytes += others.bytes
    }

    /// What is left when some of them were dealt with.
    func without(_ some: Packs) -> Packs {
      Packs(count: count - min(count, some.count), bytes: bytes - min(bytes, some.bytes))
    }
  }

  /// A backup that is still running, or seems to be.
  public struct OpenSession: Sendable {
    /// 32 hexadecimal digits.
    public let session: String
    /// "user@host", safe to print; empty when the announcement cannot be read.
    public let who: String
    public let processID: UInt32
    /// Seconds since its last sign of life, by this machine's clock.
    public let silentSeconds: Int64
    /// Whether its announcement can be read; else it is waited for until `repair index` gives it up.
    public var isReadable: Bool { !who.isEmpty }
  }

  /// Before anything was done: packs that the index names or that lie there unnamed.
  public internal(set) var total = Packs()
  /// Without anything that a snapshot needs.
  public internal(set) var unused = Packs()
  /// Named by no index object: left behind by runs that ended badly.
  public internal(set) var unreferenced = Packs()
  /// Packs of which a part is needed, which was written anew …
  public internal(set) var repacked = Packs()
  /// … and about how much that part is.
  public internal(set) var repackedLiveBytes: UInt64 = 0
  /// Bytes of garbage that stay in packs that are kept.
  public internal(set) var remainingUnusedBytes: UInt64 = 0
  /// Bytes that snapshots need.
  public internal(set) var liveBytes: UInt64 = 0
  /// Unnamed packs of backups that are not decided.
  public internal(set) var pendingPacks = Packs()

  /// Packs deleted by this run, those that an earlier one had condemned included.
  public internal(set) var deleted = Packs()
  /// Bytes of packs written.
  public internal(set) var writtenBytes: UInt64 = 0
  /// Packs that were to be deleted and are needed again.
  public internal(set) var rescued = Packs()
  /// Small objects (log records, registers, announcements, manifests, index objects) deleted.
  public internal(set) var smallObjectsDeleted: UInt64 = 0
  /// Sessions revoked, as 32 hexadecimal digits.
  public internal(set) var revoked: [String] = []
  /// Backups that the deletion has to wait for; empty when all is done.
  public internal(set) var waitingFor: [OpenSession] = []
  /// Packs condemned, by this run or an earlier one, that wait.
  public internal(set) var waiting = Packs()
  /// Packs that are to be written anew and for which the disk had no room.
  public internal(set) var postponed = Packs()
  public internal(set) var isDryRun = false
  public internal(set) var seconds: Double = 0
}
