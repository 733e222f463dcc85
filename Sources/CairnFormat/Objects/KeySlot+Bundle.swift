import CSodium

extension KeySlot {
  /// Makes the bytes of a slot, to be stored as `keys/<SHA-256 of them>`.
  ///
  /// - Parameters:
  ///   - credential: The passphrase's bytes as typed (UTF-8, not normalised), at least one; or the 32 bytes of a key file.
  ///   - kdf: Ignored for a key file.
  ///   - floor: The least cost accepted.
  ///   - salt: 16 random bytes.
  ///   - nonce: 24 random bytes.
  /// - Throws: `.invalid` for a wrong key length, `.limitExceeded` for cost or label, also when Argon2id gets no memory.
  package static func create(
    kind: Kind, credential: UnsafeRawBufferPointer, master: SecretBytes, repository: RepositoryID, created: Timestamp, info: SlotInfo,
    kdf: KDFParameters = .default, floor: KDFParameters = .default, salt: [UInt8], nonce: [UInt8]
  ) throws(FormatError) -> [UInt8] {
    precondition(salt.count == saltBytes && nonce.count == AEAD.nonceBytes && master.count == 32)
    let cost = kind == .passphrase ? kdf : .none
    if kind == .passphrase {
      try cost.validate()
      guard cost.operations >= floor.operations, cost.memoryKiB >= floor.memoryKiB else { throw .limitExceeded("key derivation cost") }
    }
    let bundle = try sealedBundlePlaintext(master, info)
    var writer = ByteWriter(capacity: clearBytes + bundle.count + AEAD.tagBytes)
    writer.append(magic)
    writer.u8(kind.rawValue)
    writer.u8(Role.administrator.rawValue)
    writer.u16(0)
    writer.u32(cost.operations)
    writer.u32(cost.memoryKiB)
    writer.u32(kind == .passphrase ? 1 : 0)
    writer.append(salt)
    writer.identifier(repository)
    writer.i64(created.seconds)
    let derived = try derive(kind, credential, cost, salt)
    writer.append(commitment(derived, writer.bytes))
    writer.append(nonce)
    writer.u32(UInt32(bundle.count + AEAD.tagBytes))
    writer.append(seal(bundle, derived, nonce, additional: writer.bytes))
    return writer.bytes
  }

  /// Opens the slot.
  ///
  /// - Throws: `.authenticationFailed` for a wrong credential or a changed slot: the commitment is compared, in constant time, before
  ///   anything is decrypted. `.limitExceeded` when Argon2id gets no memory. `.unsupportedFeature` for a bundle of a newer program.
  package func unlock(_ credential: UnsafeRawBufferPointer) throws(FormatError) -> (master: SecretBytes, info: SlotInfo) {
    let derived = try Self.derive(kind, credential, kdf, salt)
    let expected = Self.commitment(derived, Array(bytes[..<Self.committedBytes]))
    guard expected.withUnsafeBytes({ a in commitment.withUnsafeBytes { SecretBytes.areEqual(a, $0) } }) else { throw .authenticationFailed }
    let plaintext = try bytes.withReader { (reader) throws(FormatError) in
      let additional = try reader.bytes(Self.clearBytes)
      let nonce = UnsafeRawBufferPointer(rebasing: additional[96..<120])
      let ciphertext = reader.rest()
      return try SecretBytes(count: ciphertext.count - AEAD.tagBytes) { (output) throws(FormatError) in
        try derived.withBytes { (key) throws(FormatError) in
          let key = UnsafeRawBufferPointer(rebasing: key[..<AEAD.keyBytes])
          _ = try AEAD.decrypt(ciphertext, additional: additional, nonce: nonce, key: key, into: output)
        }
      }
    }
    return try plaintext.withBytes { (bytes) throws(FormatError) in try Self.decodeBundle(try PaddedPlaintext.content(of: bytes)) }
  }

  /// 64 bytes: the first half encrypts, the second commits. No key is committed to by the cipher itself, hence the second half.
  private static func derive(
    _ kind: Kind, _ credential: UnsafeRawBufferPointer, _ kdf: KDFParameters, _ salt: [UInt8]
  ) throws(FormatError) -> SecretBytes {
    switch kind {
    case .passphrase: break  // any bytes, also none: whether an empty one is wanted, the caller asks
    case .keyFile: guard credential.count == KeyFile.keyBytes else { throw .invalid("key file length") }
    }
    return try SecretBytes(count: 64) { (output) throws(FormatError) in
      switch kind {
      case .keyFile:
        salt.withUnsafeBytes { KeyedHash.derive(key: credential, label: "cairn-keyfile-1", parts: [$0], into: output) }
      case .passphrase:
        let status = crypto_pwhash(
          output.octets, UInt64(output.count), UnsafeRawPointer(credential.octets).assumingMemoryBound(to: CChar.self),
          UInt64(credential.count), salt, UInt64(kdf.operations), Int(kdf.memoryKiB) << 10, crypto_pwhash_alg_argon2id13())
        guard status == 0 else { throw .limitExceeded("memory for the key derivation") }
      }
    }
  }

  private static func commitment(_ derived: SecretBytes, _ header: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: 32)
    output.withUnsafeMutableBytes { output in
      derived.withBytes { key in
        header.withUnsafeBytes {
          KeyedHash.derive(key: UnsafeRawBufferPointer(rebasing: key[32...]), label: "cairn-slot", parts: [$0], into: output)
        }
      }
    }
    return output
  }

  private static func seal(_ bundle: SecretBytes, _ derived: SecretBytes, _ nonce: [UInt8], additional: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: bundle.count + AEAD.tagBytes)
    output.withUnsafeMutableBytes { output in
      bundle.withBytes { plaintext in
        derived.withBytes { key in
          nonce.withUnsafeBytes { nonce in
            additional.withUnsafeBytes { additional in
              let key = UnsafeRawBufferPointer(rebasing: key[..<AEAD.keyBytes])
              AEAD.encrypt(plaintext, additional: additional, nonce: nonce, key: key, into: output)
            }
          }
        }
      }
    }
    return output
  }

  /// Length, TLV and padding, written straight into secret memory: field 2, the master key, comes first.
  private static func sealedBundlePlaintext(_ master: SecretBytes, _ info: SlotInfo) throws(FormatError) -> SecretBytes {
    let label = Array(info.label.utf8)
    guard label.count <= Limits.labelBytes, max(info.host.count, info.user.count) <= Limits.shortTextBytes else {
      throw .limitExceeded("label")
    }
    var rest = TLVWriter()
    rest.bytes(4, label)
    rest.bytes(6, info.host)
    rest.bytes(8, info.user)
    let count = 2 + master.count + rest.bytes.count
    return SecretBytes(count: PaddedPlaintext.length(of: count)) { output in
      var prefix = ByteWriter()
      prefix.u32(UInt32(count))
      prefix.append([2, UInt8(master.count)])
      output.copyBytes(from: prefix.bytes)
      master.withBytes { UnsafeMutableRawBufferPointer(rebasing: output[6...]).copyMemory(from: $0) }
      UnsafeMutableRawBufferPointer(rebasing: output[(6 + master.count)...]).copyBytes(from: rest.bytes)
    }
  }

  private static func decodeBundle(_ content: UnsafeRawBufferPointer) throws(FormatError) -> (master: SecretBytes, info: SlotInfo) {
    var master: SecretBytes?
    var info = SlotInfo(label: "")
    try TLVReader.forEach(content) { (field) throws(FormatError) in
      switch field.tag {
      case 2:
        guard field.content.count == 32 else { throw .invalid("key length") }
        master = SecretBytes(copying: field.content)
      case 4:
        guard let label = String(validating: try field.bytes(maximum: Limits.labelBytes), as: UTF8.self) else { throw .invalid("UTF-8") }
        info.label = label
      case 6: info.host = try field.bytes(maximum: Limits.shortTextBytes)
      case 8: info.user = try field.bytes(maximum: Limits.shortTextBytes)
      default: try field.skipUnknown()
      }
    }
    guard let master else { throw .invalid("missing field") }
    return (master, info)
  }
}
