import CairnFormat

/// Sorting snapshots into groups that share some of their description.
public struct SnapshotGrouping: Sendable {
  private var byHost = false, byPaths = false, byTags = false, bySeries = false

  /// One group of all.
  public init() {}

  /// - Parameter text: any of `host`, `paths`, `tags` and `series` with commas between; empty for one group of all.
  /// - Returns: nil for unknown words.
  public init?(_ text: String) {
    for word in text.split(separator: ",") {
      switch word.drop(while: { $0 == " " }).prefix(while: { $0 != " " }) {
      case "host", "hosts": byHost = true
      case "path", "paths": byPaths = true
      case "tag", "tags": byTags = true
      case "series": bySeries = true
      default: return nil
      }
    }
  }

  public static let series: SnapshotGrouping = {
    var grouping = SnapshotGrouping()
    grouping.bySeries = true
    return grouping
  }()

  public var isEmpty: Bool { !byHost && !byPaths && !byTags && !bySeries }

  /// Snapshots that share what the grouping asks for; the members that it does not ask for are nil.
  public struct Group: Sendable {
    public let host: [UInt8]?
    public let paths: [[UInt8]]?
    public let tags: [[UInt8]]?
    /// The series' name, safe on a terminal, else its id.
    public let series: String?
    let hasSeriesName: Bool
    public internal(set) var snapshots: [Snapshot]

    /// What they share, in words; a series without host and paths shows those of its last snapshot. Empty for all snapshots.
    public var title: String {
      let (host, paths) = shown
      var parts: [String] = []
      if let series { parts.append("series [\(hasSeriesName ? series : String(series.prefix(8)))]") }
      if let host { parts.append("host [\(Escaping.terminal(host))]") }
      if let paths { parts.append("paths [\(paths.map(Escaping.terminal).joined(separator: ", "))]") }
      if let tags { parts.append("tags [\(tags.map(Escaping.terminal).joined(separator: ", "))]") }
      return parts.joined(separator: ", ")
    }

    /// Host and paths of the group; those of its last snapshot for a series.
    public var shown: (host: [UInt8]?, paths: [[UInt8]]?) {
      guard series != nil, let last = snapshots.last?.manifest else { return (host, paths) }
      return (host ?? last.host, paths ?? last.paths)
    }
  }

  /// Groups in the order of their first snapshots.
  public func groups(of snapshots: [Snapshot]) -> [Group] {
    var order: [[[UInt8]]: Int] = [:]
    var groups: [Group] = []
    for snapshot in snapshots {
      let m = snapshot.manifest
      let paths = m.paths.sorted { $0.lexicographicallyPrecedes($1) }
      let tags = m.tags.sorted { $0.lexicographicallyPrecedes($1) }
      let none: [[UInt8]] = [[0]]
      let key =
        [byHost ? m.host : []] + none + (byPaths ? paths : []) + none + (byTags ? tags : []) + [
          bySeries ? Array(m.series.hexadecimal.utf8) : []
        ]
      if let index = order[key] {
        groups[index].snapshots.append(snapshot)
      } else {
        order[key] = groups.count
        groups.append(
          Group(
            host: byHost ? m.host : nil, paths: byPaths ? paths : nil, tags: byTags ? tags : nil,
            series: bySeries ? (m.seriesName.isEmpty ? m.series.hexadecimal : Escaping.terminal(m.seriesName)) : nil,
            hasSeriesName: !m.seriesName.isEmpty, snapshots: [snapshot]))
      }
    }
    return groups
  }
}
