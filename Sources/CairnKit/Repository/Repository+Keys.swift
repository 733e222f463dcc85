package import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// Every slot of the repository that can be read, in order of its name.
  package func keySlots() throws -> [KeySlotInfo] {
    try KeySlots.readAll(storage).compactMap { stored in
      guard let bytes = stored.bytes,
        // A slot that does not parse is reported by `check`; it cannot be listed.
        let slot = try? KeySlot.parse(bytes), slot.repository == id
      else { return nil }
      let current = stored.name == currentSlot
      return KeySlotInfo(
        name: stored.name, isCurrent: current, kind: slot.kind, created: Timestamp(seconds: slot.createdSeconds, nanoseconds: 0),
        label: current ? currentSlotInfo.label : nil,
        host: current ? String(decoding: currentSlotInfo.host, as: UTF8.self) : nil,
        user: current ? String(decoding: currentSlotInfo.user, as: UTF8.self) : nil)
    }
  }

  /// Adds a way to open the repository and returns the new slot's name.
  package func addKey(_ credential: Credential, label: String, kdf: KDFParameters = .default) throws -> String {
    try requireWritable()
    let slots = try KeySlots.readAll(storage)
    guard slots.count < Limits.keySlots else {
      throw CairnError(.failed, "The repository has \(slots.count) keys already, which is the most it can have.")
    }
    return try KeySlots.write(KeySlots.make(credential, master: master, repository: id, label: label, kdf: kdf), to: storage)
  }

  /// Removes the slot whose name starts with `prefix`.
  ///
  /// The last slot that can be read stays. Somebody who has a copy of the removed slot and its passphrase can still
  /// derive the master key: removing a key takes away access to this place, not knowledge.
  package func removeKey(_ prefix: String) throws -> String {
    try requireWritable()
    let slots = try KeySlots.readAll(storage)
    let found = slots.filter { !prefix.isEmpty && $0.name.hasPrefix(prefix) }
    let shown = Escaping.terminal(Array(prefix.utf8))
    guard let slot = found.first else {
      throw CairnError(.notFound, "There is no key \(shown).", guidance: "List them with 'cairn key list'.")
    }
    guard found.count == 1 else {
      throw CairnError(.ambiguous, "\(shown) is the start of \(found.count) keys.", guidance: "Give more digits.")
    }
    guard slot.name != currentSlot else {
      throw CairnError(
        .failed, "Key \(slot.name.prefix(8)) is the one that opened the repository just now; it cannot be removed.",
        guidance: "Add another key, open the repository with that one, then remove this one; or use 'cairn key passwd'.")
    }
    // Slots that do not parse, or that an interrupted `init` left for another repository, open nothing.
    let others = try keySlots().filter { $0.name != slot.name }
    guard !others.isEmpty else {
      throw CairnError(.failed, "Key \(slot.name.prefix(8)) is the last one that opens the repository; it stays.")
    }
    try delete(slot.name)
    return slot.name
  }

  /// Adds a slot for `credential` and then removes the one that opened the repository.
  package func replaceCurrentKey(with credential: Credential, kdf: KDFParameters = .default) throws -> String {
    let name = try addKey(credential, label: currentSlotInfo.label, kdf: kdf)
    if !currentSlot.isEmpty { try delete(currentSlot) }
    return name
  }

  /// The master key as text, to be kept offline: it opens the repository when every slot is lost or forgotten, and cannot
  /// be revoked.
  package func exportMasterKey() -> [UInt8] {
    master.withBytes { Array("\(Credential.masterTextTag) \(Hexadecimal.encode($0))\n".utf8) }
  }

  private func delete(_ name: String) throws {
    try storageCall("removing key \(name.prefix(8))") {
      for copy in KeySlots.copyNames(name, storage) {
        guard let key = ObjectKey(kind: .keys, name: copy) else { continue }
        do { try storage.delete(key) } catch StorageError.notFound { continue }
      }
      try storage.flush()
    }
  }
}
