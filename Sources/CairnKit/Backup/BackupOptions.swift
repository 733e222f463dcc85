package import CairnFormat
import CairnSystem

/// What a backup does; every property has a sensible value but `sources`.
public struct BackupOptions: Sendable {
  /// How the snapshot is made.
  public enum KindChoice: String, Sendable, CaseIterable {
    /// Full when the series has no snapshot yet, else incremental.
    case auto
    /// Reads every byte, trusts nothing older.
    case full
    /// Trusts unchanged metadata against the newest snapshot of the series.
    case incremental
    /// Trusts unchanged metadata against the newest full snapshot of the series.
    case differential
  }

  /// Where the content comes from when it is no file.
  public struct StandardInput: Sendable {
    public enum Origin: Sendable {
      /// An open descriptor, read to its end. Not closed.
      case descriptor(CInt)
      /// A program and its arguments; its output is the content. When it fails, no snapshot is made.
      case command([String])
    }
    /// The path of the one file in the snapshot, as bytes.
    public var name: [UInt8]
    public var origin: Origin

    public init(name: [UInt8], origin: Origin) {
      self.name = name
      self.origin = origin
    }
  }

  /// Paths as typed, raw bytes. Relative ones are taken from `workingDirectory`.
  public var sources: [[UInt8]] = []
  /// Absolute; nil = the process's working directory.
  public var workingDirectory: [UInt8]?
  public var standardInput: StandardInput?
  /// Instead of `sources`.
  public var image: Image?
  public var kind: KindChoice = .auto
  /// Names the series; nil = derived from the host and the sources.
  public var seriesName: String?
  /// nil = this machine's name.
  public var host: String?
  public var tags: [String] = []
  public var description: String?
  /// The snapshot's time as shown; nil = now.
  package var time: Timestamp?
  public var dryRun = false
  public var excludes = ExcludeOptions()
  public var oneFileSystem = false
  /// Names of ignore files honoured in each directory, for instance ".gitignore".
  public var ignoreFiles: [String] = []
  package var compression: CompressionLevel = .auto
  public var readBack = true
  /// The start of the id of the snapshot to compare with, instead of the one the kind would choose.
  public var parent: String?
  /// Reads every file though a base is there (`--force`); the kind stays what it is.
  public var readEverything = false
  public var ignoreInode = false
  public var ignoreCtime = false
  /// Makes no snapshot when nothing changed against the base.
  public var skipIfUnchanged = false
  /// The command line, for the manifest.
  public var arguments: [[UInt8]] = []
  /// For the manifest, such as "cairn 0.1.0".
  public var programVersion = "cairn"
  /// Reports an event for every entry, not only for problems.
  public var reportsItems = false
  /// Counts the source beforehand on a thread of its own, for a progress line with a percentage.
  public var estimatesTotals = false
  /// When the run began, for those who test what is near that moment; nil = now.
  package var started: Timestamp?
  /// For tests: called at named points of a file's reading.
  package var hooks: (any BackupHooks)?

  public init() {}

  /// Sets `time` from seconds and nanoseconds since 1970.
  public mutating func setTime(seconds: Int64, nanoseconds: UInt32) { time = Timestamp(seconds: seconds, nanoseconds: nanoseconds) }
  /// `nil` = automatic, 0 = off, 1…19 = zstd level.
  public mutating func setCompression(level: Int32?) {
    compression = level.map { $0 == 0 ? .off : .level($0) } ?? .auto
  }
}

/// What is left out.
public struct ExcludeOptions: Sendable {
  /// Patterns with restic's meaning; see `ExcludePattern`.
  public var patterns: [String] = []
  public var caseInsensitivePatterns: [String] = []
  /// Files of patterns, one a line; `#` comments, blank lines, `$VARIABLE`.
  public var files: [[UInt8]] = []
  public var caseInsensitiveFiles: [[UInt8]] = []
  /// `name` or `name:header`: the contents of a directory that holds such a file are left out, the file itself is kept.
  public var ifPresent: [String] = []
  /// The same for `CACHEDIR.TAG` with its signature.
  public var caches = false
  /// Regular files above this many bytes are left out.
  public var largerThan: UInt64?

  public init() {}
}

/// What a backup did.
public struct BackupReport: Sendable {
  /// nil on a dry run, and when nothing changed and that was asked to make no snapshot.
  public let snapshot: Snapshot?
  package let statistics: SnapshotStatistics
  /// Source problems; more than 0 means exit status 3.
  public let problems: UInt64
  package let kind: SnapshotKind
  package let base: SessionID?
  /// Set when `skipIfUnchanged` left the snapshot out.
  public let skippedUnchanged: Bool
  package let started: Timestamp
  public let seconds: Double

  public var kindName: String {
    switch kind {
    case .full: "full"
    case .incremental: "incremental"
    case .differential: "differential"
    }
  }
  /// 32 hexadecimal digits of the base, if there was one.
  public var baseHex: String? { base?.hexadecimal }
}

/// Points at which a test may act on the source while a backup runs.
package protocol BackupHooks: Sendable {
  /// Called on a worker thread. `path` is the entry's absolute path.
  func reached(_ point: BackupPoint, path: [UInt8])
  /// Whether reading a range of an image is to fail as on a bad sector.
  func fails(reading range: Range<UInt64>) -> Bool
}

extension BackupHooks {
  package func fails(reading range: Range<UInt64>) -> Bool { false }
}

/// See `BackupHooks`.
package enum BackupPoint: Sendable {
  /// The walker has looked at the entry; nothing is open.
  case examined
  /// The file is open and not yet read.
  case opened
  /// The content is read and not yet compared with the file's state.
  case read
}

extension BackupOptions {
  /// A disk, a partition or a file of one that is stored block by block, as one file.
  public struct Image: Sendable {
    /// As typed; a link to a device is followed when it is opened, and keeps its name in the snapshot.
    public var path: [UInt8]
    /// Stores zeros for what cannot be read and names it, instead of giving up.
    public var skipsBadSectors = false
    /// The length of the chunks; nil = by the size of the device.
    package var chunkBytes: UInt32?

    public init(path: [UInt8]) { self.path = path }
  }
}
