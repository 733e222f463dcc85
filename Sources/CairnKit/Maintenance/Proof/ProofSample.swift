import CairnFormat

/// Draws files while they go by, every set of them as likely as every other of its size.
///
/// Each file gets a number from the seed and its place in the walk. Ordered by these numbers the files are in a random order; the sample
/// is the beginning of it, as far as files and bytes allow. Only that beginning is kept, whatever the size of the snapshot.
struct ProofSample {
  struct Candidate: Sendable {
    /// The place in the walk.
    let place: UInt64
    /// As `ChosenPaths` has it.
    let key: [UInt8]
    let size: UInt64
    /// Bytes that it takes in the scratch folder, holes left out.
    let data: UInt64
    fileprivate let rank: UInt64
  }

  private let maximumFiles: Int
  private let maximumBytes: UInt64?
  private let seed: UInt64
  private var kept = MaxHeap<Candidate> { $0.rank < $1.rank }
  private var keptBytes: UInt64 = 0
  /// What has this rank, or a higher one, is behind the end of the sample.
  private var end = UInt64.max
  private var seen: UInt64 = 0
  /// Files that were left out because they alone have more bytes than the sample may have.
  private(set) var tooLarge: UInt64 = 0

  init(files: Int, bytes: UInt64?, seed: UInt64) {
    maximumFiles = max(0, files)
    maximumBytes = bytes
    self.seed = Self.mixed(seed)
  }

  /// Shows the next file of the walk.
  ///
  /// - Parameters:
  ///   - data: asked for files that may be taken, and for those of which `size` alone would be too much.
  ///   - key: asked only for a file that is taken, for now.
  mutating func offer(size: UInt64, data: () throws -> UInt64, key: () -> [UInt8]) rethrows {
    defer { seen += 1 }
    let rank = Self.mixed(seed ^ Self.mixed(seen))
    var known: UInt64?
    if let maximumBytes, size > maximumBytes {
      let bytes = try data()
      guard bytes <= maximumBytes else {
        tooLarge += 1
        return
      }
      known = bytes
    }
    guard rank < end else { return }
    let bytes = try known ?? data()
    kept.insert(Candidate(place: seen, key: key(), size: size, data: bytes, rank: rank))
    keptBytes = keptBytes.addingSaturated(bytes)
    while kept.count > maximumFiles || maximumBytes.map({ keptBytes > $0 }) == true, let last = kept.popLargest() {
      end = last.rank
      // Saturated sums cannot be taken apart.
      keptBytes = keptBytes == .max ? kept.elements.reduce(0) { $0.addingSaturated($1.data) } : keptBytes - last.data
    }
  }

  /// What was drawn, in the order of the walk.
  func drawn() -> [Candidate] { kept.elements.sorted { $0.place < $1.place } }

  /// The finalizer of SplitMix64: every bit of the result depends on every bit of the argument.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// A set of paths, in the order of a walk: components joined by NUL, which no name has and which comes before everything that one may have.
struct ChosenPaths: Sendable {
  let keys: [[UInt8]]

  /// - Parameter keys: in the order of the walk.
  init(_ keys: [[UInt8]]) { self.keys = keys }

  /// Of components, each behind a slash.
  static func key(_ path: [UInt8]) -> [UInt8] { path.dropFirst().map { $0 == 0x2f ? 0 : $0 } }

  static func key(_ components: [[UInt8]]) -> [UInt8] { Array(components.joined(separator: [0])) }

  static func path(_ key: [UInt8]) -> [UInt8] { [0x2f] + key.map { $0 == 0 ? 0x2f : $0 } }

  /// The number of a path; nil when it is not chosen.
  func index(of key: [UInt8]) -> Int? {
    let first = firstIndex(from: key)
    return first < keys.count && keys[first] == key ? first : nil
  }

  func decide(_ components: [[UInt8]], isDirectory: Bool) -> RestoreFilter.Decision {
    let key = Self.key(components)
    var first = firstIndex(from: key)
    let isChosen = first < keys.count && keys[first] == key
    guard isDirectory else { return RestoreFilter.Decision(selected: isChosen, descends: false) }
    if isChosen { first += 1 }
    let leads = first < keys.count && keys[first].count > key.count && keys[first][key.count] == 0 && keys[first].starts(with: key)
    return RestoreFilter.Decision(selected: isChosen, descends: leads)
  }

  private func firstIndex(from key: [UInt8]) -> Int {
    var range = 0..<keys.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if keys[middle].lexicographicallyPrecedes(key) { range = (middle + 1)..<range.upperBound } else { range = range.lowerBound..<middle }
    }
    return range.lowerBound
  }
}
