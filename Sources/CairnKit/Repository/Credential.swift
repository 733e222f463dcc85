public import CairnFormat

/// What opens a key slot.
public enum Credential: Sendable {
  /// The bytes of a passphrase, as typed; no normalisation.
  case passphrase(SecretBytes)
  /// The 32 bytes of a key file.
  case keyFile(SecretBytes)
  /// The 32 bytes of the master key itself, as `key export` writes it: opens the repository even when every slot is lost.
  case master(SecretBytes)

  /// The kind of slot that this credential can open; nil for the master key, which needs none.
  package var slotKind: KeySlot.Kind? {
    switch self {
    case .passphrase: .passphrase
    case .keyFile: .keyFile
    case .master: nil
    }
  }

  package var secret: SecretBytes {
    switch self {
    case .passphrase(let secret), .keyFile(let secret), .master(let secret): secret
    }
  }

  /// What `describe`s the credential in messages.
  package var noun: String {
    switch self {
    case .passphrase: "password"
    case .keyFile: "key file"
    case .master: "exported key"
    }
  }

  /// Reads the text of a key file or of an exported master key.
  ///
  /// - Throws: `CairnError(.usage)` when it is neither.
  package static func fromKeyFile(_ text: [UInt8]) throws -> Credential {
    // The other form is tried when this one does not fit.
    if let secret = try? text.withUnsafeBytes({ bytes throws(FormatError) in try KeyFile.decode(bytes) }) { return .keyFile(secret) }
    let words = String(decoding: text.prefix(200), as: UTF8.self).split(whereSeparator: \.isWhitespace)
    if words.count == 2, words[0] == masterTextTag, let bytes = Hexadecimal.decode(words[1]), bytes.count == 32 {
      return .master(bytes.withUnsafeBytes { SecretBytes(copying: $0) })
    }
    throw CairnError(
      .usage, "The key file is not one of cairn's: it must hold 'cairn-key-1' or '\(masterTextTag)' and 64 hexadecimal digits.")
  }

  /// The first word of an exported master key.
  package static let masterTextTag = "cairn-master-1"
}

/// The choices that are made once, when a repository is created.
public struct RepositoryParameters: Sendable {
  /// Chunk sizes; see `ChunkerParameters` for the presets.
  package var chunker: ChunkerParameters = .normal
  /// Small blobs are grouped to about this many raw bytes a frame; 0 turns grouping off.
  public var groupBytes: UInt32 = 1 << 20
  /// Parity of every pack; nil for none.
  package var parity: ParityChoice?
  /// What frames are sealed with; nil for what this machine is faster with.
  package var frameCipher: FrameCipher?
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
  /// Where it is kept what this machine has seen of repositories; nil keeps nothing, so that no rollback is noticed.
  public var stateDirectory: [UInt8]?
  /// The budget for caches and tables, in bytes.
  public var memoryBytes: Int
  #if FAULT_INJECTION
    /// What this client does not keep to; for tests.
    package var brokenRules: Set<SafetyRule> = []
  #endif

  public init(cacheDirectory: [UInt8]? = nil, stateDirectory: [UInt8]? = nil, memoryBytes: Int = 256 << 20) {
    self.cacheDirectory = cacheDirectory
    self.stateDirectory = stateDirectory
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
