/// Builds the content of a file from its chunks and holes in order: inline up to 64 items, above that a list tree.
///
/// A node ends after an item whose id begins with a zero byte, once it holds 64 items, and at 1024 items; so an edit inside a large file
/// rewrites a few nodes only. Holes that touch become one.
package struct ListBuilder {
  private var open: [ContentItem] = []
  /// Children not yet closed into an inner node, lowest level first. Empty until the first leaf is stored.
  private var levels: [[ListInnerItem]] = []
  private var pendingHole: UInt64 = 0
  /// Bytes appended so far.
  package private(set) var totalBytes: UInt64 = 0

  private static let minimum = 64
  private static let maximum = 1024

  package init() {}

  /// - Throws: What `store` throws; `.invalid` for an item without length or a chunk above 2^24-1, `.limitExceeded` above 2^63-1 bytes.
  package mutating func append(_ item: ContentItem, store: StoreNode) throws {
    guard item.length > 0, item.id == nil || item.length <= UInt64(Limits.blobBytes) else { throw FormatError.invalid("content length") }
    let (sum, overflow) = totalBytes.addingReportingOverflow(item.length)
    guard !overflow, sum <= UInt64(Int64.max) else { throw FormatError.limitExceeded("file size") }
    totalBytes = sum
    guard item.id != nil else {
      pendingHole += item.length
      return
    }
    try flushHole(store)
    try add(item, store)
  }

  /// The content of the file, ready for its node.
  package mutating func finish(store: StoreNode) throws -> Content {
    try flushHole(store)
    if levels.isEmpty, open.count <= Limits.inlineContentItems { return open.isEmpty ? .none : .items(open) }
    if !open.isEmpty { try closeLeaf(store) }
    var level = 0
    while level < levels.count - 1 || levels[level].count > 1 {
      if !levels[level].isEmpty { try close(level, store) }
      level += 1
    }
    return .list(root: levels[level][0].id, height: UInt8(level))
  }

  private mutating func flushHole(_ store: StoreNode) throws {
    guard pendingHole > 0 else { return }
    let length = pendingHole
    pendingHole = 0
    try add(ContentItem(length: length, id: nil), store)
  }

  private mutating func add(_ item: ContentItem, _ store: StoreNode) throws {
    // A full inline list becomes a leaf only when another item follows, or else 64 items could have two encodings.
    if open.count == Limits.inlineContentItems, levels.isEmpty, Self.isBoundary(open[open.count - 1].id, open.count) {
      try closeLeaf(store)
    }
    open.append(item)
    if open.count > Limits.inlineContentItems || !levels.isEmpty, Self.isBoundary(item.id, open.count) { try closeLeaf(store) }
  }

  private static func isBoundary(_ id: BlobID?, _ count: Int) -> Bool {
    guard count < maximum else { return true }
    guard count >= minimum, let id else { return false }
    return id.word0 >> 56 == 0
  }

  private mutating func closeLeaf(_ store: StoreNode) throws {
    let items = open
    open.removeAll(keepingCapacity: true)
    let id = try store(.listLeaf, try ListLeaf.encode(items))
    try append(ListInnerItem(id: id, bytes: items.reduce(0) { $0 + $1.length }), level: 0, store)
  }

  private mutating func append(_ item: ListInnerItem, level: Int, _ store: StoreNode) throws {
    if level == levels.count {
      guard level < Limits.treeHeight else { throw FormatError.limitExceeded("list height") }
      levels.append([])
    }
    levels[level].append(item)
    if Self.isBoundary(item.id, levels[level].count) { try close(level, store) }
  }

  private mutating func close(_ level: Int, _ store: StoreNode) throws {
    let items = levels[level]
    levels[level] = []
    let id = try store(.listInner, try ListInner.encode(items))
    try append(ListInnerItem(id: id, bytes: items.reduce(0) { $0 + $1.bytes }), level: level + 1, store)
  }
}
