import CairnFormat
import CairnStorage

/// Checks the copies of the config and of the key slots.
struct CopyCheck {
  let repository: Repository
  let findings: FindingList

  /// Copies that are no files: they have findings of their own.
  private let obstructions: Set<ObjectKey>

  init(repository: Repository, findings: FindingList) throws {
    (self.repository, self.findings) = (repository, findings)
    obstructions = Set(try repository.obstructions([.config, .keys]))
  }

  private var storage: any Storage { repository.storage }

  func perform() throws {
    try checkConfig()
    try checkKeys()
  }

  // MARK: - Config

  private func checkConfig() throws {
    var good: [(key: ObjectKey, bytes: [UInt8], counter: UInt64)] = []
    var faults: [(key: ObjectKey, fault: ObjectFault)] = []
    for key in ObjectKey.configCopies.prefix(max(1, storage.copies(of: .config))) {
      let outcome = try ObjectFault.catching {
        let bytes = try storage.checkedBytes(key, limit: Limits.configBytes)
        return (bytes, try Config.open(bytes, keys: repository.keys).counter)
      }
      switch outcome {
      case .success(let (bytes, counter)): good.append((key, bytes, counter))
      case .failure(let fault): faults.append((key, fault))
      }
    }
    guard let newest = good.max(by: { $0.counter < $1.counter }) else {
      for (key, fault) in faults { findings.add(key.path, fault.what, .harmless, next: CheckAdvice.replace(key.path)) }
      return
    }
    for copy in good where copy.bytes != newest.bytes {
      faults.append((copy.key, ObjectFault(what: "differs from \(newest.key.path), which is the newer one")))
    }
    for (key, fault) in faults where !obstructions.contains(key) {
      let next = CheckAdvice.copy(newest.key.path, over: key.path, at: storage.location)
      findings.add(key.path, fault.what, .harmless, next: next)
    }
  }

  // MARK: - Keys

  private func checkKeys() throws {
    var slots = Set<String>()
    try storageCall("listing the key slots") {
      try storage.list(.keys) { key, _ in
        let slot = String(key.name.prefix { $0 != "." })
        guard ObjectHash(hex: slot) != nil, KeySlots.copyNames(slot, storage).contains(key.name) else {
          findings.add(key.path, "is no key slot", .garbage, next: CheckAdvice.foreign(key.path, at: storage.location))
          return
        }
        slots.insert(slot)
      }
    }
    if slots.isEmpty {
      findings.add(
        "keys", "holds no key slot: only an exported key opens the repository", .harmless, next: "Make one with 'cairn key add'.")
    }
    for slot in slots.sorted() { try check(slot) }
  }

  private func check(_ slot: String) throws {
    var good: ObjectKey?
    var faults: [(key: ObjectKey, fault: ObjectFault)] = []
    for name in KeySlots.copyNames(slot, storage) {
      guard let key = ObjectKey(kind: .keys, name: name) else { continue }
      let outcome = try ObjectFault.catching {
        let bytes = try storage.checkedBytes(key, limit: Limits.keySlotBytes, hash: ObjectHash(hex: slot))
        guard try KeySlot.parse(bytes).repository == repository.id else { throw ObjectFault(what: "is a key slot of another repository") }
      }
      switch outcome {
      case .success: good = good ?? key
      case .failure(let fault): faults.append((key, fault))
      }
    }
    for (key, fault) in faults where !obstructions.contains(key) {
      if let good {
        findings.add(key.path, fault.what, .harmless, next: CheckAdvice.copy(good.path, over: key.path, at: storage.location))
      } else {
        findings.add(
          key.path, "\(fault.what), and so are its other copies: the password or key file it was made for no longer opens the repository",
          .harmless, next: "Make a new one with 'cairn key add', then remove this one with 'cairn key remove \(slot.prefix(12))'.")
      }
    }
  }
}
