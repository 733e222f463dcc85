import CairnFormat
import CairnStorage

/// What the parity of a damaged pack tells about the damage.
struct PackParity {
  /// The decoder that examined the pack; nil when it has no parity, or no copy of its table is good.
  let decoder: ParityDecoder?
  let damage: ParityDecoder.Damage

  var isMendable: Bool { decoder != nil && damage.isMendable }

  /// Reads the pack whole, and once more where the table has to be looked for.
  ///
  /// - Parameter size: bytes that the object has.
  /// - Throws: `StorageError`, but not for places that cannot be read: those are damage.
  init(_ key: ObjectKey, size: UInt64, storage: any Storage) throws {
    let read = Self.reader(key, storage)
    let length = Int(clamping: size)
    let table = try ParityTable.find(size: length, read: read)
    decoder = table.map { ParityDecoder($0, read: read) }
    damage = try decoder?.examine(size: length) ?? ParityDecoder.Damage()
  }

  /// A bad sector reads as nothing; everything else that goes wrong is no damage of the pack.
  private static func reader(_ key: ObjectKey, _ storage: any Storage) -> ParityDecoder.Read {
    { offset, buffer in
      do throws(StorageError) { return try storage.read(key, at: UInt64(offset), into: buffer) } catch {
        guard error.isUnreadable else { throw error }
        return 0
      }
    }
  }

  /// The damaged places: "bytes 0-4095 and 65536-69631".
  var places: String {
    let listed = damage.ranges.prefix(8).map { "\($0.lowerBound)-\($0.upperBound - 1)" }
    let left = damage.ranges.count - listed.count
    let parts = left > 0 ? listed + ["\(left) more places"] : listed
    guard let last = parts.last else { return "no bytes" }
    return "bytes " + (parts.count == 1 ? last : parts.dropLast().joined(separator: ", ") + " and " + last)
  }

  /// Why parity cannot mend it, as the end of a sentence; nil when it can.
  var refusal: String? {
    guard let decoder else { return "it has no parity, or every copy of its parity table is damaged too" }
    guard !damage.isMendable else { return nil }
    let layout = decoder.table.layout
    return "too much of it is damaged for its parity: in \(damage.lostRows) of \(layout.rows) rows more than \(layout.parityShards) "
      + "of \(layout.shards) blocks are bad, \(damage.worst) in the worst"
  }
}

extension StorageError {
  /// The medium does not give back what was stored there.
  var isUnreadable: Bool {
    if case .io = self { true } else { false }
  }
}
