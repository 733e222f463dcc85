package import CairnFormat

/// Where every blob of a view lies: a few sorted images, mapped from the cache directory or held in memory.
///
/// The heap holds nothing that grows with the repository but the list of packs, unless there is no cache directory.
/// Immutable; safe from any thread.
package final class BlobIndex: Sendable {
  /// Largest first; look-ups go through all of them, which `IndexCache` keeps few.
  let runs: [IndexRun]
  /// Ordinal of each run's first entry.
  private let bases: [Int]
  /// Packs that a look-up must not find.
  let unusableNames: Set<PackName>
  /// Entries in all runs; ordinals are below this.
  package let count: Int

  init(runs: [IndexRun], unusable: Set<PackName>) {
    self.runs = runs
    unusableNames = unusable
    var bases: [Int] = []
    var next = 0
    for run in runs {
      bases.append(next)
      next += run.image.entryCount
    }
    self.bases = bases
    count = next
  }

  /// An index of nothing.
  package static let empty = BlobIndex(runs: [], unusable: [])

  /// The first place of a blob; nil when the repository does not have it.
  package func locate(_ key: BlobKey) throws -> BlobLocation? {
    var found: BlobLocation?
    try forEachLocation(key) {
      found = $0
      return false
    }
    return found
  }

  /// Every place of a blob, and of others that share its key.
  package func locations(_ key: BlobKey) throws -> [BlobLocation] {
    var found: [BlobLocation] = []
    try forEachLocation(key) {
      found.append($0)
      return true
    }
    return found
  }

  package func contains(_ key: BlobKey) throws -> Bool {
    if unusableNames.isEmpty {
      for run in runs where try run.contains(key) { return true }
      return false
    }
    return try locate(key) != nil
  }

  /// Calls `body` for each place until it returns false. The ordinal is that of the first entry with this key.
  private func forEachLocation(_ key: BlobKey, _ body: (BlobLocation) throws -> Bool) throws {
    var ordinal: Int?
    for (number, run) in runs.enumerated() {
      let goesOn = try run.forEachEntry(key) { position, entry in
        ordinal = ordinal ?? bases[number] + position
        let location = try run.location(entry, ordinal: ordinal ?? 0)
        if !unusableNames.isEmpty, unusableNames.contains(PackName(hash: location.frame.pack.hash, owner: location.frame.pack.owner)) {
          return true
        }
        return try body(location)
      }
      if !goesOn { return }
    }
  }

  /// Every pack that is named by a delta of the view and may be used, once each.
  package func forEachPack(_ body: (PackIdentity) throws -> Void) throws {
    var seen = Set<PackIdentity>()
    for run in runs {
      for number in 0..<run.image.packCount {
        let pack = try run.pack(number)
        guard !unusableNames.contains(PackName(hash: pack.hash, owner: pack.owner)), seen.insert(pack).inserted else { continue }
        try body(pack)
      }
    }
  }

  /// Those of the packs that a delta of the view names, condemned ones included.
  package func named(_ wanted: Set<PackName>) throws -> Set<PackName> {
    var found = Set<PackName>()
    guard !wanted.isEmpty else { return found }
    for run in runs {
      for number in 0..<run.image.packCount {
        let pack = try run.pack(number)
        let name = PackName(hash: pack.hash, owner: pack.owner)
        if wanted.contains(name) { found.insert(name) }
      }
    }
    return found
  }

  /// Calls `body` for every entry of every run: the number of the run, the entry, its frame, the ordinal of its key, and whether it is
  /// the first usable place of its blob, in the order in which look-ups find them.
  ///
  /// - Parameter isUsable: whether a pack, by run and number in it, counts.
  func forEachEntry(
    isUsable: (Int, Int) -> Bool, _ body: (Int, SegmentEntry, SegmentFrame, Int, Bool) throws -> Void
  ) throws {
    for (number, run) in runs.enumerated() {
      var key: BlobKey?
      var ordinal = 0
      var isFound = false
      try run.forEachEntry { position, entry, frame in
        if entry.key != key {
          key = entry.key
          ordinal = bases[number] + position
          isFound = false
          for earlier in 0..<number {
            _ = try runs[earlier].forEachEntry(entry.key) { place, other in
              if ordinal >= bases[number] { ordinal = bases[earlier] + place }
              isFound = try isFound || isUsable(earlier, runs[earlier].packNumber(of: other))
              return !isFound
            }
          }
        }
        let isFirst = !isFound && isUsable(number, Int(frame.pack))
        isFound = isFound || isFirst
        try body(number, entry, frame, ordinal, isFirst)
      }
    }
  }
}
