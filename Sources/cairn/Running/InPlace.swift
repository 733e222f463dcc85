import CairnFormat
import CairnKit

/// Where the files of a snapshot came from.
enum InPlace {
  /// The directory into which `path` of the snapshot goes back.
  ///
  /// Sources are recorded with their absolute paths; the tree holds the end of each (all of an absolute one, the cleaned rest of a
  /// relative one). What is missing at the front is where the tree's root lies.
  /// - Throws: `CairnError(.usage)` when there is no such place, or not one for all sources.
  static func target(of snapshot: Snapshot, path: [[UInt8]], in view: RepositoryView) throws -> [UInt8] {
    var root: [[UInt8]]?
    for source in snapshot.manifest.paths {
      guard source.first == 0x2f, let place = try front(of: source.split(separator: 0x2f).map(Array.init), snapshot, view) else {
        throw unknown(snapshot)
      }
      if let root, root != place { throw unknown(snapshot) }
      root = place
    }
    guard let root else { throw unknown(snapshot) }
    let isDirectory = try view.node(at: path, in: snapshot).type == .directory
    return joined(root + (isDirectory ? path : path.dropLast()))
  }

  private static func front(of source: [[UInt8]], _ snapshot: Snapshot, _ view: RepositoryView) throws -> [[UInt8]]? {
    // The whole source at the root: one directory backed up as ".".
    if snapshot.manifest.rootNodeItem != nil { return source }
    for count in 0..<source.count where try view.trees.find(Array(source[count...]), in: snapshot.manifest.root) != nil {
      return Array(source[..<count])
    }
    return nil
  }

  private static func joined(_ components: [[UInt8]]) -> [UInt8] { components.isEmpty ? [0x2f] : components.flatMap { [0x2f] + $0 } }

  private static func unknown(_ snapshot: Snapshot) -> CairnError {
    CairnError(
      .usage, "Snapshot \(snapshot.shortID) does not say where its files came from.", guidance: "Use --target DIRECTORY.")
  }
}
