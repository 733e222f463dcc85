package import CairnFormat
package import CairnStorage
package import CairnSystem

extension Repository {
  /// Makes a new repository in an empty place, or finishes a creation that was interrupted before it had a config.
  ///
  /// The key slots are durable before the config is written: a place with a config always has a key.
  /// - Throws: `CairnError(.exists)` when there is a repository already, or data of one that lost its config.
  package static func create(
    _ storage: any Storage, credential: Credential, parameters: RepositoryParameters = RepositoryParameters(),
    options: OpenOptions = OpenOptions(), sink: any ProgressSink = NoProgress()
  ) throws -> Repository {
    try refuseExisting(storage)
    let master = SystemRandom.bytes(32).withUnsafeBytes { SecretBytes(copying: $0) }
    guard let repository = RepositoryID(bytes: SystemRandom.bytes(16)) else { throw CairnError(.failed, "No random bytes.") }
    let keys = KeySet(master: master, repository: repository)
    let slot = try KeySlots.make(credential, master: master, repository: repository, label: parameters.label, kdf: parameters.kdf)
    let name = try KeySlots.write(slot, to: storage)
    var config = Config(repository: repository, maintenancePublicKey: keys.signingKey.publicKey)
    config.chunker = parameters.chunker
    config.groupBytes = parameters.groupBytes
    config.parity = parameters.parity
    config.frameCipher = parameters.frameCipher ?? (Host.hasAES ? .aes256GCM : .xchacha20Poly1305)
    config.created = Timestamp(SystemClock.now())
    try write(config, keys: keys, to: storage)
    storage.makeReserve()
    return try open(storage, credential: credential, options: options, sink: sink, preferring: name)
  }

  private static func open(
    _ storage: any Storage, credential: Credential, options: OpenOptions, sink: any ProgressSink, preferring name: String
  ) throws -> Repository {
    let repository = try open(storage, credential: credential, options: options, sink: sink)
    guard repository.currentSlot == name else {
      throw CairnError(.conflict, "Another repository was created at \(storage.location) at the same moment.")
    }
    return repository
  }

  /// Writes every copy of the config. The first copy is written if absent, so that of two creators one wins.
  private static func write(_ config: Config, keys: KeySet, to storage: any Storage) throws {
    do {
      let bytes = try config.seal(keys, nonce: SystemRandom.bytes(24))
      try storageCall("writing the config") {
        for (number, name) in ConfigCopies.names.prefix(max(1, storage.copies(of: ObjectKey.config))).enumerated() {
          guard let key = ObjectKey(kind: .config, name: name) else { continue }
          if number == 0 {
            guard try bytes.withUnsafeBytes({ try storage.putIfAbsent(key, $0) }) else {
              throw CairnError(.exists, "There is a repository at \(storage.location) already.")
            }
          } else {
            try bytes.withUnsafeBytes { try storage.put(key, $0) }
          }
        }
        try storage.flush()
      }
    } catch let error as FormatError {
      throw CairnError(.failed, "The config could not be made: \(error).")
    }
  }

  private static func refuseExisting(_ storage: any Storage) throws {
    do {
      _ = try ConfigCopies.read(storage)
      throw CairnError(
        .exists, "There is a repository at \(storage.location) already.", guidance: "Back up into it, or choose another place.")
    } catch let error as CairnError where error.code == .noRepository {
      // Nothing there yet, as it should be.
    }
    for kind in [ObjectKey.Kind.packs, .snapshots, .commits] {
      var count = 0
      try storageCall("looking for an earlier repository") { try storage.list(kind) { _, _ in count += 1 } }
      guard count == 0 else {
        throw CairnError(
          .exists, "\(storage.location) holds \(kind.rawValue) of a repository that has lost its config.",
          guidance: "Do not create a new one over it: put a copy of its config file back.")
      }
    }
  }
}

extension Timestamp {
  package init(_ time: FileTime) { self.init(seconds: time.seconds, nanoseconds: time.nanoseconds) }
}

extension FileTime {
  package init(_ time: Timestamp) { self.init(seconds: time.seconds, nanoseconds: time.nanoseconds) }
}
