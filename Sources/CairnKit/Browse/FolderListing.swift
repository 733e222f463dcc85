package import CairnFormat
package import CairnSystem
import Synchronization

/// An entry of a directory as a listing shows it: without content and attributes.
package struct FolderEntry: Sendable, Equatable {
  package let name: [UInt8]
  package let type: NodeType
  /// The 12 permission bits.
  package let mode: UInt32
  /// Of a directory: the files below, at any depth.
  package let size: UInt64
  /// What lies below, at any depth.
  package let entries: UInt64
  package let mtime: Timestamp
  package let linkTarget: [UInt8]
  /// Nil for what is no directory, and for a directory whose entries are not in the snapshot.
  package let subtree: BlobID?

  package init(_ node: Node) {
    name = node.name
    type = node.type
    mode = node.mode
    size = node.totalBytes
    entries = node.subtreeEntries
    mtime = node.mtime
    linkTarget = node.linkTarget
    subtree = node.subtree
  }
}

/// The entries of one directory by number, however many there are: in memory are only the places of its leaves, 40 bytes for some hundred
/// entries, and the numbers of the largest or newest entries once these are asked for.
///
/// One thread scans and ranks; entries may be asked for by others meanwhile.
package final class FolderListing: Sendable {
  package enum Order: String, Sendable, CaseIterable {
    case name
    /// The largest first.
    case size
    /// The newest first.
    case time
  }

  /// Entries that an order by size or time has at most.
  package static let rankedEntries = 100_000
  /// Parts that cannot be read before the rest of the directory is given up: a damaged part could name any number.
  private static let toleratedFailures = 4096

  private struct Leaf {
    let id: BlobID
    /// The number of its first entry.
    let first: Int
  }

  private struct Ranked {
    let key: UInt64
    let entry: UInt32
  }

  private struct State {
    var leaves: [Leaf] = []
    var count = 0
    var isComplete = false
    var unreadable = 0
    var reason = ""
    var order = Order.name
    var ranked: [UInt32] = []
    /// The leaf that was read last.
    var recent: (leaf: Int, entries: [FolderEntry])?
  }

  private let trees: TreeReader
  private let tree: BlobID
  private let state = Mutex(State())

  /// - Parameter tree: of the directory; nothing is read yet.
  package init(_ view: RepositoryView, tree: BlobID) {
    trees = view.trees
    self.tree = tree
  }

  /// Entries found so far.
  package var count: Int { state.withLock { $0.count } }
  /// Whether all was scanned; parts that could not be read are left out.
  package var isComplete: Bool { state.withLock { $0.isComplete } }
  /// What is missing, as a sentence; nil if nothing is.
  package var damage: String? {
    let (parts, reason) = state.withLock { ($0.unreadable, $0.reason) }
    return parts == 0 ? nil : "\(parts == 1 ? "A part" : "\(parts) parts") of this folder cannot be read: \(reason)"
  }

  // MARK: - Reading the directory

  /// Finds out where the entries are. Parts that cannot be read are left out and told of by `damage`.
  ///
  /// - Parameter progress: called after each leaf, with the entries so far.
  /// - Throws: `CancellationError`; errors that are not about single objects.
  package func scan(cancellation: Cancellation, _ progress: (Int) -> Void = { _ in }) throws {
    var cursor = SpanCursor(trees, root: tree) { _ in }
    var lastName: [UInt8]?
    var failures = 0
    while let part = cursor.nextPart(), failures < Self.toleratedFailures {
      try cancellation.check()
      do {
        try cursor.open()
        guard let first = cursor.nextNode else { continue }
        let isInOrder = lastName.map { $0.lexicographicallyPrecedes(first.name) } ?? true
        var entries = 0
        while let node = cursor.nextNode {
          entries += 1
          lastName = node.name
          cursor.skip()
        }
        guard isInOrder else { throw CairnError.damaged("a directory of the snapshot", .notCanonical("names out of order")) }
        let count = state.withLock { state in
          guard state.count + entries < Int(UInt32.max) else { return 0 }
          state.leaves.append(Leaf(id: part.id, first: state.count))
          state.count += entries
          return state.count
        }
        progress(count)
      } catch let error as CairnError where error.concernsOneObject {
        failures += 1
        state.withLock { state in
          state.unreadable += 1
          state.reason = error.message
        }
      }
    }
    state.withLock { $0.isComplete = true }
  }

  /// Puts the entries into another order; by size or time no more than `rankedEntries` of them.
  ///
  /// - Throws: as `scan`.
  package func rank(by order: Order, cancellation: Cancellation, _ progress: (Int) -> Void = { _ in }) throws {
    var ranked: [Ranked] = []
    if order != .name {
      for leaf in 0..<state.withLock({ $0.leaves.count }) {
        try cancellation.check()
        let (first, entries) = try self.leaf(leaf)
        for (index, entry) in entries.enumerated() {
          ranked.append(Ranked(key: Self.key(entry, order), entry: UInt32(first + index)))
        }
        if ranked.count >= 2 * Self.rankedEntries { Self.sort(&ranked) }
        progress(first + entries.count)
      }
      Self.sort(&ranked)
    }
    let numbers = ranked.map(\.entry)
    state.withLock { state in
      state.order = order
      state.ranked = numbers
    }
  }

  private static func key(_ entry: FolderEntry, _ order: Order) -> UInt64 {
    if order == .size { return entry.size }
    // From 1697 to 2242 to the nanosecond; what lies beyond is first or last.
    let half: Int64 = 1 << 33
    let seconds = min(max(entry.mtime.seconds, -half), half - 1) + half
    return UInt64(seconds) << 30 | UInt64(min(entry.mtime.nanoseconds, 999_999_999))
  }

  private static func sort(_ ranked: inout [Ranked]) {
    ranked.sort { $0.key == $1.key ? $0.entry < $1.entry : $0.key > $1.key }
    if ranked.count > rankedEntries { ranked.removeLast(ranked.count - rankedEntries) }
  }

  // MARK: - In the present order

  package var order: Order { state.withLock { $0.order } }

  /// How many entries the present order has.
  package var rows: Int { state.withLock { $0.order == .name ? $0.count : $0.ranked.count } }

  /// Some entries; fewer where the range goes beyond the end.
  ///
  /// - Throws: `CairnError` where they cannot be read.
  package func entries(_ rows: Range<Int>) throws -> [FolderEntry] {
    let numbers = rows.clamped(to: 0..<self.rows).compactMap(number)
    var found = [FolderEntry?](repeating: nil, count: numbers.count)
    // By number, so that a leaf is read once for all its entries.
    for index in numbers.indices.sorted(by: { numbers[$0] < numbers[$1] }) { found[index] = try entry(numbers[index]) }
    return found.compactMap(\.self)
  }

  /// Where the entry of this name is.
  ///
  /// - Returns: nil where it is not in the present order.
  package func row(of name: [UInt8]) throws -> Int? {
    var (low, high) = (0, state.withLock { $0.leaves.count })
    while high - low > 1 {
      let middle = (low + high) / 2
      guard let first = try leaf(middle).entries.first else { return nil }
      if name.lexicographicallyPrecedes(first.name) { high = middle } else { low = middle }
    }
    guard low < high else { return nil }
    let (first, entries) = try leaf(low)
    guard let index = entries.firstIndex(where: { $0.name == name }) else { return nil }
    return state.withLock { $0.order == .name ? first + index : $0.ranked.firstIndex(of: UInt32(first + index)) }
  }

  /// The nearest entry that matches, the one at `row` itself last; goes on at the other end.
  package func find(_ search: NameSearch, from row: Int, isForward: Bool, cancellation: Cancellation) throws -> Int? {
    let matches = OrdinalBitmap(capacity: count)
    var any = false
    for leaf in 0..<state.withLock({ $0.leaves.count }) {
      try cancellation.check()
      let (first, entries) = try self.leaf(leaf)
      for (index, entry) in entries.enumerated() where search.matches(entry.name) {
        matches.insert(first + index)
        any = true
      }
    }
    let rows = self.rows
    guard any, rows > 0 else { return nil }
    for step in 1...rows {
      let next = (row + (isForward ? step : rows - step)) % rows
      if let number = number(of: next), matches.contains(number) { return next }
    }
    return nil
  }

  private func number(of row: Int) -> Int? {
    state.withLock { state in
      if state.order == .name { return row < state.count ? row : nil }
      return row < state.ranked.count ? Int(state.ranked[row]) : nil
    }
  }

  private func entry(_ number: Int) throws -> FolderEntry? {
    let leaf = state.withLock { state in
      var (low, high) = (0, state.leaves.count)
      while high - low > 1 {
        let middle = (low + high) / 2
        if state.leaves[middle].first <= number { low = middle } else { high = middle }
      }
      return low
    }
    let (first, entries) = try self.leaf(leaf)
    return entries.indices.contains(number - first) ? entries[number - first] : nil
  }

  private func leaf(_ leaf: Int) throws -> (first: Int, entries: [FolderEntry]) {
    let (place, known): (Leaf?, [FolderEntry]?) = state.withLock { state in
      let place = leaf < state.leaves.count ? state.leaves[leaf] : nil
      return (place, state.recent?.leaf == leaf ? state.recent?.entries : nil)
    }
    guard let place else { return (0, []) }
    if let known { return (place.first, known) }
    guard case .leaf(let nodes) = try trees.node(place.id) else { throw TreeReader.wrongKind(place.id) }
    let entries = nodes.map(FolderEntry.init)
    state.withLock { $0.recent = (leaf, entries) }
    return (place.first, entries)
  }
}

/// What a person looks for in names: a part of them, letter case ignored unless the text has capitals.
package struct NameSearch: Sendable, Equatable {
  private let bytes: [UInt8]
  private let foldsCase: Bool

  package init(_ text: String) {
    bytes = Array(text.utf8)
    foldsCase = ExcludePattern.folded(bytes) == bytes
  }

  package var isEmpty: Bool { bytes.isEmpty }

  package func matches(_ name: [UInt8]) -> Bool {
    guard !bytes.isEmpty else { return false }
    let name = foldsCase ? ExcludePattern.folded(name) : name
    guard name.count >= bytes.count else { return false }
    return (0...(name.count - bytes.count)).contains { name[$0..<($0 + bytes.count)].elementsEqual(bytes) }
  }
}
