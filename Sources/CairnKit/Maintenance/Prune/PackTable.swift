import CairnFormat
import CairnStorage

/// The packs of a view with what of each is needed. About 150 bytes a pack.
struct PackTable {
  struct Usage {
    let pack: PackIdentity
    /// Stored bytes of frames, and the share of them that snapshots need.
    var frameBytes: UInt64 = 0
    var liveBytes: UInt64 = 0
    var liveBlobs: UInt64 = 0
    /// Another pack has all that is needed of it, or nothing is.
    var isUnused: Bool { liveBlobs == 0 }

    var name: PackName { PackName(hash: pack.hash, owner: pack.owner) }
    var wastedBytes: UInt64 { frameBytes - min(frameBytes, liveBytes) }
    var wastedShare: Double { frameBytes == 0 ? 1 : Double(wastedBytes) / Double(frameBytes) }
  }

  private(set) var packs: [Usage] = []
  /// Packs that no index object names, with their sizes.
  private(set) var unnamed: [(name: PackName, size: UInt64)] = []

  /// Goes through the whole index once.
  ///
  /// A blob with several copies counts in the first pack only: the others hold it for nothing.
  /// - Parameter stored: every pack in the storage, listed before the view was made.
  /// - Throws: `CairnError(.damaged)` when a pack that snapshots need is not there, or has not the size it was stored with.
  init(_ liveness: Liveness, stored: [PackName: UInt64]) throws {
    let index = liveness.view.index
    var numbers: [PackName: Int] = [:]
    var table: [Usage] = []
    // For each run and pack in it: the place in the table.
    var places: [[Int?]] = []
    for run in index.runs {
      var own: [Int?] = []
      let known = table.count
      for number in 0..<run.image.packCount {
        let usage = Usage(pack: try run.pack(number))
        guard !index.unusableNames.contains(usage.name) else {
          own.append(nil)
          continue
        }
        let place = numbers[usage.name] ?? table.count
        if place == table.count {
          numbers[usage.name] = place
          table.append(usage)
        }
        own.append(place)
      }
      try run.forEachFrame { frame in
        // A pack that an earlier run names as well has been counted there.
        guard let place = own[Int(frame.pack)], place >= known else { return }
        table[place].frameBytes += UInt64(frame.encodedLength)
      }
      places.append(own)
    }
    try index.forEachEntry(isUsable: { places[$0][$1] != nil }) { run, entry, frame, ordinal, isFirst in
      guard isFirst, liveness.live.contains(ordinal), let place = places[run][Int(frame.pack)] else { return }
      // Its share of a frame that it is in with others.
      table[place].liveBytes += UInt64(frame.encodedLength) * UInt64(entry.length) / UInt64(max(1, frame.rawLength))
      table[place].liveBlobs += 1
    }
    for usage in table where stored[usage.name] != usage.pack.size && !usage.isUnused {
      // Or it was stored after the listing, by a backup that has ended since.
      if try Self.size(of: usage.pack, liveness.view.repository.storage) == usage.pack.size { continue }
      throw Liveness.refusal("packs/\(usage.pack.name) is missing or has another size than it was stored with, and snapshots need it.")
    }
    packs = table
    unnamed = stored.filter { numbers[$0.key] == nil }.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  /// Nil when it is not there.
  private static func size(of pack: PackIdentity, _ storage: any Storage) throws -> UInt64? {
    let key = try pack.key()
    return try storageCall("looking for \(key.path)") {
      do { return try storage.size(of: key) } catch StorageError.notFound { return nil }
    }
  }
}
