package import CairnFormat

/// Which of the entries that match a pattern `find` reports.
package struct FindOptions: Sendable {
  /// Nil: all types.
  package var types: Set<NodeType>?
  /// Bounds of the modification time, both included.
  package var oldest: Timestamp?
  package var newest: Timestamp?
  /// Bounds of a file's size in bytes, both included. Entries that are no files have no size and fail either bound.
  package var minimumSize: UInt64?
  package var maximumSize: UInt64?

  package init() {}

  func accepts(_ node: Node) -> Bool {
    if let types, !types.contains(node.type) { return false }
    if let oldest, node.mtime < oldest { return false }
    if let newest, node.mtime > newest { return false }
    guard minimumSize != nil || maximumSize != nil else { return true }
    return node.type == .file && node.size >= minimumSize ?? 0 && node.size <= maximumSize ?? .max
  }
}

/// An entry that `find` found.
package struct FindMatch: Sendable {
  package let snapshot: Snapshot
  /// From the root of the snapshot, each component behind a slash.
  package let path: [UInt8]
  package let node: Node
}
