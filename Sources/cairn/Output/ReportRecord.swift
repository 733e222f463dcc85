import CairnAutomation
import CairnFormat
import CairnKit

/// The figures of a report for programs.
enum ReportRecord {
  static func json(_ data: ReportData) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "report")
      line.member("repository", data.repository)
      line.member("location", bytes: data.location)
      line.member("generated", LocalTime.rfc3339(data.generated, 0))
      line.member("pack_bytes", data.packBytes)
      if !data.profiles.isEmpty { line.list("profiles") { line in for name in data.profiles { line.element(name) } } }
      line.list("snapshots") { line in
        for entry in data.snapshots { line.element { snapshot(entry, to: &$0) } }
      }
      line.list("places") { line in
        for places in data.places {
          line.element { line in
            line.member("series", bytes: places.series)
            line.member("time", LocalTime.rfc3339(places.time, 0))
            line.list("largest") { line in for place in places.largest { line.element { path(place, to: &$0) } } }
            if let since = places.since { line.member("since", LocalTime.rfc3339(since, 0)) }
            line.list("growing") { line in for place in places.growing { line.element { path(place, to: &$0) } } }
          }
        }
      }
      line.member("runs", data.runs.count)
      line.list("notes") { line in for note in data.notes { line.element(note) } }
    }
  }

  private static func snapshot(_ entry: ReportData.Entry, to line: inout JSONLine) {
    line.member("short_id", entry.id)
    line.member("time", LocalTime.rfc3339(entry.time, 0))
    line.member("kind", SnapshotRecord.name(of: entry.kind))
    line.member("series", bytes: entry.series)
    line.member("files", entry.files)
    line.member("logical_size", entry.logicalBytes)
    line.member("added_unique_size", entry.addedUniqueBytes)
    line.member("added_stored_size", entry.addedStoredBytes)
    line.member("errors", entry.errors)
  }

  private static func path(_ place: PathSize, to line: inout JSONLine) {
    line.member("path", bytes: place.path)
    line.member("type", place.isDirectory ? "dir" : "file")
    line.member("size", place.bytes)
  }
}
