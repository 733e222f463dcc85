import CairnFormat

/// Pairs of entries as a delta tree lists them: only what was added, changed or removed, looked up in both directories.
struct RecordedMerge {
  struct Pair {
    var old: Node?
    var new: Node?
    /// What is recorded of the differences below, for two directories.
    var recorded: BlobID?
  }

  private struct Sides {
    let trees: TreeReader
    var cursor: DirectoryCursor
    let old: BlobID?
    let new: BlobID?
  }

  private var sides: Sides?

  /// No pairs.
  static let empty = RecordedMerge(sides: nil)

  private init(sides: Sides?) { self.sides = sides }

  /// - Throws: when the first part of the record cannot be read.
  init(_ trees: TreeReader, _ recorded: BlobID, old: BlobID?, new: BlobID?) throws {
    sides = Sides(trees: trees, cursor: try trees.cursor(recorded), old: old, new: new)
  }

  /// The next name that differs; nil at the end. A name that neither side has is passed over.
  mutating func next() throws -> Pair? {
    while let item = try sides?.cursor.next() {
      guard let sides else { return nil }
      let old = try sides.old.flatMap { try sides.trees.entry(named: item.name, in: $0) }
      let new = try sides.new.flatMap { try sides.trees.entry(named: item.name, in: $0) }
      if old != nil || new != nil { return Pair(old: old, new: new, recorded: item.subtree) }
    }
    return nil
  }
}
