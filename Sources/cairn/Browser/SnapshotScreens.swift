import CairnFormat
import CairnKit

/// The series of a repository.
struct SeriesScreen: BrowserScreen {
  let repository: String
  let groups: [SnapshotGrouping.Group]
  var position = ListPosition()

  var count: Int { groups.count }
  var title: ScreenTitle { ScreenTitle(label: "", path: repository, right: Human.count(UInt64(groups.count), "series", "series")) }
  var hints: [String] { ["Enter open", "/ search", "q quit"] }

  func header(columns: Int) -> ScreenLine? {
    var line = ScreenLine()
    line.add("Newest", .faint, columns: 16)
    if columns >= 60 { line.add("Size", .faint, columns: 8, isRight: true) }
    line.add("Snapshots", .faint, columns: 9, isRight: true)
    line.add("Series", .faint)
    return line
  }

  func line(_ row: Int, _ context: LineContext) -> ScreenLine {
    let group = groups[row]
    let last = group.snapshots.last?.manifest
    var line = ScreenLine()
    line.add(LocalTime.minutes(last?.time.seconds ?? 0), columns: 16)
    if context.columns >= 60 { line.add(Human.roundBytes(last?.statistics.bytesProcessed ?? 0), columns: 8, isRight: true) }
    line.add(String(group.snapshots.count), columns: 9, isRight: true)
    line.add(name(row), .folder)
    return line
  }

  func detail(_ context: LineContext) -> ScreenLine {
    guard groups.indices.contains(position.cursor) else { return ScreenLine() }
    return ScreenLine(groups[position.cursor].title)
  }

  func searchText(_ row: Int) -> [UInt8]? { Array(groups[row].title.utf8) }

  /// The name if it has one, else whose what it is.
  private func name(_ row: Int) -> String {
    let group = groups[row]
    guard let last = group.snapshots.last?.manifest else { return "" }
    let host = Escaping.terminal(last.host)
    if !last.seriesName.isEmpty { return "\(Escaping.terminal(last.seriesName)) (\(host))" }
    return "\(host): \(last.paths.map(Escaping.terminal).joined(separator: ", "))"
  }
}

/// Snapshots, the newest first.
struct SnapshotsScreen: BrowserScreen {
  let name: String
  let snapshots: [Snapshot]
  let lineage: SnapshotLineage
  /// Where opening one leads to: an entry whose versions are being looked at; nil for the root.
  var place: [[UInt8]]?
  var position = ListPosition()

  /// - Parameter snapshots: oldest first.
  init(name: String, snapshots: [Snapshot], lineage: SnapshotLineage, place: [[UInt8]]? = nil) {
    self.name = name
    self.snapshots = snapshots.reversed()
    self.lineage = lineage
    self.place = place
  }

  var count: Int { snapshots.count }
  var chosen: Snapshot? { snapshots.indices.contains(position.cursor) ? snapshots[position.cursor] : nil }
  var title: ScreenTitle { ScreenTitle(label: name, path: shownPlace, right: Human.count(UInt64(snapshots.count), "snapshot")) }
  private var shownPlace: String { place.map { Escaping.path($0) } ?? "" }
  var hints: [String] {
    place == nil ? ["Enter open", "d changes", "r restore all", "/ search", "q quit"] : ["Enter show it there", "q back"]
  }

  func header(columns: Int) -> ScreenLine? { Self.cells(columns, style: .faint, "Time", "ID", "Kind", "Chain", "Size", "Tags") }

  func line(_ row: Int, _ context: LineContext) -> ScreenLine {
    let snapshot = snapshots[row]
    let m = snapshot.manifest
    return Self.cells(
      context.columns, style: .plain, LocalTime.minutes(m.time.seconds), snapshot.shortID, SnapshotRecord.name(of: m.kind),
      lineage.text(of: snapshot), Human.roundBytes(m.statistics.bytesProcessed), m.tags.map(Escaping.terminal).joined(separator: ","))
  }

  private static func cells(
    _ columns: Int, style: Style, _ time: String, _ id: String, _ kind: String, _ chain: String, _ size: String, _ tags: String
  ) -> ScreenLine {
    var line = ScreenLine()
    line.add(time, style == .plain ? .folder : style, columns: 16)
    line.add(size, style, columns: 8, isRight: true)
    if columns >= 70 {
      line.add(id, style, columns: 8)
      line.add(kind, style, columns: 12)
      line.add(chain, style, columns: 13)
    } else if columns >= 34 {
      line.add(kind, style, columns: 4)
    }
    line.add(tags, style == .plain ? .special : style)
    return line
  }

  func detail(_ context: LineContext) -> ScreenLine {
    guard let m = chosen?.manifest else { return ScreenLine() }
    let description = m.description.isEmpty ? "" : Escaping.terminal(m.description) + "  "
    var line = ScreenLine()
    line.add(description, .strong)
    line.add(m.paths.map(Escaping.terminal).joined(separator: ", ") + " by " + Escaping.terminal(m.user + [0x40] + m.host))
    if m.flags.contains(.incomplete) || m.flags.contains(.partial) { line.add("  incomplete", .problem) }
    return line
  }

  func searchText(_ row: Int) -> [UInt8]? {
    let m = snapshots[row].manifest
    let words = [LocalTime.minutes(m.time.seconds), snapshots[row].shortID, SnapshotRecord.name(of: m.kind)]
    return Array(words.joined(separator: " ").utf8) + [0x20] + Array(m.tags.joined(separator: [0x20])) + [0x20] + m.description
  }
}

/// The versions of an entry that the snapshots of its series hold, the newest first.
struct VersionsScreen: BrowserScreen {
  let path: [[UInt8]]
  let versions: [FileVersion]
  /// How many snapshots do not have it, and of how many that is unknown.
  let absent: Int
  let unreadable: Int
  var position = ListPosition()

  init(path: [[UInt8]], history: FileHistory) {
    self.path = path
    versions = history.versions.reversed()
    absent = history.absent.count
    unreadable = history.unreadable.count
  }

  var count: Int { versions.count }
  var chosen: FileVersion? { versions.indices.contains(position.cursor) ? versions[position.cursor] : nil }
  var hints: [String] { ["Enter snapshots", "p preview", "r restore this version", "q back"] }

  var title: ScreenTitle {
    ScreenTitle(label: "versions of", path: Escaping.path(path), right: Human.count(UInt64(versions.count), "version"))
  }

  func header(columns: Int) -> ScreenLine? {
    Self.cells(columns, .faint, "Modified", "Size", columns >= 60 ? "Snapshots" : "In", "First", "Last")
  }

  func line(_ row: Int, _ context: LineContext) -> ScreenLine {
    let version = versions[row]
    return Self.cells(
      context.columns, .plain, LocalTime.minutes(version.node.mtime.seconds), Human.roundBytes(version.node.totalBytes),
      String(version.snapshots.count), Self.time(version.snapshots.first), Self.time(version.snapshots.last))
  }

  private static func time(_ snapshot: Snapshot?) -> String { snapshot.map { LocalTime.minutes($0.manifest.time.seconds) } ?? "" }

  private static func cells(
    _ columns: Int, _ style: Style, _ modified: String, _ size: String, _ count: String, _ first: String, _ last: String
  ) -> ScreenLine {
    var line = ScreenLine()
    line.add(modified, style == .plain ? .strong : style, columns: 16)
    line.add(size, style, columns: 8, isRight: true)
    line.add(count, style, columns: columns >= 60 ? 9 : 5, isRight: true)
    if columns >= 66 { line.add(first, style, columns: 16) }
    if columns >= 48 { line.add(last, style, columns: 16) }
    return line
  }

  func detail(_ context: LineContext) -> ScreenLine {
    guard let version = chosen else { return ScreenLine("No snapshot holds it.") }
    var line = ScreenLine("in " + version.snapshots.reversed().prefix(12).map(\.shortID).joined(separator: ", "))
    if version.snapshots.count > 12 { line.add(" and \(version.snapshots.count - 12) more") }
    if absent > 0 { line.add("; \(absent) do not have it", .faint) }
    if unreadable > 0 { line.add("; in \(unreadable) it cannot be looked up", .problem) }
    return line
  }
}

/// What became different between two snapshots of a series.
struct ChangesScreen: BrowserScreen {
  struct Entry: Sendable {
    let path: [[UInt8]]
    let modifier: String
    let isDirectory: Bool
    let isRemoved: Bool
    let bytes: UInt64
  }

  static let limit = 5000
  let old: Snapshot
  let new: Snapshot
  /// The folder that was compared.
  let path: [[UInt8]]
  /// The first of all.
  let entries: [Entry]
  let total: Int
  let statistics: DiffStatistics
  var position = ListPosition()

  var count: Int { entries.count }
  var chosen: Entry? { entries.indices.contains(position.cursor) ? entries[position.cursor] : nil }
  var hints: [String] { ["Enter show it there", "/ search", "q back"] }

  var emptyText: ScreenLine? { ScreenLine("Nothing differs.", .strong) }

  var title: ScreenTitle {
    let times = "\(LocalTime.minutes(old.manifest.time.seconds)) → \(LocalTime.minutes(new.manifest.time.seconds))"
    return ScreenTitle(label: "changes \(times)", path: Escaping.path(path), right: Human.count(UInt64(total), "change"))
  }

  func line(_ row: Int, _ context: LineContext) -> ScreenLine {
    let entry = entries[row]
    let style: Style = entry.isRemoved ? .removed : entry.modifier == "+" ? .added : .plain
    var line = ScreenLine()
    line.add(entry.modifier, style, columns: 2)
    if context.columns >= 40 { line.add(entry.isDirectory ? "" : Human.roundBytes(entry.bytes), columns: 8, isRight: true) }
    let name = Escaping.path(entry.path).dropFirst() + (entry.isDirectory ? "/" : "")
    line.add(ScreenLine.tail(String(name), columns: max(1, context.columns - line.width)), style)
    return line
  }

  func detail(_ context: LineContext) -> ScreenLine {
    let s = statistics
    var line = ScreenLine("files: \(s.added.files) new, \(s.removed.files) removed, \(s.changedFiles) changed")
    if total > count { line.add("; the first \(count) are shown", .faint) }
    if s.problems > 0 { line.add("; \(Human.count(s.problems, "folder")) could not be compared", .problem) }
    return line
  }

  func searchText(_ row: Int) -> [UInt8]? { SnapshotPath.joined(entries[row].path) }
}
