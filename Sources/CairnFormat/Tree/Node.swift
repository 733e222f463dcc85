/// What an item of a directory is.
package enum NodeType: UInt8, Sendable, CaseIterable {
  case file = 1
  case directory, symbolicLink, fifo, socket, characterDevice, blockDevice
}

/// Facts about how an item was stored, and in delta trees about what happened to it since the base.
package struct NodeFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The file changed while it was read, also on the second attempt.
  package static let changedWhileRead = NodeFlags(rawValue: 1 << 0)
  /// Only chosen children of this directory were stored; the others must be left alone by a restore that deletes.
  package static let partialDirectory = NodeFlags(rawValue: 1 << 1)
  package static let deltaAdded = NodeFlags(rawValue: 1 << 2)
  package static let deltaChanged = NodeFlags(rawValue: 1 << 3)
  package static let deltaRemoved = NodeFlags(rawValue: 1 << 4)
}

/// An extended attribute; name and value are bytes as the kernel has them.
package struct NodeAttribute: Hashable, Sendable {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// A run of a file's bytes: one chunk, or a hole.
package struct ContentItem: Hashable, Sendable {
  /// Bytes; 1 … 2^24-1 for a chunk, 1 … 2^63-1 for a hole.
  package var length: UInt64
  /// The chunk's id; nil for a hole.
  package var id: BlobID?

  package init(length: UInt64, id: BlobID?) {
    self.length = length
    self.id = id
  }
}

/// Where the bytes of a file are.
package enum Content: Hashable, Sendable {
  /// The file is empty, or the item is no file.
  case none
  /// 1 … 64 items, no two holes next to each other.
  case items([ContentItem])
  /// The root of a list tree with `height` levels of inner nodes above its leaves (0: the root is a leaf).
  case list(root: BlobID, height: UInt8)
}

/// One item of a directory, with everything that is stored of it.
///
/// Fields that are empty, zero or nil (`links`: 1) take no bytes when encoded and no memory of their own.
package struct Node: Hashable, Sendable {
  /// One path component; empty only in the item that describes the root of a snapshot itself.
  package var name: [UInt8]
  package var type: NodeType
  /// The 12 permission bits.
  package var mode: UInt32 = 0
  package var uid: UInt32 = 0
  package var gid: UInt32 = 0
  /// Account names; empty when unknown.
  package var user: [UInt8] = []
  package var group: [UInt8] = []
  package var mtime: Timestamp = .zero
  package var ctime: Timestamp?
  package var btime: Timestamp?
  /// As stat(2) says it. For a file: the sum of its content items.
  package var size: UInt64 = 0
  package var inode: UInt64 = 0
  /// major << 32 | minor.
  package var device: UInt64 = 0
  package var links: UInt32 = 1
  /// Symbolic links only.
  package var linkTarget: [UInt8] = []
  /// Character and block devices only.
  package var rdevMajor: UInt32 = 0
  package var rdevMinor: UInt32 = 0
  /// Strictly ascending by name. ACLs are among them, as `system.posix_acl_*`.
  package var extendedAttributes: [NodeAttribute] = []
  /// `FS_IOC_GETFLAGS` bits.
  package var inodeFlags: UInt32 = 0
  /// Files only.
  package var content: Content = .none
  /// Directories only: the id of the root of the directory's tree. Nil when its children are not known (it could not be read).
  package var subtree: BlobID?
  /// All items below, at any depth.
  package var subtreeEntries: UInt64 = 0
  /// The sizes of all files below, at any depth.
  package var subtreeBytes: UInt64 = 0
  package var flags: NodeFlags = []
  /// Files only: what `ImageRecord.encode` gives, where the content is that of a disk, a partition or a file of one.
  package var image: [UInt8] = []

  package init(name: [UInt8], type: NodeType) {
    self.name = name
    self.type = type
  }

  /// The item and everything below it.
  package var totalEntries: UInt64 { subtreeEntries.addingSaturated(1) }
  /// Bytes of file content in the item and below it.
  package var totalBytes: UInt64 { type == .file ? size : subtreeBytes }
}

extension UInt64 {
  /// The sum, or the largest number where it does not fit: sizes read from a repository may be lies, and
  /// those of sparse files exceed all bounds together.
  package func addingSaturated(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
