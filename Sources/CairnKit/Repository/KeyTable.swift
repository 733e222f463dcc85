package import CairnFormat

/// A set of blob keys: open addressing over two words a key, no hashing, because the keys are uniform already.
///
/// 16 bytes a slot at a load of at most 3/4: 22 to 43 bytes a key.
package struct KeyTable {
  private var slots: [BlobKey]
  private var mask: Int
  private var hasZero = false
  /// Keys held.
  package private(set) var count = 0

  package init(minimumCapacity: Int = 1024) {
    var size = 1024
    while size * 3 / 4 < minimumCapacity { size *= 2 }
    slots = [BlobKey](repeating: .zero, count: size)
    mask = size - 1
  }

  package func contains(_ key: BlobKey) -> Bool {
    if key == .zero { return hasZero }
    var place = Int(truncatingIfNeeded: key.word0) & mask
    while slots[place] != .zero {
      if slots[place] == key { return true }
      place = (place + 1) & mask
    }
    return false
  }

  /// Adds a key; false when it was there already.
  package mutating func insert(_ key: BlobKey) -> Bool {
    if key == .zero {
      if hasZero { return false }
      hasZero = true
      count += 1
      return true
    }
    var place = Int(truncatingIfNeeded: key.word0) & mask
    while slots[place] != .zero {
      if slots[place] == key { return false }
      place = (place + 1) & mask
    }
    slots[place] = key
    count += 1
    if count > slots.count / 4 * 3 { grow() }
    return true
  }

  private mutating func grow() {
    let old = slots
    slots = [BlobKey](repeating: .zero, count: old.count * 2)
    mask = slots.count - 1
    for key in old where key != .zero {
      var place = Int(truncatingIfNeeded: key.word0) & mask
      while slots[place] != .zero { place = (place + 1) & mask }
      slots[place] = key
    }
  }
}
