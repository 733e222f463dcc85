/// What a restore brings back, where to, and how it treats what is there.
public struct RestoreOptions: Sendable {
  /// When something lies where an entry goes. Directories are always used as they are; this is about everything else.
  public enum Overwrite: String, Sendable, CaseIterable {
    /// Content is compared with the ids of the snapshot, whatever size and time say; what differs is replaced.
    case always
    /// Files of equal size and modification time are taken for equal.
    case ifChanged = "if-changed"
    /// Only what is older than the snapshot's version is replaced.
    case ifNewer = "if-newer"
    /// Nothing that exists is touched, directories' metadata included.
    case never
  }

  public var snapshot: Snapshot
  /// A place inside the snapshot; a directory's contents, or the single entry, go into the target. Empty: everything.
  public var path: [[UInt8]] = []
  /// The directory to restore into; made (with its parents, private) when missing. A link given here is followed, none below it is.
  public var target: [UInt8]
  /// Patterns with restic's meaning, matched against paths below `path`; a selected directory brings its contents. Empty: everything.
  public var includes: [String] = []
  public var caseInsensitiveIncludes: [String] = []
  /// Exactly these entries, by their components below `path`, directories with their contents. Directories on the way to them that are there
  /// already keep their metadata, the target in any case. Empty: everything.
  public var places: [[[UInt8]]] = []
  /// Win over the includes and the places.
  public var excludes: [String] = []
  public var caseInsensitiveExcludes: [String] = []
  public var overwrite = Overwrite.always
  /// Remove what the snapshot does not have, in directories that were stored whole, and only what the patterns select.
  public var delete = false
  /// Say what would be done, and change nothing.
  public var dryRun = false
  /// Read everything back at the end and compare it with the snapshot.
  public var verify = false
  /// Leave blocks of zeros out as holes; recorded holes are holes always.
  public var sparse = false
  /// Do not set owners; everything belongs to the caller, and set-id bits stay off.
  public var skipOwner = false
  /// Do not set extended attributes and ACLs.
  public var skipAttributes = false
  /// Reports an event for every entry, not only for problems.
  public var reportsItems = false

  public init(snapshot: Snapshot, target: [UInt8]) {
    self.snapshot = snapshot
    self.target = target
  }
}

/// What a restore has done; on a dry run, what it would do.
public struct RestoreReport: Sendable {
  /// Files, links and special files that were made or replaced.
  public var filesRestored: UInt64 = 0
  /// Entries whose content was right already and whose metadata was put right.
  public var filesUpdated: UInt64 = 0
  /// Entries that were right already.
  public var filesUnchanged: UInt64 = 0
  /// Entries left alone because of `Overwrite`.
  public var filesSkipped: UInt64 = 0
  /// Entries removed; a directory with all below it counts once.
  public var deleted: UInt64 = 0
  /// Directories that were made or whose contents were restored.
  public var directories: UInt64 = 0
  /// Bytes of the files in `filesRestored`, holes included.
  public var bytesRestored: UInt64 = 0
  /// Bytes of the files in `filesUpdated`, `filesUnchanged` and `filesSkipped`.
  public var bytesSkipped: UInt64 = 0
  /// Files compared with the snapshot after the restore; nil when that was not asked for.
  public var filesVerified: UInt64?
  /// Problems reported; not 0 means that the restore is incomplete (exit status 3).
  public var problems: UInt64 = 0
  public var seconds: Double = 0

  public init() {}
}
