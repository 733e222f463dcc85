import CairnFormat
import CairnSystem

/// Which kind a snapshot is and what it is compared with. Pure.
struct BaseSelection {
  let kind: SnapshotKind
  let base: Snapshot?
  /// Said to the person when the kind is not what was asked for.
  let message: String?

  /// - Parameters:
  ///   - snapshots: all of the repository, in any order.
  ///   - parent: a snapshot named by hand; it becomes the base of an incremental or differential one whatever its series.
  static func choose(_ choice: BackupOptions.KindChoice, series: SeriesID, in snapshots: [Snapshot], parent: Snapshot? = nil)
    -> BaseSelection
  {
    if choice == .full { return BaseSelection(kind: .full, base: nil, message: nil) }
    let own = snapshots.filter { $0.manifest.series == series }
    let newest = parent ?? Self.newest(own)
    switch choice {
    case .full, .auto: return BaseSelection(kind: newest == nil ? .full : .incremental, base: newest, message: nil)
    case .incremental:
      if let newest { return BaseSelection(kind: .incremental, base: newest, message: nil) }
      return BaseSelection(kind: .full, base: nil, message: "There is no earlier snapshot of this series: this one is full.")
    case .differential:
      if let full = parent ?? Self.newest(own.filter { $0.manifest.kind == .full }) {
        return BaseSelection(kind: .differential, base: full, message: nil)
      }
      return BaseSelection(kind: .full, base: nil, message: "There is no full snapshot of this series: this one is full.")
    }
  }

  /// By when the run began: the time shown can be set by hand.
  private static func newest(_ snapshots: [Snapshot]) -> Snapshot? {
    snapshots.max { ($0.manifest.started, $0.id) < ($1.manifest.started, $1.id) }
  }

  // MARK: - Names

  /// The series of a host's source set, or of a name. The same sources in another order are the same series; an image and an ordinary
  /// backup of one file are not.
  static func series(name: String?, host: [UInt8], paths: [[UInt8]], isImage: Bool = false, keys: KeySet) -> SeriesID {
    var text: [UInt8]
    if let name {
      text = [1] + Array(name.utf8)
    } else {
      text = [isImage ? 2 : 0] + host
      for path in paths.sorted(by: { $0.lexicographicallyPrecedes($1) }) { text += [0] + path }
    }
    return keys.derivedKey(.manifest, "cairn-series", text).withBytes { SeriesID(bytes: UnsafeRawBufferPointer(rebasing: $0[..<16])) }
  }

  /// The client: this machine and user. It tells whose interrupted runs may be resumed.
  static func client(keys: KeySet) -> ClientID {
    var text = Array(Host.name.utf8) + [0] + Array(String(Host.userID).utf8) + [0]
    // Machines with equal names are told apart by this; where it is missing the name has to do.
    if let file = try? OpenFile.open(Array("/etc/machine-id".utf8), [.read]) {
      var buffer = [UInt8](repeating: 0, count: 64)
      let count = (try? buffer.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
      text += buffer[..<count]
    }
    return keys.derivedKey(.session, "cairn-client", text).withBytes { ClientID(bytes: UnsafeRawBufferPointer(rebasing: $0[..<16])) }
  }
}
