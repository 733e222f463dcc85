import Synchronization

/// A set of index ordinals at one bit each: 125 KB for a million blobs. Threads share it without locks.
package final class OrdinalBitmap: @unchecked Sendable {
  // Unchecked: the memory never moves after `init` and holds nothing but atomics.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  let wordCount: Int
  /// Ordinals are below this.
  package let capacity: Int

  /// - Parameter capacity: `BlobIndex.count` of the view that the ordinals come from.
  package init(capacity: Int) {
    self.capacity = capacity
    wordCount = (capacity + 63) / 64
    words = .allocate(capacity: max(1, wordCount))
    for word in 0..<wordCount { (words + word).initialize(to: Atomic(0)) }
  }

  deinit {
    words.deinitialize(count: wordCount)
    words.deallocate()
  }

  /// Adds an ordinal.
  ///
  /// - Returns: whether this call added it; of many threads, one is told so. True for an ordinal out of range, which is not kept.
  @discardableResult
  package func insert(_ ordinal: Int) -> Bool {
    guard ordinal >= 0, ordinal < capacity else { return true }
    let bit: UInt64 = 1 << UInt64(ordinal & 63)
    // A plain look first: most are seen already, and a read does not take the cache line from other cores.
    if words[ordinal >> 6].load(ordering: .relaxed) & bit != 0 { return false }
    return words[ordinal >> 6].bitwiseOr(bit, ordering: .relaxed).oldValue & bit == 0
  }

  package func contains(_ ordinal: Int) -> Bool {
    guard ordinal >= 0, ordinal < capacity else { return false }
    return words[ordinal >> 6].load(ordering: .relaxed) & (1 << UInt64(ordinal & 63)) != 0
  }

  /// 64 ordinals from `word * 64` on, the lowest bit first.
  func word(_ word: Int) -> UInt64 { words[word].load(ordering: .relaxed) }
}
