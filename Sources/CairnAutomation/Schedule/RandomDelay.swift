import CairnSystem

/// Spreads runs of many machines: a delay that is the same however often one asks, and another for each machine, profile and time.
package enum RandomDelay {
  /// - Returns: 0 … `limit` seconds.
  package static func seconds(_ limit: Int64, profile: String, due: Int64, machine: String = Host.name) -> Int64 {
    guard limit > 0, limit < .max else { return 0 }
    let hash = "\(machine)/\(profile)/\(due)".utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    // The low bits of this hash are the worse ones.
    let mixed = (hash ^ hash >> 32) &* 0x9e37_79b9_7f4a_7c15
    return Int64((mixed >> 16) % UInt64(limit + 1))
  }
}
