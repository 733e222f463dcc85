package import CairnFormat
package import CairnStorage
import CairnSystem

/// Writing single small objects.
extension Records {
  /// Seals the plaintext of an envelope.
  ///
  /// - Parameter what: completes the sentence "Cannot write …".
  package static func seal(
    _ kind: Envelope.Kind, _ logicalName: String, _ keys: KeySet, _ what: String, _ plaintext: () throws -> [UInt8]
  ) throws -> [UInt8] {
    do {
      return try Envelope.seal(kind, logicalName: logicalName, plaintext: plaintext(), nonce: SystemRandom.bytes(24), keys: keys)
    } catch let error as FormatError {
      throw CairnError(.failed, "Cannot write \(what): \(error).")
    }
  }

  /// - Throws: `CairnError` never in practice: names are made of hexadecimal digits.
  package static func key(_ kind: ObjectKey.Kind, _ name: String) throws -> ObjectKey {
    guard let key = ObjectKey(kind: kind, name: name) else { throw CairnError(.failed, "Impossible object name \(name).") }
    return key
  }

  package static func put(_ kind: ObjectKey.Kind, _ name: String, _ bytes: [UInt8], _ storage: any Storage) throws {
    let key = try key(kind, name)
    try storageCall("writing \(key.path)") { try storage.put(key, bytes) }
  }
}
