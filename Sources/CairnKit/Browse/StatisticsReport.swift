import CairnFormat

/// How much snapshots hold and how much room it takes.
public struct StatisticsReport: Sendable {
  /// Sums over one set of snapshots.
  public struct Totals: Sendable, Equatable {
    public var snapshots: UInt64 = 0
    /// Files of all snapshots, those that occur in several counted each time; as the backups counted them.
    public var files: UInt64 = 0
    /// Items of all kinds of all snapshots.
    public var entries: UInt64 = 0
    /// Sizes of the files of all snapshots: what restoring each of them would write.
    public var logicalBytes: UInt64 = 0
    /// Distinct chunks of file content.
    public var dataBlobs: UInt64 = 0
    /// Distinct parts of directories and content lists.
    public var treeBlobs: UInt64 = 0
    /// The distinct blobs before compression.
    public var uniqueBytes: UInt64 = 0
    /// What the distinct blobs take in packs; a blob sealed together with others counts its share.
    public var storedBytes: UInt64 = 0
    /// References that cannot be followed: missing or damaged. 0 in a good repository.
    public var problems: UInt64 = 0

    public init() {}

    /// Logical bytes for each unique byte.
    public var deduplicationRatio: Double { ratio(logicalBytes, uniqueBytes) }
    /// Unique bytes for each stored byte.
    public var compressionRatio: Double { ratio(uniqueBytes, storedBytes) }

    private func ratio(_ a: UInt64, _ b: UInt64) -> Double { b == 0 ? 1 : Double(a) / Double(b) }
  }

  /// One snapshot, or the snapshots of one series.
  public struct Group: Sendable {
    /// The snapshots, oldest first.
    public let snapshots: [Snapshot]
    /// Blobs distinct within the group.
    public let totals: Totals
    /// What the group has and no group before it had: what it added.
    public let addedBlobs: UInt64
    public let addedUniqueBytes: UInt64
    public let addedStoredBytes: UInt64
  }

  /// Over all snapshots that were asked for.
  public let totals: Totals
  /// Empty unless groups were asked for; in the order of their oldest snapshots.
  public let groups: [Group]
  /// Packs in the repository, and all their bytes, whatever they are for.
  public let packs: UInt64
  public let packBytes: UInt64
}

/// How `statistics` groups snapshots.
public enum StatisticsGrouping: Sendable {
  case none, snapshot, series
}

/// What one snapshot adds to those before it.
package struct SnapshotGrowth: Sendable, Equatable {
  /// Sizes of the files of the snapshot.
  package let logicalBytes: UInt64
  /// Blobs that no snapshot before it needs, before and after compression.
  package let addedUniqueBytes: UInt64
  package let addedStoredBytes: UInt64
}
