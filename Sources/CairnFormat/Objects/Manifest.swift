/// How a snapshot was made. Never what restoring it depends on: each has a complete root of its own.
package enum SnapshotKind: UInt8, Sendable, CaseIterable {
  /// Every byte of every file was read.
  case full = 1
  /// Files whose size, times and inode equal those in the newest snapshot of the series were not read again.
  case incremental = 2
  /// As incremental, against the newest full snapshot of the series.
  case differential = 3
}

package struct SnapshotFlags: OptionSet, Sendable, Equatable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The run ended early: what it had not reached is missing.
  package static let partial = SnapshotFlags(rawValue: 1)
  /// Something could not be read and is missing or marked.
  package static let incomplete = SnapshotFlags(rawValue: 2)
  /// Every frame was opened and compared again before it counted as stored.
  package static let readBack = SnapshotFlags(rawValue: 4)
  /// The snapshot is the image of a disk, a partition or a file of one.
  package static let image = SnapshotFlags(rawValue: 8)
}

/// The content of `snapshots/<session>-<hash>`: one snapshot.
package struct Manifest: Equatable, Sendable {
  package var session: SessionID
  /// When the snapshot was finished, UTC.
  package var time: Timestamp
  /// East of UTC, -1440 … 1440, where and when it was made.
  package var zoneOffsetMinutes: Int32 = 0
  /// As in the zone database; empty when unknown.
  package var zoneName = ""
  package var host: [UInt8] = []
  package var user: [UInt8] = []
  package var arguments: [[UInt8]] = []
  package var paths: [[UInt8]] = []
  package var tags: [[UInt8]] = []
  package var description: [UInt8] = []
  /// The complete tree.
  package var root: BlobID
  /// Metadata of the root where one directory was backed up as ".": a node as `Node.encodeItem` writes it. Decoded by who needs it.
  package var rootNodeItem: [UInt8]?
  package var kind: SnapshotKind
  package var series: SeriesID
  package var seriesName: [UInt8] = []
  /// What the source was compared with; nil exactly for `.full`. It may have been forgotten since.
  package var base: SessionID?
  /// A tree of what was added, changed and removed against `base`.
  package var deltaRoot: BlobID?
  /// Number of log records in the view that the snapshot was made from.
  package var logIndex: UInt64 = 0
  package var previousCommit: SessionID?
  package var client: ClientID
  package var started: Timestamp
  package var statistics = SnapshotStatistics()
  package var excludes: [[UInt8]] = []
  package var flags: SnapshotFlags = []
  package var programVersion = ""

  package init(
    session: SessionID, time: Timestamp, root: BlobID, kind: SnapshotKind, series: SeriesID, base: SessionID? = nil, client: ClientID,
    started: Timestamp
  ) {
    self.session = session
    self.time = time
    self.root = root
    self.kind = kind
    self.series = series
    self.base = base
    self.client = client
    self.started = started
  }

  /// Whether the manifest can be stored. A run checks this early, with the texts it was given, rather than after hours of work.
  ///
  /// - Throws: `.limitExceeded` for a text or list, `.invalid` where base or delta root contradict the kind, or the zone is out of range.
  package func validate() throws(FormatError) {
    guard (base == nil) == (kind == .full) else { throw .invalid("base of a snapshot") }
    guard deltaRoot == nil || base != nil else { throw .invalid("delta root without a base") }
    guard (-1440...1440).contains(zoneOffsetMinutes) else { throw .invalid("zone offset") }
    try TextRules.checkShort(host, user, Array(zoneName.utf8), Array(programVersion.utf8))
    for list in [arguments, paths, tags, excludes] { try TextRules.checkList(list) }
    guard description.count <= Limits.descriptionBytes else { throw .limitExceeded("text length") }
    guard seriesName.count <= Limits.longTextBytes else { throw .limitExceeded("text length") }
    if let rootNodeItem {
      guard !rootNodeItem.isEmpty else { throw .invalid("root node") }
      guard rootNodeItem.count <= Limits.treeNodeBytes else { throw .limitExceeded("root node") }
    }
  }
}
