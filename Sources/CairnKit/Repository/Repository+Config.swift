package import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// The settings as the storage has them now.
  package func currentConfig() throws -> Config { try ConfigCopies.read(storage).open(keys, sink: sink) }

  /// Changes settings that concern new objects only. Every copy is replaced, a damaged one too, and the log gets a record of it.
  ///
  /// - Returns: the config as it is now.
  /// - Throws: `CairnError` when this version must not write to the repository, or a value is out of its range.
  package func changeConfig(_ change: (inout Config) -> Void) throws -> Config {
    try requireWritable()
    // Before anything is written: whoever cannot append to the log must not change the config either.
    _ = try LogState.readComplete(storage, keys: keys)
    let old = try currentConfig()
    var config = old
    change(&config)
    guard config != old else { return old }
    config.counter += 1
    let bytes: [UInt8]
    do { bytes = try config.seal(keys, nonce: SystemRandom.bytes(AEAD.nonceBytes)) } catch {
      throw CairnError(.usage, "The settings cannot be changed so: \(error).")
    }
    try storageCall("writing the config") {
      for key in ObjectKey.configCopies.prefix(max(1, storage.copies(of: ObjectKey.config))) { try storage.put(key, bytes) }
      try storage.flush()
    }
    try appendLog {
      var record = LogRecord(next: $0)
      record.config = SHA256Digest.hash(bytes)
      return record
    }
    return config
  }
}
