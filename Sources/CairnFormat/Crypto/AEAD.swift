import CSodium

/// XChaCha20-Poly1305 (IETF form, libsodium), suite 1 of the format, on pointers.
package enum AEAD {
  package static let keyBytes = 32
  package static let nonceBytes = 24
  package static let tagBytes = 16

  /// Writes ciphertext and tag, `plaintext.count + 16` bytes.
  ///
  /// - Precondition: a 32-byte key, a 24-byte nonce and room for the result. Input and output may be the same memory, but not shifted.
  package static func encrypt(
    _ plaintext: UnsafeRawBufferPointer, additional: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) {
    precondition(key.count == keyBytes && nonce.count == nonceBytes && output.count >= plaintext.count + tagBytes)
    crypto_aead_xchacha20poly1305_ietf_encrypt(
      output.octets, nil, plaintext.octets, UInt64(plaintext.count), additional.octets, UInt64(additional.count), nil, nonce.octets,
      key.octets)
  }

  /// Writes the plaintext, `ciphertext.count - 16` bytes, and returns that count. Zeros are written when authentication fails.
  ///
  /// - Throws: `.truncated` for less than a tag, `.limitExceeded` when `output` is too small, `.authenticationFailed`.
  package static func decrypt(
    _ ciphertext: UnsafeRawBufferPointer, additional: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(FormatError) -> Int {
    precondition(key.count == keyBytes && nonce.count == nonceBytes)
    let count = ciphertext.count - tagBytes
    guard count >= 0 else { throw .truncated }
    guard output.count >= count else { throw .limitExceeded("plaintext length") }
    let status = crypto_aead_xchacha20poly1305_ietf_decrypt(
      output.octets, nil, nil, ciphertext.octets, UInt64(ciphertext.count), additional.octets, UInt64(additional.count), nonce.octets,
      key.octets)
    guard status == 0 else { throw .authenticationFailed }
    return count
  }
}

extension UnsafeRawBufferPointer {
  /// The address as C's `unsigned char *`. An empty buffer without an address gets one that C never follows, for C functions refuse null.
  var octets: UnsafePointer<UInt8> { UnsafePointer(UnsafeMutableRawBufferPointer(mutating: self).octets) }
}

extension UnsafeMutableRawBufferPointer {
  var octets: UnsafeMutablePointer<UInt8> {
    (baseAddress ?? UnsafeMutableRawPointer(Self.nowhere)).assumingMemoryBound(to: UInt8.self)
  }

  private static nonisolated(unsafe) let nowhere = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
}
