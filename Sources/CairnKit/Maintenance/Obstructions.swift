import CairnFormat
import CairnStorage

extension Repository {
  /// Directories, pipes and other things that have the names of objects: nothing can be stored there.
  func obstructions(_ kinds: [ObjectKey.Kind] = ObjectKey.Kind.allCases) throws -> [ObjectKey] {
    var found: [ObjectKey] = []
    for kind in kinds {
      for path in try storageCall("listing \(kind.rawValue)", { try storage.foreign(kind) }) {
        guard let name = path.split(separator: "/").last, let key = ObjectKey(kind: kind, name: String(name)), key.path == path,
          key.isOfAnObject
        else { continue }
        found.append(key)
      }
    }
    return found
  }
}

extension ObjectKey {
  /// Whether a repository gives such a name to something.
  fileprivate var isOfAnObject: Bool {
    switch kind {
    case .config: Self.configCopies.contains(self)
    case .keys: ObjectHash(hex: String(name.prefix { $0 != "." })) != nil
    case .log: Hexadecimal.number64(name) != nil
    case .commits, .sessions: SessionID(hex: name) != nil
    case .snapshots: ManifestName(name) != nil
    case .index: DeltaName(name) != nil
    case .packs: PackName(name) != nil
    }
  }
}
