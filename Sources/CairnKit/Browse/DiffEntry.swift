package import CairnFormat

/// What a comparison of two snapshots looks at.
package struct DiffOptions: Sendable {
  /// Also report entries of which only mode, owner, modification time, attributes or flags differ.
  package var metadata = false

  package init() {}
}

/// One difference.
package struct DiffEntry: Sendable {
  package enum Change: Sendable {
    case added, removed
    /// The content differs: bytes of a file, link target, device number.
    case modified
    /// Only metadata differs.
    case metadata
    case typeChanged
  }

  /// From the roots of the two trees, each component behind a slash.
  package let path: [UInt8]
  package let change: Change
  /// Nil exactly for `.added`.
  package let old: Node?
  /// Nil exactly for `.removed`.
  package let new: Node?

  /// The content of a file differs although size, times and inode are the same: bytes may have rotted on the source's disk.
  package var isSuspicious: Bool {
    guard change == .modified, let old, let new, old.type == .file else { return false }
    return old.size == new.size && old.mtime == new.mtime && old.ctime == new.ctime && old.inode == new.inode
  }
}

/// A comparison in numbers.
package struct DiffStatistics: Sendable, Equatable {
  /// What one side has and the other has not.
  package struct Side: Sendable, Equatable {
    package var files: UInt64 = 0
    package var directories: UInt64 = 0
    package var others: UInt64 = 0
    /// Blobs that occur in the differing parts of this side and not in those of the other.
    package var dataBlobs: UInt64 = 0
    package var treeBlobs: UInt64 = 0
    /// Those blobs before compression.
    package var bytes: UInt64 = 0
  }

  /// Files present on both sides with other content.
  package var changedFiles: UInt64 = 0
  package var added = Side()
  package var removed = Side()
  /// Directories that could not be compared.
  package var problems: UInt64 = 0
}

extension Node {
  /// Whether what a person would call metadata is the same. Change time, birth time, inode, device and link count are the file
  /// system's own business and do not count.
  func hasSameMetadata(as other: Node) -> Bool {
    mode == other.mode && uid == other.uid && gid == other.gid && user == other.user && group == other.group && mtime == other.mtime
      && extendedAttributes == other.extendedAttributes && inodeFlags == other.inodeFlags
  }
}
