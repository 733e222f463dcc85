import CairnFormat
import CairnSystem

/// A place in a snapshot and how much of something it holds.
package struct PathSize: Sendable, Equatable {
  /// From the root of the snapshot, each component behind a slash; raw bytes.
  package let path: [UInt8]
  package let isDirectory: Bool
  /// Bytes of the files in it, or by which these have grown.
  package let bytes: UInt64

  package init(path: [UInt8], isDirectory: Bool, bytes: UInt64) {
    self.path = path
    self.isDirectory = isDirectory
    self.bytes = bytes
  }
}

/// Finds the places of a snapshot that hold most, and those that have grown most.
///
/// Directories know how much is below them, so that only those are opened that can hold a place that counts; deep trees and large
/// ones cost no more than the answer. A folder is left out when one entry in it holds nearly as much and says more; a file, unless it
/// holds a tenth of what the first place does.
package struct PathSizes {
  private struct Place {
    var path: [UInt8]
    var isDirectory: Bool
    var bytes: UInt64
    var tree: BlobID?
    var old: BlobID?
    var depth = 1
  }

  private let trees: TreeReader
  private let context: RunContext
  /// Places to be opened, and those that were found, are never more than this.
  private static let kept = 4096
  /// Directories that are opened at the most.
  private static let opened = 2000
  private static let depth = 12

  package init(_ view: RepositoryView, _ context: RunContext) {
    trees = view.trees
    self.context = context
  }

  /// The places that hold most, largest first.
  ///
  /// - Throws: `CancellationError`; directories that cannot be read are problems of the context.
  package func largest(in snapshot: Snapshot, count: Int) throws -> [PathSize] {
    var frontier = MaxHeap<Place> { $0.bytes < $1.bytes }
    frontier.insert(Place(path: [], isDirectory: true, bytes: .max, tree: snapshot.manifest.root, depth: 0))
    var found: [PathSize] = []
    var opened = 0
    // What is taken out has more than everything that is left: the order is right already.
    while found.count < count * 8, let place = frontier.popLargest(), place.bytes > 0 {
      let size = PathSize(path: place.path, isDirectory: place.isDirectory, bytes: place.bytes)
      if place.depth > 0, Self.counts(size, beside: found.first?.bytes ?? 0) { found.append(size) }
      guard let tree = place.tree, place.depth < Self.depth, opened < Self.opened else { continue }
      opened += 1
      try children(place.path, tree) { node in
        frontier.insert(
          Place(
            path: place.path + [0x2f] + node.name, isDirectory: node.type == .directory, bytes: node.totalBytes, tree: node.subtree,
            depth: place.depth + 1))
        if frontier.count > 2 * Self.kept { frontier.keepLargest(Self.kept) }
      }
    }
    return Self.telling(found, count)
  }

  /// The places that have grown most from one snapshot to another, most first.
  ///
  /// - Throws: as `largest`.
  package func growing(from old: Snapshot, to new: Snapshot, count: Int) throws -> [PathSize] {
    var frontier = MaxHeap<Place> { $0.bytes < $1.bytes }
    frontier.insert(Place(path: [], isDirectory: true, bytes: .max, tree: new.manifest.root, old: old.manifest.root, depth: 0))
    var most: UInt64 = 0
    // The smallest is on top, to make room for larger ones.
    var found = MaxHeap<PathSize> { $0.bytes > $1.bytes }
    var opened = 0
    while let place = frontier.popLargest(), opened < Self.opened {
      // Nothing below can have grown by more than it holds.
      if found.count == count * 8, place.bytes <= found.largest?.bytes ?? 0 { break }
      guard let tree = place.tree else { continue }
      opened += 1
      var before = try place.old.flatMap { try cursor(place.path, $0) }
      try children(place.path, tree) { node in
        let path = place.path + [0x2f] + node.name
        let earlier = try counterpart(node, &before)
        let isUnchanged = earlier?.type == node.type && earlier?.subtree == node.subtree && node.type == .directory
        guard !isUnchanged else { return }
        let known = earlier?.type == node.type ? earlier?.totalBytes ?? 0 : 0
        if node.totalBytes > known {
          let size = PathSize(path: path, isDirectory: node.type == .directory, bytes: node.totalBytes - known)
          most = max(most, size.bytes)
          if Self.counts(size, beside: most) { found.insert(size) }
          if found.count > count * 8 { _ = found.popLargest() }
        }
        guard node.subtree != nil, place.depth + 1 < Self.depth else { return }
        frontier.insert(
          Place(
            path: path, isDirectory: true, bytes: node.totalBytes, tree: node.subtree,
            old: earlier?.type == .directory ? earlier?.subtree : nil, depth: place.depth + 1))
        if frontier.count > 2 * Self.kept { frontier.keepLargest(Self.kept) }
      }
    }
    return Self.telling(found.elements.sorted { $0.bytes > $1.bytes }, count)
  }

  // MARK: - Details

  private func children(_ path: [UInt8], _ tree: BlobID, _ body: (Node) throws -> Void) throws {
    guard var cursor = try cursor(path, tree) else { return }
    while true {
      try context.cancellation.check()
      guard let node = try attempt(path, { try cursor.next() }) ?? nil else { return }
      try body(node)
    }
  }

  private func cursor(_ path: [UInt8], _ tree: BlobID) throws -> DirectoryCursor? { try attempt(path) { try trees.cursor(tree) } }

  /// - Returns: nil when something cannot be read, which is reported.
  private func attempt<R>(_ path: [UInt8], _ body: () throws -> R) throws -> R? {
    do { return try body() } catch let error as CairnError {
      guard error.concernsOneObject else { throw error }
      context.problem(SnapshotPath.display(path), during: "reading", error.message)
      return nil
    }
  }

  /// The entry of the same name in a directory that is gone through side by side.
  private func counterpart(_ node: Node, _ cursor: inout DirectoryCursor?) throws -> Node? {
    // A former state that cannot be read counts as empty; what can be read is what the report is about.
    while let other = try? cursor?.peek(), other.name.lexicographicallyPrecedes(node.name) { _ = try? cursor?.next() }
    guard let other = try? cursor?.peek(), other.name == node.name else { return nil }
    return other
  }

  private static func counts(_ place: PathSize, beside first: UInt64) -> Bool { place.isDirectory || place.bytes >= first / 10 }

  /// Leaves out what does not count beside the first, and the directories of which one entry has four fifths.
  private static func telling(_ places: [PathSize], _ count: Int) -> [PathSize] {
    var largestChild: [[UInt8]: UInt64] = [:]
    for place in places {
      guard let slash = place.path.lastIndex(of: 0x2f) else { continue }
      let parent = Array(place.path[..<slash])
      largestChild[parent] = max(largestChild[parent] ?? 0, place.bytes)
    }
    let first = places.first?.bytes ?? 0
    let telling = places.filter { place in
      counts(place, beside: first) && ((largestChild[place.path] ?? 0) < place.bytes / 5 * 4 || place.bytes < 5)
    }
    return Array(telling.prefix(count))
  }
}
