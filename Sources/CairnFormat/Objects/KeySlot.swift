/// The clear part of a key slot: how to turn a credential into the key that opens the rest.
///
/// | offset | bytes | content |
/// | --- | --- | --- |
/// | 0 | 8 | "CRNKEY01" |
/// | 8 | 1 | kind: 1 passphrase, 2 key file |
/// | 9 | 1 | role: 1 administrator |
/// | 10 | 2 | zero |
/// | 12 | 4 | Argon2id passes (0 for a key file) |
/// | 16 | 4 | Argon2id memory in KiB (0 for a key file) |
/// | 20 | 4 | parallelism: 1 (0 for a key file) |
/// | 24 | 16 | salt |
/// | 40 | 16 | repository id |
/// | 56 | 8 | created, seconds since 1970 |
/// | 64 | 32 | commitment to the derived key |
/// | 96 | 24 | nonce |
/// | 120 | 4 | length n of the ciphertext with its tag |
/// | 124 | n | the capability bundle, sealed; additional data: bytes 0 … 123 |
package struct KeySlot: Sendable, Equatable {
  package enum Kind: UInt8, Sendable {
    case passphrase = 1
    case keyFile = 2
  }

  package enum Role: UInt8, Sendable {
    /// Holds the master key.
    case administrator = 1
  }

  package let kind: Kind
  package let role: Role
  /// Zero for a key file.
  package let kdf: KDFParameters
  package let salt: [UInt8]
  package let repository: RepositoryID
  package let createdSeconds: Int64
  let commitment: [UInt8]
  /// The whole object; what follows the clear part is opened by `unlock`.
  let bytes: [UInt8]

  static let magic: StaticString = "CRNKEY01"
  static let clearBytes = 124
  static let committedBytes = 64

  /// Reads the clear part and checks every cost it names, before any of it is paid.
  ///
  /// - Throws: `.badMagic`, `.truncated`, `.trailingBytes`; `.unsupportedFeature` for an unknown kind or role, which a caller passes over;
  ///   `.limitExceeded` for a size or cost out of bounds; `.notCanonical`.
  package static func parse(_ bytes: [UInt8]) throws(FormatError) -> KeySlot {
    guard bytes.count <= Limits.keySlotBytes else { throw .limitExceeded("object size") }
    return try bytes.withReader { (reader) throws(FormatError) in
      try reader.expectMagic(magic)
      guard let kind = Kind(rawValue: try reader.u8()), let role = Role(rawValue: try reader.u8()) else { throw .unsupportedFeature }
      try reader.expectZeros(2, "reserved bytes")
      let kdf = KDFParameters(operations: try reader.u32(), memoryKiB: try reader.u32())
      let parallelism = try reader.u32()
      switch kind {
      case .passphrase:
        try kdf.validate()
        guard parallelism == 1 else { throw .unsupportedFeature }
      case .keyFile: guard kdf == .none, parallelism == 0 else { throw .notCanonical("cost of a key file") }
      }
      let salt = try reader.array(KeySlot.saltBytes)
      let repository: RepositoryID = try reader.identifier16()
      let created = try reader.i64()
      let commitment = try reader.array(32)
      _ = try reader.bytes(AEAD.nonceBytes)
      _ = try reader.bytes(try slotLength(reader.u32()))
      try reader.expectEnd()
      return KeySlot(
        kind: kind, role: role, kdf: kdf, salt: salt, repository: repository, createdSeconds: created, commitment: commitment, bytes: bytes)
    }
  }

  package static let saltBytes = 16

  private static func slotLength(_ value: UInt32) throws(FormatError) -> Int {
    guard value >= AEAD.tagBytes + 4, value <= Limits.keySlotBytes else { throw .limitExceeded("object size") }
    return Int(value)
  }
}

/// What Argon2id costs for a passphrase slot.
package struct KDFParameters: Sendable, Equatable {
  /// Passes over the memory.
  package var operations: UInt32
  package var memoryKiB: UInt32

  package init(operations: UInt32, memoryKiB: UInt32) {
    self.operations = operations
    self.memoryKiB = memoryKiB
  }

  /// Three passes over 64 MiB, about 0.1 s: every command pays it. Also the least that `KeySlot.create` accepts unless told otherwise.
  package static let `default` = KDFParameters(operations: 3, memoryKiB: 64 << 10)
  /// One pass over 8 MiB: the least a reader accepts. For tests, never for a passphrase that protects anything.
  package static let weakest = KDFParameters(operations: 1, memoryKiB: 8 << 10)
  static let none = KDFParameters(operations: 0, memoryKiB: 0)

  /// - Throws: `.limitExceeded` outside of 1 … 16 passes or 8 MiB … 1 GiB: a slot is not authenticated when its cost is paid.
  package func validate() throws(FormatError) {
    guard (1...16).contains(operations), (8 << 10...1 << 20).contains(memoryKiB) else { throw .limitExceeded("key derivation cost") }
  }
}

/// What a slot says of itself once it is open.
package struct SlotInfo: Sendable, Equatable {
  /// At most 256 bytes of UTF-8, as the user gave it.
  package var label: String
  package var host: [UInt8]
  package var user: [UInt8]

  package init(label: String, host: [UInt8] = [], user: [UInt8] = []) {
    self.label = label
    self.host = host
    self.user = user
  }
}
