import CairnFormat

/// Which blobs occur in the differing parts of the two sides of a comparison: two bits a blob of the repository.
final class DiffBlobs {
  enum Side { case old, new }

  private let view: RepositoryView
  private let old: OrdinalBitmap
  private let new: OrdinalBitmap

  init(_ view: RepositoryView) {
    self.view = view
    old = OrdinalBitmap(capacity: view.index.count)
    new = OrdinalBitmap(capacity: view.index.count)
  }

  func addTree(_ id: BlobID, _ side: Side) { note(id, side) }

  /// Notes what a file consists of; a content list that cannot be read is left out, whoever reads the file will say so.
  func add(_ node: Node, _ side: Side) throws {
    guard node.type == .file else { return }
    var content = view.trees.content(node)
    do {
      while let item = try content.next() {
        if let id = item.id { note(id, side) }
      }
    } catch let error as CairnError where error.concernsOneObject {}
  }

  private func note(_ id: BlobID, _ side: Side) {
    // Only statistics: what cannot be found in the index is not counted.
    guard let location = try? view.index.locate(id.key) else { return }
    (side == .old ? old : new).insert(location.ordinal)
  }

  /// Counts what only one side has.
  func count(into statistics: inout DiffStatistics) throws {
    try count(old, without: new, into: &statistics.removed)
    try count(new, without: old, into: &statistics.added)
  }

  private func count(_ side: OrdinalBitmap, without other: OrdinalBitmap, into counts: inout DiffStatistics.Side) throws {
    try side.forEachOrdinal { ordinal in
      guard !other.contains(ordinal), let blob = try view.index.blob(at: ordinal) else { return }
      if blob.type == .data { counts.dataBlobs += 1 } else { counts.treeBlobs += 1 }
      counts.bytes += UInt64(blob.length)
    }
  }
}

extension OrdinalBitmap {
  /// Calls `body` for each ordinal in the set, ascending.
  func forEachOrdinal(_ body: (Int) throws -> Void) rethrows {
    for word in 0..<wordCount {
      var bits = self.word(word)
      while bits != 0 {
        try body(word << 6 + bits.trailingZeroBitCount)
        bits &= bits - 1
      }
    }
  }
}
