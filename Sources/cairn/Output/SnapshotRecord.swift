import CairnFormat
import CairnKit

/// A snapshot as restic's JSON has it, with `kind`, `series`, `base` and `description` added.
enum SnapshotRecord {
  static func write(_ snapshot: Snapshot, to line: inout JSONLine) {
    let m = snapshot.manifest
    line.member("time", rfc3339(m.time))
    if let base = m.base { line.member("parent", base.hexadecimal) }
    line.member("tree", m.root.hexadecimal)
    line.member("paths", names: m.paths)
    line.member("hostname", bytes: m.host)
    line.member("username", bytes: m.user)
    if !m.excludes.isEmpty { line.member("excludes", names: m.excludes) }
    if !m.tags.isEmpty { line.member("tags", names: m.tags) }
    if !m.description.isEmpty { line.member("description", bytes: m.description) }
    line.member("program_version", m.programVersion)
    line.member("kind", name(of: m.kind))
    if snapshot.isImage { line.member("image", true) }
    line.member("series", m.series.hexadecimal)
    if !m.seriesName.isEmpty { line.member("series_name", bytes: m.seriesName) }
    if let base = m.base { line.member("base", base.hexadecimal) }
    line.member("summary") { line in
      line.member("backup_start", rfc3339(m.started))
      line.member("backup_end", rfc3339(end(of: m)))
      counters(m.statistics, to: &line)
    }
    line.member("id", snapshot.idHex)
    line.member("short_id", snapshot.shortID)
  }

  /// The counters of a backup under restic's names.
  static func counters(_ s: SnapshotStatistics, to line: inout JSONLine) {
    line.member("files_new", s.filesNew)
    line.member("files_changed", s.filesChanged)
    line.member("files_unmodified", s.filesUnchanged)
    line.member("dirs_new", s.directoriesNew)
    line.member("dirs_changed", s.directoriesChanged)
    line.member("dirs_unmodified", s.directoriesUnchanged)
    line.member("data_blobs", s.dataBlobs)
    line.member("tree_blobs", s.treeBlobs)
    line.member("data_added", s.bytesAdded)
    line.member("data_added_packed", s.bytesStored)
    line.member("total_files_processed", s.filesTotal)
    line.member("total_bytes_processed", s.bytesProcessed)
    line.member("bytes_read", s.bytesRead)
    line.member("errors", s.errors)
  }

  static func name(of kind: SnapshotKind) -> String {
    switch kind {
    case .full: "full"
    case .incremental: "incremental"
    case .differential: "differential"
    }
  }

  static func rfc3339(_ time: Timestamp) -> String { LocalTime.rfc3339(time.seconds, time.nanoseconds) }

  /// One line that says which snapshot is meant.
  static func title(_ snapshot: Snapshot) -> String {
    let m = snapshot.manifest
    let paths = m.paths.map(Escaping.terminal).joined(separator: ", ")
    return
      "snapshot \(snapshot.shortID) of [\(paths)] at \(LocalTime.text(m.time.seconds)) by \(Escaping.terminal(m.user + [0x40] + m.host))"
  }

  private static func end(of m: Manifest) -> Timestamp {
    let (seconds, rest) = m.statistics.durationNanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let nanoseconds = UInt64(m.started.nanoseconds) + rest
    let carry = Int64(nanoseconds / 1_000_000_000)
    return Timestamp(
      seconds: m.started.seconds.addingReportingOverflow(Int64(clamping: seconds) &+ carry).partialValue,
      nanoseconds: UInt32(nanoseconds % 1_000_000_000))
  }
}
