package import CairnFormat
import CairnSystem

/// One version of an entry, and the snapshots that hold it.
package struct FileVersion: Sendable {
  /// As the first of `snapshots` has it.
  package let node: Node
  /// What makes it a version of its own: content, type, size and modification time. Equal for equal versions, also across paths.
  package let identity: ObjectHash
  /// Oldest first; at least one. The version need not be in every snapshot between the first and the last.
  package internal(set) var snapshots: [Snapshot]
}

/// What became of a path over a list of snapshots.
package struct FileHistory: Sendable {
  /// In the order in which they first occur.
  package internal(set) var versions: [FileVersion] = []
  /// Snapshots that do not have the path.
  package internal(set) var absent: [Snapshot] = []
  /// Snapshots in which the path cannot be looked up, and why.
  package internal(set) var unreadable: [(snapshot: Snapshot, message: String)] = []
}

extension RepositoryView {
  /// Looks a path up in each of the snapshots and sorts them by what they hold there.
  ///
  /// Only the directories on the way are read, and those that consecutive snapshots share only once.
  /// - Parameters:
  ///   - path: components from the root; none for the root itself.
  ///   - snapshots: oldest first.
  ///   - context: its counter of files counts the snapshots.
  /// - Throws: `CancellationError`, errors that are not about single objects.
  package func history(
    _ path: [[UInt8]], in snapshots: [Snapshot], context: RunContext = RunContext()
  ) throws -> FileHistory {
    var history = FileHistory()
    var places: [ObjectHash: Int] = [:]
    var lookup = RepeatedLookup(trees: trees, path: path)
    for snapshot in snapshots {
      try context.cancellation.check()
      context.counters.filesDone.add()
      do {
        let found = try path.isEmpty ? trees.rootNode(of: snapshot) : lookup.find(in: snapshot.manifest.root)
        guard let node = found else {
          history.absent.append(snapshot)
          continue
        }
        let identity = node.versionIdentity
        if let place = places[identity] {
          history.versions[place].snapshots.append(snapshot)
        } else {
          places[identity] = history.versions.count
          history.versions.append(FileVersion(node: node, identity: identity, snapshots: [snapshot]))
        }
      } catch let error as CairnError where error.concernsOneObject {
        history.unreadable.append((snapshot, error.message))
      }
    }
    return history
  }
}

/// Looks one path up in tree after tree, and stops where the way joins that of the tree before.
private struct RepeatedLookup {
  private let trees: TreeReader
  private let path: [[UInt8]]
  /// The directories of the last way, from the root.
  private var way: [BlobID] = []
  private var result: Node?

  init(trees: TreeReader, path: [[UInt8]]) {
    self.trees = trees
    self.path = path
  }

  mutating func find(in root: BlobID) throws -> Node? {
    var tree = root
    for (depth, name) in path.enumerated() {
      if depth < way.count, way[depth] == tree { return result }
      way.removeLast(way.count - min(depth, way.count))
      guard let node = try lookUp(name, tree) else { return end(at: tree, nil) }
      if depth == path.count - 1 { return end(at: tree, node) }
      guard let next = node.subtree else { return end(at: tree, nil) }
      way.append(tree)
      tree = next
    }
    return nil
  }

  private mutating func lookUp(_ name: [UInt8], _ tree: BlobID) throws -> Node? {
    do { return try trees.entry(named: name, in: tree) } catch {
      way = []
      throw error
    }
  }

  private mutating func end(at tree: BlobID, _ node: Node?) -> Node? {
    way.append(tree)
    result = node
    return node
  }
}

extension Node {
  /// SHA-256 over type, size, modification time and what the entry consists of: the ids of its content, its subtree, link target or
  /// device number.
  package var versionIdentity: ObjectHash {
    var writer = ByteWriter(capacity: 128)
    writer.u8(type.rawValue)
    writer.u64(type == .directory ? subtreeBytes : size)
    writer.i64(mtime.seconds)
    writer.u32(mtime.nanoseconds)
    writeContent(into: &writer)
    return SHA256Digest.hash(writer.bytes)
  }

  /// Whether both consist of the same bytes, link target, device number or children, whatever their other metadata.
  package func hasSameContent(as other: Node) -> Bool {
    type == other.type && content == other.content && subtree == other.subtree && linkTarget == other.linkTarget
      && rdevMajor == other.rdevMajor && rdevMinor == other.rdevMinor && (type != .file || size == other.size)
  }

  private func writeContent(into writer: inout ByteWriter) {
    switch content {
    case .none: writer.u8(0)
    case .items(let items):
      writer.u8(1)
      for item in items {
        writer.u64(item.length)
        writer.u8(item.id == nil ? 0 : 1)
        item.id?.append(to: &writer)
      }
    case .list(let root, let height):
      writer.u8(2)
      writer.u8(height)
      root.append(to: &writer)
    }
    subtree?.append(to: &writer)
    writer.u32(rdevMajor)
    writer.u32(rdevMinor)
    writer.append(linkTarget)
  }
}
