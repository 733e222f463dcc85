extension KeySet {
  /// Seals `plaintext` under a subkey: ciphertext and tag, `plaintext.count + 16` bytes. The nonce is not part of the result.
  ///
  /// - Parameters:
  ///   - nonce: 24 bytes never used before under this subkey.
  ///   - additional: What the bytes are bound to. The caller puts the repository id into it.
  package func seal(_ subkey: Subkey, nonce: [UInt8], additional: [UInt8], _ plaintext: UnsafeRawBufferPointer) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: plaintext.count + AEAD.tagBytes)
    output.withUnsafeMutableBytes { output in
      nonce.withUnsafeBytes { nonce in
        additional.withUnsafeBytes { additional in
          withKey(subkey) { AEAD.encrypt(plaintext, additional: additional, nonce: nonce, key: $0, into: output) }
        }
      }
    }
    return output
  }

  /// Opens what `seal` returned.
  ///
  /// - Precondition: `nonce` holds 24 bytes.
  /// - Throws: `.truncated` for less than a tag, `.authenticationFailed`.
  package func open(
    _ subkey: Subkey, nonce: UnsafeRawBufferPointer, additional: [UInt8], _ ciphertext: UnsafeRawBufferPointer
  ) throws(FormatError) -> [UInt8] {
    guard ciphertext.count >= AEAD.tagBytes else { throw .truncated }
    var output = [UInt8](repeating: 0, count: ciphertext.count - AEAD.tagBytes)
    var failure: FormatError?
    output.withUnsafeMutableBytes { output in
      additional.withUnsafeBytes { additional in
        withKey(subkey) { key in
          do throws(FormatError) {
            _ = try AEAD.decrypt(ciphertext, additional: additional, nonce: nonce, key: key, into: output)
          } catch {
            failure = error
          }
        }
      }
    }
    if let failure { throw failure }
    return output
  }
}
