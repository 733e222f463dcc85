import CairnFormat
import CairnSystem

/// A directory of the snapshot that the walk is in, and its place in the target.
struct TargetLevel {
  let node: Node
  /// Itself wanted, not only something below it.
  let selected: Bool
  /// Nil until something is restored into it: directories that only lead to what was asked for are not made for nothing.
  var directory: RestoredDirectory?
  /// The names that were there when it was opened; nil for a directory made by this run.
  var listing: DirectoryListing?
  /// The next name in `listing` that may turn out not to be in the snapshot.
  var nextStranger = 0
  /// Temporary names in `listing` that the snapshot has not named so far.
  var stale: [[UInt8]] = []
  /// Strangers may be removed; false as soon as it is unknown what the snapshot has.
  var mayDelete: Bool
  /// Something of the snapshot went into it, so that its own metadata belongs to it.
  var hasContent: Bool
  /// It could not be made; what is below it is left out.
  var isLost = false
  /// As it was before this run; nil for a directory made by this run.
  var existing: FileStatus?
  /// Inode flags that were taken off.
  var clearedFlags: UInt32 = 0

  init(_ node: Node, selected: Bool, deletes: Bool) {
    self.node = node
    self.selected = selected
    hasContent = selected
    mayDelete = deletes && !node.flags.contains(.partialDirectory) && node.subtree != nil
  }
}
