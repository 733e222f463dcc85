/// Something that `check` found.
public struct CheckFinding: Sendable {
  public enum Kind: String, Sendable {
    /// Something that takes room and does no harm.
    case garbage
    /// Damage that touches no snapshot: there is another copy, or nobody needs it.
    case harmless
    /// Something that snapshots need is gone.
    case loss
  }

  /// A file or directory of a snapshot that needs the object.
  public struct Affected: Sendable, Hashable {
    /// 32 hexadecimal digits.
    public let snapshot: String
    /// From the root of the snapshot, raw bytes; "/" for all of it.
    public let path: [UInt8]

    public init(snapshot: String, path: [UInt8]) {
      self.snapshot = snapshot
      self.path = path
    }
  }

  /// The damaged object: its path in the repository.
  public let object: String
  /// What is wrong with it: completes a sentence that begins with the object.
  public let what: String
  public internal(set) var kind: Kind
  /// Whether `repair parity` can put it right.
  public let isMendable: Bool
  /// At most `CheckReport.maximumAffected` of what it touches, snapshot by snapshot.
  public internal(set) var affected: [Affected] = []
  /// How many there are in all; a path counts once for each snapshot.
  public internal(set) var affectedCount: UInt64 = 0
  /// All snapshots touched, as 32 hexadecimal digits.
  public internal(set) var affectedSnapshots: [String] = []
  /// What to do next: a command or a sentence.
  public internal(set) var next: String

  /// Object and fault as a sentence.
  public var sentence: String { "\(object) \(what)." }
}

/// What a check came to.
public struct CheckReport: Sendable {
  /// Paths listed for one finding.
  public static let maximumAffected = 1000
  /// Findings listed; more are only counted.
  public static let maximumFindings = 10_000

  /// Damage, in the order of objects.
  public internal(set) var errors: [CheckFinding] = []
  /// Garbage.
  public internal(set) var hints: [CheckFinding] = []
  /// Damage and garbage beyond `maximumFindings`.
  public internal(set) var unlistedErrors: UInt64 = 0
  public internal(set) var unlistedHints: UInt64 = 0

  /// Snapshots whose manifests could be read.
  public internal(set) var snapshots: UInt64 = 0
  /// Packs that the index names.
  public internal(set) var packs: UInt64 = 0
  /// Packs read whole, and their bytes.
  public internal(set) var packsRead: UInt64 = 0
  public internal(set) var bytesRead: UInt64 = 0
  /// Blobs opened and compared with their ids in those packs.
  public internal(set) var blobsRead: UInt64 = 0
  /// Distinct parts of directories and content lists read.
  public internal(set) var treesRead: UInt64 = 0
  public internal(set) var seconds: Double = 0

  /// Damage of any kind: the exit status is 1 then, as with restic. Garbage alone leaves it 0.
  public var errorCount: UInt64 { UInt64(errors.count) + unlistedErrors }
  public var isDamaged: Bool { errorCount > 0 }
  /// Whether anything that a snapshot needs is gone, or damaged.
  public var hasLoss: Bool { errors.contains { $0.kind == .loss } }
  /// Whether `repair parity` brings all of that back.
  public var isLossMendable: Bool { unlistedErrors == 0 && errors.allSatisfy { $0.kind != .loss || $0.isMendable } }
}
