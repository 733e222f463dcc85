import CairnFormat
import CairnStorage

/// Puts good copies of the config and of the key slots in the place of damaged ones, and manifests that lie under another's name under
/// their own.
struct CopyRepair {
  let repository: Repository

  /// A copy that is not as it should be, and the bytes that it should have.
  private struct Fault {
    let key: ObjectKey
    let what: String
    let good: [UInt8]
    let source: String
  }

  private let faults: [Fault]

  var isEmpty: Bool { faults.isEmpty }

  init(_ repository: Repository, _ report: inout RepairReport) throws {
    self.repository = repository
    faults = try Self.configFaults(repository) + Self.slotFaults(repository, &report) + Self.misplacedManifests(repository)
    for fault in faults {
      let isMissing = fault.what == "is missing"
      report.add(fault.key.path, fault.what, "\(isMissing ? "" : "it is moved aside and ")\(fault.source) is copied to its place")
    }
  }

  func perform(_ report: inout RepairReport) throws {
    for fault in faults {
      if let place = try repository.moveAside(fault.key) { report.movedAside.append(place) }
      try storageCall("writing \(fault.key.path)") { try repository.storage.put(fault.key, fault.good) }
    }
    if !faults.isEmpty { try storageCall("making copies durable") { try repository.storage.flush() } }
  }

  private static func configFaults(_ repository: Repository) throws -> [Fault] {
    let storage = repository.storage
    var good: [(key: ObjectKey, bytes: [UInt8], counter: UInt64)] = []
    var bad: [(key: ObjectKey, what: String)] = []
    for key in ObjectKey.configCopies.prefix(max(1, storage.copies(of: .config))) {
      let outcome = try ObjectFault.catching {
        let bytes = try storage.checkedBytes(key, limit: Limits.configBytes)
        return (bytes, try Config.open(bytes, keys: repository.keys).counter)
      }
      switch outcome {
      case .success(let (bytes, counter)): good.append((key, bytes, counter))
      case .failure(let fault): bad.append((key, fault.what))
      }
    }
    guard let newest = good.max(by: { $0.counter < $1.counter }) else { return [] }
    for copy in good where copy.bytes != newest.bytes { bad.append((copy.key, "differs from \(newest.key.path), which is newer")) }
    return bad.map { Fault(key: $0.key, what: $0.what, good: newest.bytes, source: newest.key.path) }
  }

  /// Manifests of snapshots whose bytes lie under the name of another.
  private static func misplacedManifests(_ repository: Repository) throws -> [Fault] {
    let state = try RepositoryState.read(repository.storage, keys: repository.keys)
    var wanted: [ObjectHash: ManifestName] = [:]
    for (session, hash) in state.acceptedManifests where !state.log.isForgotten(session) {
      let result = try ObjectFault.catching { try Records.manifest(session, hash, repository.storage, repository.keys) }
      if case .failure = result { wanted[hash] = ManifestName(session: session, hash: hash) }
    }
    guard !wanted.isEmpty else { return [] }
    var keys: [ObjectKey] = []
    try storageCall("listing the snapshots") { try repository.storage.list(.snapshots) { key, _ in keys.append(key) } }
    var faults: [Fault] = []
    for key in keys.sorted() {
      let bytes = try ObjectFault.catching { try repository.storage.readAll(key, limit: Envelope.Kind.manifest.maximumStoredBytes) }
      guard case .success(let bytes) = bytes, let name = wanted.removeValue(forKey: SHA256Digest.hash(bytes)),
        let own = ObjectKey(kind: .snapshots, name: name.name), own != key
      else { continue }
      let what = try fault(of: own, "holds the bytes of another object", repository.storage)
      faults.append(Fault(key: own, what: what, good: bytes, source: key.path))
    }
    return faults
  }

  /// - Parameter what: is wrong if it is a file.
  private static func fault(of key: ObjectKey, _ what: String, _ storage: any Storage) throws -> String {
    switch try ObjectFault.catching({ try storage.exists(key) }) {
    case .success(let isThere): isThere ? what : "is missing"
    case .failure(let fault): fault.what
    }
  }

  private static func slotFaults(_ repository: Repository, _ report: inout RepairReport) throws -> [Fault] {
    var faults: [Fault] = []
    for slot in try KeySlots.readAll(repository.storage) where !slot.damaged.isEmpty {
      guard let bytes = slot.bytes else {
        report.notes.append(
          "No copy of key slot \(slot.name.prefix(12)) is good: make a new one with 'cairn key add', then remove this one with "
            + "'cairn key remove \(slot.name.prefix(12))'.")
        continue
      }
      let copies = KeySlots.copyNames(slot.name, repository.storage)
      let source = copies.first { !slot.damaged.contains($0) } ?? slot.name
      for name in slot.damaged {
        guard let key = ObjectKey(kind: .keys, name: name) else { continue }
        let what = try fault(of: key, "is damaged: its bytes do not hash to its name", repository.storage)
        faults.append(Fault(key: key, what: what, good: bytes, source: "keys/\(source)"))
      }
    }
    return faults
  }
}

extension Repository {
  /// - Returns: where the object lies now; nil when it was not there.
  func moveAside(_ key: ObjectKey) throws -> String? {
    try storageCall("moving \(key.path) aside") {
      do { return try storage.moveAside(key) } catch StorageError.notFound { return nil }
    }
  }
}
