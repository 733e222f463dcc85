package import CairnFormat
package import CairnKit

/// What a report shows. Names are raw bytes, as they were recorded: the page makes them harmless.
package struct ReportData: Sendable {
  /// One snapshot.
  package struct Entry: Sendable {
    package var id: String
    /// Seconds since 1970.
    package var time: Int64
    package var kind: SnapshotKind
    /// The start of the id of the snapshot that it was compared with.
    package var base: String?
    package var series: [UInt8]
    package var host: [UInt8]
    package var tags: [[UInt8]]
    package var files: UInt64
    /// Sizes of its files.
    package var logicalBytes: UInt64
    /// What it holds that no snapshot before it holds, before and after compression.
    package var addedUniqueBytes: UInt64
    package var addedStoredBytes: UInt64
    package var errors: UInt64

    package init(
      id: String, time: Int64, kind: SnapshotKind, base: String? = nil, series: [UInt8], host: [UInt8] = [], tags: [[UInt8]] = [],
      files: UInt64 = 0, logicalBytes: UInt64 = 0, addedUniqueBytes: UInt64 = 0, addedStoredBytes: UInt64 = 0, errors: UInt64 = 0
    ) {
      self.id = id
      self.time = time
      self.kind = kind
      self.base = base
      self.series = series
      self.host = host
      self.tags = tags
      self.files = files
      self.logicalBytes = logicalBytes
      self.addedUniqueBytes = addedUniqueBytes
      self.addedStoredBytes = addedStoredBytes
      self.errors = errors
    }
  }

  /// Places of one series.
  package struct Places: Sendable {
    package var series: [UInt8]
    /// The newest snapshot, and the older one that growth is measured against; nil = there is none.
    package var time: Int64
    package var since: Int64?
    package var largest: [PathSize]
    package var growing: [PathSize]

    package init(series: [UInt8], time: Int64, since: Int64?, largest: [PathSize], growing: [PathSize]) {
      self.series = series
      self.time = time
      self.since = since
      self.largest = largest
      self.growing = growing
    }
  }

  package var location: [UInt8]
  package var repository: String
  /// The profiles that the report is about; empty = the whole repository.
  package var profiles: [String] = []
  package var program: String
  /// Seconds since 1970.
  package var generated: Int64
  /// Oldest first.
  package var snapshots: [Entry] = []
  package var places: [Places] = []
  /// Everything that lies in packs.
  package var packBytes: UInt64 = 0
  /// Of the journal, newest first.
  package var runs: [RunRecord] = []
  /// Sentences about what is missing in the report.
  package var notes: [String] = []

  package init(location: [UInt8], repository: String, program: String, generated: Int64) {
    self.location = location
    self.repository = repository
    self.program = program
    self.generated = generated
  }
}

extension SnapshotKind {
  /// Strongest first.
  static let inOrder: [SnapshotKind] = [.full, .differential, .incremental]

  var word: String {
    switch self {
    case .full: "full"
    case .differential: "differential"
    case .incremental: "incremental"
    }
  }
}
