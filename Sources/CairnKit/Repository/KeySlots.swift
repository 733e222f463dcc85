package import CairnFormat
package import CairnStorage
import CairnSystem

/// Finding, opening and writing key slots.
package enum KeySlots {
  package struct Opened {
    package let name: String
    package let master: SecretBytes
    package let info: SlotInfo
  }

  /// One slot with its copies.
  package struct Stored {
    /// 64 hexadecimal digits: SHA-256 of the slot's bytes.
    package let name: String
    /// The first copy whose bytes hash to the name, nil when every copy is damaged.
    package var bytes: [UInt8]?
    /// Object names of copies that are damaged or cannot be read.
    package var damaged: [String] = []
  }

  /// The names under which a slot is kept.
  package static func copyNames(_ name: String, _ storage: any Storage) -> [String] {
    let copies = ObjectKey(kind: .keys, name: name).map { storage.copies(of: $0) } ?? 1
    return (0..<max(1, copies)).map { $0 == 0 ? name : "\(name).\($0)" }
  }

  /// Reads every slot, at most `Limits.keySlots` of them.
  package static func readAll(_ storage: any Storage) throws -> [Stored] {
    var names = Set<String>()
    try storageCall("listing the key slots") {
      try storage.list(.keys) { key, _ in
        let name = String(key.name.prefix { $0 != "." })
        if name.utf8.count == 64, ObjectHash(hex: name) != nil { names.insert(name) }
      }
    }
    return names.sorted().prefix(Limits.keySlots).map { name in
      var stored = Stored(name: name)
      for copy in copyNames(name, storage) {
        guard let key = ObjectKey(kind: .keys, name: copy) else { continue }
        // A copy that cannot be read is as good as a damaged one: the others decide.
        let bytes = try? storage.readAll(key, limit: Limits.keySlotBytes)
        if let bytes, SHA256Digest.hash(bytes).hexadecimal == name {
          stored.bytes = stored.bytes ?? bytes
        } else {
          stored.damaged.append(copy)
        }
      }
      return stored
    }
  }

  /// Opens the first slot that the credential fits.
  package static func unlock(_ storage: any Storage, credential: Credential, repository: RepositoryID) throws -> Opened {
    if case .master(let secret) = credential { return Opened(name: "", master: secret, info: SlotInfo(label: "")) }
    let slots = try readAll(storage)
    var candidates = 0
    var refused: [String] = []
    for slot in slots {
      guard let bytes = slot.bytes else {
        refused.append("keys/\(slot.name.prefix(12))… is damaged")
        continue
      }
      do {
        let parsed = try KeySlot.parse(bytes)
        guard parsed.kind == credential.slotKind, parsed.repository == repository else { continue }
        candidates += 1
        let (master, info) = try credential.secret.withBytes { secret throws(FormatError) in try parsed.unlock(secret) }
        return Opened(name: slot.name, master: master, info: info)
      } catch FormatError.authenticationFailed {
        continue
      } catch {
        refused.append("keys/\(slot.name.prefix(12))… cannot be used (\(error))")
      }
    }
    throw failure(slots: slots.count, candidates: candidates, refused: refused, credential: credential, location: storage.location)
  }

  private static func failure(slots: Int, candidates: Int, refused: [String], credential: Credential, location: String) -> CairnError {
    if slots == 0 {
      return CairnError(
        .damaged, "The repository at \(location) has no key slots.",
        guidance: "Put a copy of its keys folder back, or open it with an exported key: --key-file FILE.")
    }
    if candidates == 0 && !refused.isEmpty {
      return CairnError(
        .damaged, "No key slot of the repository at \(location) can be read: \(refused.joined(separator: "; ")).",
        guidance: "Put a copy of its keys folder back, or open it with an exported key: --key-file FILE.")
    }
    let others = refused.isEmpty ? "" : " Besides, \(refused.joined(separator: "; "))."
    return CairnError(
      .wrongPassword, "The \(credential.noun) does not open the repository at \(location).\(others)",
      guidance: candidates == 0 ? "None of its keys is of this kind; it was made with another kind of credential." : nil)
  }

  /// Writes a slot in all its copies and returns its name.
  package static func write(_ bytes: [UInt8], to storage: any Storage) throws -> String {
    let name = SHA256Digest.hash(bytes).hexadecimal
    try storageCall("writing a key slot") {
      for copy in copyNames(name, storage) {
        guard let key = ObjectKey(kind: .keys, name: copy) else { continue }
        try bytes.withUnsafeBytes { try storage.put(key, $0) }
      }
      try storage.flush()
    }
    return name
  }

  /// Makes the bytes of a new slot.
  package static func make(
    _ credential: Credential, master: SecretBytes, repository: RepositoryID, label: String, kdf: KDFParameters
  ) throws -> [UInt8] {
    guard let kind = credential.slotKind else {
      throw CairnError(.usage, "An exported master key cannot be put into a slot; give a password or a key file.")
    }
    do {
      return try credential.secret.withBytes { secret throws(FormatError) in
        try KeySlot.create(
          kind: kind, credential: secret, master: master, repository: repository, created: Timestamp(SystemClock.now()),
          info: SlotInfo(label: label, host: Array(Host.name.utf8), user: Array(Host.userName.utf8)), kdf: kdf, floor: .weakest,
          salt: SystemRandom.bytes(KeySlot.saltBytes),
          nonce: SystemRandom.bytes(24))
      }
    } catch {
      throw CairnError(.failed, "The key slot could not be made: \(error).")
    }
  }
}
