import CairnFormat

#if FAULT_INJECTION
  package import CairnSystem
#endif

/// Which files of a snapshot are restored and compared, and where.
public struct ProofOptions: Sendable {
  /// How much is taken.
  public enum Sample: Sendable, Equatable {
    /// At most so many files, and at most so many bytes of content; a file that alone has more is not drawn.
    case drawn(files: Int, bytes: UInt64?)
    /// Every file, and every directory that is empty.
    case all
  }

  public var snapshot: Snapshot
  public var sample = Sample.drawn(files: ProofOptions.standardFiles, bytes: nil)
  /// What the sample is drawn by: the same number draws the same files of the same snapshot again.
  public var seed: UInt64
  /// The directory in which a private folder is made for the time of the proof.
  public var scratch: [UInt8]

  #if FAULT_INJECTION
    /// Called with the restored tree before it is compared, so that a test can change it.
    package var afterRestore: (@Sendable (OpenFile) throws -> Void)?
  #endif

  public static let standardFiles = 20
  /// Files that a sample can have; what is kept of each takes some hundred bytes.
  public static let largestSample = 1_000_000

  public init(snapshot: Snapshot, seed: UInt64, scratch: [UInt8]) {
    self.snapshot = snapshot
    self.seed = seed
    self.scratch = scratch
  }
}

/// Something that did not come back as recorded, or that could not be compared.
public struct ProofFinding: Sendable, Equatable {
  /// In the snapshot, raw bytes, with a slash before each component.
  public let path: [UInt8]
  /// A sentence without the path.
  public let message: String
}

/// What a proof has shown.
public struct ProofReport: Sendable {
  public let snapshot: Snapshot
  public let seed: UInt64
  public let isWhole: Bool
  /// Files, links and special files of the snapshot, and the bytes in them.
  public var files: UInt64 = 0
  public var bytes: UInt64 = 0
  /// How many of them were chosen.
  public var chosen: UInt64 = 0
  /// How many came back exactly as recorded, and the bytes in them.
  public var proven: UInt64 = 0
  public var provenBytes: UInt64 = 0
  /// Directories above the chosen files whose metadata was compared.
  public var directories: UInt64 = 0
  /// The first `ProofReport.listed` of what differs.
  public var differences: [ProofFinding] = []
  /// Files and directories that differ.
  public var differenceCount: UInt64 = 0
  /// The first `ProofReport.listed` of what could not be compared, or not in everything.
  public var uncompared: [ProofFinding] = []
  public var uncomparedCount: UInt64 = 0
  /// Files that have more bytes than the whole sample may have.
  public var tooLarge: UInt64 = 0
  /// Files and directories whose owner, or attributes of the system, were not compared because only root can set them.
  public var withoutOwner: UInt64 = 0
  public var seconds: Double = 0

  public static let listed = 1000

  /// Whether anything chosen was not, or not in everything, compared; also when nothing could be chosen because all is too large.
  public var isIncomplete: Bool { uncomparedCount > 0 || (chosen == 0 && tooLarge > 0) }

  init(_ options: ProofOptions) {
    snapshot = options.snapshot
    seed = options.seed
    isWhole = options.sample == .all
  }
}
