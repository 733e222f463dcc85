package import CairnFormat
import CairnSystem

/// An entry of a snapshot with its path.
package struct ListedNode: Sendable {
  /// From the root of the snapshot, each component behind a slash; raw bytes.
  package let path: [UInt8]
  package let node: Node

  package init(path: [UInt8], node: Node) {
    self.path = path
    self.node = node
  }
}

/// Paths inside of snapshots as one run of bytes.
package enum SnapshotPath {
  /// Each component behind a slash; "" for the root.
  package static func joined(_ components: [[UInt8]]) -> [UInt8] {
    var path: [UInt8] = []
    for component in components {
      path.append(0x2f)
      path += component
    }
    return path
  }

  /// As it is shown and reported: "/" for the root.
  package static func display(_ path: [UInt8]) -> [UInt8] { path.isEmpty ? [0x2f] : path }
}

extension RepositoryView {
  /// The entry at a path.
  ///
  /// - Parameter path: components from the root of the snapshot; none for the root itself.
  /// - Throws: `CairnError(.notFound)` naming path and snapshot; `.damaged` when a directory on the way cannot be read.
  package func node(at path: [[UInt8]], in snapshot: Snapshot) throws -> Node {
    if path.isEmpty { return try trees.rootNode(of: snapshot) }
    if let node = try trees.find(path, in: snapshot.manifest.root) { return node }
    throw CairnError(
      .notFound, "There is no \(Escaping.path(path)) in snapshot \(snapshot.shortID).",
      guidance: "List what it holds with 'cairn ls \(snapshot.shortID)'.")
  }

  /// Lists a snapshot or a part of it, depth first, in the order of names; nothing is held but the open directories.
  ///
  /// The entry at `path` itself comes first, unless that is the root. Directories that cannot be read are problems of the context.
  /// - Parameters:
  ///   - path: components of the directory (or single entry) to list.
  ///   - recursive: also what lies in directories below.
  /// - Throws: as `node(at:in:)`, what `body` throws, `CancellationError`.
  package func list(
    _ snapshot: Snapshot, path: [[UInt8]] = [], recursive: Bool, context: RunContext = RunContext(), _ body: (ListedNode) throws -> Void
  ) throws {
    let start = try node(at: path, in: snapshot)
    let bytes = SnapshotPath.joined(path)
    if !path.isEmpty { try body(ListedNode(path: bytes, node: start)) }
    guard start.type == .directory else { return }
    guard let tree = start.subtree else {
      return context.problem(SnapshotPath.display(bytes), during: "listing", "its content is not in the snapshot: it could not be read")
    }
    var walk = TreeWalk(trees, root: tree, path: bytes)
    while let node = try walk.next({ context.problem(SnapshotPath.display($0), during: "listing", $1.message) }) {
      try context.cancellation.check()
      try body(ListedNode(path: walk.path, node: node))
      if !recursive { walk.skipChildren() }
    }
  }
}
