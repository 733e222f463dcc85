package import CairnFormat
import CairnSystem

/// Goes through a directory tree depth first, in the order of names, holding one leaf of each open directory.
///
/// A directory that cannot be read is handed to the problem closure and passed over.
package struct TreeWalk {
  private struct Level {
    var cursor: DirectoryCursor
    let pathLength: Int
  }

  private let trees: TreeReader
  private var levels: [Level] = []
  private var pending: BlobID?
  /// The path of the entry that `next` returned last: each component behind a slash.
  package private(set) var path: [UInt8]

  /// - Parameters:
  ///   - root: the tree of the directory to go through.
  ///   - path: the path of that directory, "" for the root of a snapshot; the paths of entries begin with it.
  package init(_ trees: TreeReader, root: BlobID, path: [UInt8] = []) {
    self.trees = trees
    self.path = path
    pending = root
  }

  /// The next entry; nil after the last.
  ///
  /// - Parameter problem: called with the path of a directory that cannot be read, and why.
  /// - Throws: what `problem` throws, and errors that are not about single objects.
  package mutating func next(_ problem: ([UInt8], CairnError) throws -> Void) throws -> Node? {
    if let tree = pending {
      pending = nil
      try descend(tree, problem)
    }
    while let level = levels.last {
      path.removeLast(path.count - level.pathLength)
      do {
        if let node = try levels[levels.count - 1].cursor.next() {
          path.append(0x2f)
          path.append(contentsOf: node.name)
          pending = node.type == .directory ? node.subtree : nil
          return node
        }
      } catch let error as CairnError where error.concernsOneObject {
        try problem(path, error)
      }
      levels.removeLast()
    }
    return nil
  }

  /// Does not go into the directory that `next` returned last.
  package mutating func skipChildren() { pending = nil }

  private mutating func descend(_ tree: BlobID, _ problem: ([UInt8], CairnError) throws -> Void) throws {
    do {
      guard levels.count < Limits.pathDepth else { throw CairnError.damaged("the directory", .limitExceeded("path depth")) }
      levels.append(Level(cursor: try trees.cursor(tree), pathLength: path.count))
    } catch let error as CairnError where error.concernsOneObject {
      try problem(path, error)
    }
  }
}

extension CairnError {
  /// Whether the failure is about one object, so that work on others can go on.
  var concernsOneObject: Bool { code == .damaged || code == .storage || code == .unsupportedFormat }
}
