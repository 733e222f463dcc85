import CairnFormat
import CairnStorage

extension Repository {
  /// Directories, pipes and other things that have the names of objects: nothing can be stored there.
  func obstructions() throws -> [ObjectKey] {
    var found: [ObjectKey] = []
    for kind in ObjectKey.Kind.allCases {
      for path in try storageCall("listing \(kind.rawValue)", { try storage.foreign(kind) }) {
        guard let name = path.split(separator: "/").last, let key = ObjectKey(kind: kind, name: String(name)), key.path == path,
          key.isOfARecord
        else { continue }
        found.append(key)
      }
    }
    return found
  }
}

extension ObjectKey {
  /// Whether a repository gives such a name to its records and packs. Copies of the config and of key slots are looked at one by one.
  fileprivate var isOfARecord: Bool {
    switch kind {
    case .config, .keys: false
    case .log: Hexadecimal.number64(name) != nil
    case .commits, .sessions: SessionID(hex: name) != nil
    case .snapshots: ManifestName(name) != nil
    case .index: DeltaName(name) != nil
    case .packs: PackName(name) != nil
    }
  }
}
