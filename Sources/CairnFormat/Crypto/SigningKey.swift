import CSodium

/// The Ed25519 key pair that signs maintenance records.
package final class SigningKey: Sendable {
  package static let signatureBytes = 64
  package static let publicKeyBytes = 32

  /// 32 bytes; the config carries them for roles that do not hold the seed.
  package let publicKey: [UInt8]
  private let secretKey: SecretBytes

  /// - Precondition: `seed` holds 32 bytes.
  init(seed: UnsafeRawBufferPointer) {
    precondition(seed.count == 32)
    var publicKey = [UInt8](repeating: 0, count: Self.publicKeyBytes)
    secretKey = SecretBytes(count: 64) { secret in
      _ = crypto_sign_seed_keypair(&publicKey, secret.octets, seed.octets)
    }
    self.publicKey = publicKey
  }

  /// 64 bytes, the same for the same message.
  package func sign(_ message: UnsafeRawBufferPointer) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: Self.signatureBytes)
    secretKey.withBytes { _ = crypto_sign_detached(&signature, nil, message.octets, UInt64(message.count), $0.octets) }
    return signature
  }

  /// - Throws: `.authenticationFailed` when the signature is not 64 bytes of that key over that message.
  package static func verify(
    _ signature: UnsafeRawBufferPointer, of message: UnsafeRawBufferPointer, publicKey: [UInt8]
  ) throws(FormatError) {
    guard signature.count == signatureBytes, publicKey.count == publicKeyBytes,
      crypto_sign_verify_detached(signature.octets, message.octets, UInt64(message.count), publicKey) == 0
    else { throw .authenticationFailed }
  }
}
