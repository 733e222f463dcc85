import CairnFormat

/// Remembers tree nodes below which there was nothing to find, so that what snapshots share is looked at once.
///
/// Two generations of keys: when the younger is full, the older is dropped. At most `limit` times 43 bytes twice.
struct TreeMemo {
  private var younger = KeyTable()
  private var older = KeyTable()
  private let limit: Int

  /// - Parameter memoryBytes: what both generations may take together, at least 8 MiB.
  init(memoryBytes: Int) { limit = max(8 << 20, memoryBytes) / 86 }

  /// - Parameter state: tells apart what was looked for on the way down; the same tree may be searched in several states.
  func contains(_ tree: BlobID, state: UInt64 = 0) -> Bool {
    let key = Self.key(tree, state)
    return younger.contains(key) || older.contains(key)
  }

  mutating func insert(_ tree: BlobID, state: UInt64 = 0) {
    if younger.count >= limit {
      older = younger
      younger = KeyTable()
    }
    _ = younger.insert(Self.key(tree, state))
  }

  private static func key(_ tree: BlobID, _ state: UInt64) -> BlobKey {
    BlobKey(word0: tree.word0, word1: tree.word1 ^ (state &* 0x9e37_79b9_7f4a_7c15))
  }
}
