/// Decides where the tree of a directory is cut into nodes.
///
/// The decision depends on names alone: a changed time or content rewrites one leaf and the nodes above it, an inserted name moves no other
/// boundary than those next to it, and equal directories have equal trees whatever their history. The hash is keyed, so that nobody can
/// choose names that make a degenerate tree.
package struct DirectorySplitter: Sendable {
  private let nameHash: @Sendable ([UInt8]) -> UInt64

  /// Items of a leaf: at least 64, 512 more on average, at most 1024.
  static let leaf = Rule(minimum: 64, threshold: UInt64.max / 512 + 1, maximum: 1024)
  /// Children of an inner node: at least 16, 64 more on average, at most 512.
  static let inner = Rule(minimum: 16, threshold: UInt64.max / 64 + 1, maximum: 512)

  struct Rule: Sendable {
    let minimum: Int
    let threshold: UInt64
    let maximum: Int
  }

  package init(keys: KeySet) { nameHash = { keys.nameHash($0) } }
  package init(nameHash: @escaping @Sendable ([UInt8]) -> UInt64) { self.nameHash = nameHash }

  /// Whether a leaf ends after the item of this name.
  ///
  /// - Parameter itemsSinceBoundary: Items since the last such boundary, this one included: 1 for the first item of a directory.
  package func isBoundary(after name: [UInt8], itemsSinceBoundary: Int) -> Bool { ends(Self.leaf, name, itemsSinceBoundary) }

  /// Whether an inner node ends after the child with this first name; otherwise as `isBoundary`.
  package func isInnerBoundary(after firstName: [UInt8], itemsSinceBoundary: Int) -> Bool {
    ends(Self.inner, firstName, itemsSinceBoundary)
  }

  private func ends(_ rule: Rule, _ name: [UInt8], _ count: Int) -> Bool {
    count >= rule.maximum || (count >= rule.minimum && nameHash(name) < rule.threshold)
  }
}
