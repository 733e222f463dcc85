package import CairnFormat

/// What opens a key slot.
public enum Credential: Sendable {
  /// The bytes of a passphrase, as typed; no normalisation.
  case passphrase(SecretBytes)
  /// The 32 bytes of a key file.
  case keyFile(SecretBytes)

  /// The kind of slot that this credential can open.
  package var slotKind: KeySlot.Kind {
    switch self {
    case .passphrase: .passphrase
    case .keyFile: .keyFile
    }
  }

  package var secret: SecretBytes {
    switch self {
    case .passphrase(let secret), .keyFile(let secret): secret
    }
  }
}

/// The choices that are made once, when a repository is created.
public struct RepositoryParameters: Sendable {
  /// Chunk sizes; see `ChunkerParameters` for the presets.
  package var chunker: ChunkerParameters = .normal
  /// Small blobs are grouped to about this many raw bytes a frame; 0 turns grouping off.
  public var groupBytes: UInt32 = 1 << 20
  /// A name for the first key slot, for people.
  public var label: String = ""
  /// The cost of the passphrase; nothing below the default is accepted for new slots outside tests.
  package var kdf: KDFParameters = .default

  public init() {}
}

/// How a repository is opened.
public struct OpenOptions: Sendable {
  /// Where index images are kept between runs; nil keeps them in memory for this run only.
  public var cacheDirectory: [UInt8]?
  /// The budget for caches and tables, in bytes.
  public var memoryBytes: Int

  public init(cacheDirectory: [UInt8]? = nil, memoryBytes: Int = 256 << 20) {
    self.cacheDirectory = cacheDirectory
    self.memoryBytes = memoryBytes
  }
}

/// A key slot as `key list` shows it.
public struct KeySlotInfo: Sendable {
  /// The object's name: 64 lower-case hexadecimal digits.
  public let name: String
  /// Whether this slot opened the repository in this run.
  public let isCurrent: Bool
  package let kind: KeySlot.Kind
  public var isKeyFile: Bool { kind == .keyFile }
  package let created: Timestamp
  /// Known for the current slot only, because the rest of a slot is sealed with its own credential.
  public let label: String?
  public let host: String?
  public let user: String?
}
