/// One thing that a repair found and what it does about it.
public struct RepairStep: Sendable {
  /// The object's path in the repository, or what else is damaged.
  public let object: String
  /// What is wrong with it: completes a sentence that begins with the object.
  public let what: String
  /// What is done about it, a clause; empty when nothing can be.
  public let action: String

  /// Object, fault and remedy as a sentence.
  public var sentence: String { action.isEmpty ? "\(object) \(what)." : "\(object) \(what): \(action)." }
}

/// How a repair goes about it.
public struct RepairOptions: Sendable {
  /// Plan and tell only; nothing is written.
  public var dryRun = false
  /// A backup that has given no sign of life for so many seconds is revoked; it begins again if it lives.
  public var revokeAfterSeconds: Int64 = 86400
  /// Called with what is about to be done, before anything is.
  public var onPlan: (@Sendable ([RepairStep]) -> Void)?

  public init() {}
}

/// What a repair found and did.
public struct RepairReport: Sendable {
  /// Steps and losses listed; more are only counted.
  public static let maximumListed = 10_000

  public internal(set) var steps: [RepairStep] = []
  public internal(set) var unlistedSteps: UInt64 = 0
  /// What the steps left behind, relative to the repository: nothing that is damaged is ever deleted.
  public internal(set) var movedAside: [String] = []
  /// Files and directories that could not be brought back.
  public internal(set) var lost: [CheckFinding.Affected] = []
  public internal(set) var unlistedLost: UInt64 = 0
  /// What makes the repository whole, or the next thing to do; sentences.
  public internal(set) var notes: [String] = []
  /// Packs whose directories were read because no index object named them.
  public internal(set) var packsIndexed: UInt64 = 0
  /// Index objects written.
  public internal(set) var indexObjectsWritten: UInt64 = 0
  /// Packs examined whole.
  public internal(set) var packsRead: UInt64 = 0
  /// Blobs taken over from damaged packs, found elsewhere, and found nowhere.
  public internal(set) var blobsSalvaged: UInt64 = 0
  public internal(set) var blobsFound: UInt64 = 0
  public internal(set) var blobsLost: UInt64 = 0
  /// Bytes of packs written.
  public internal(set) var writtenBytes: UInt64 = 0
  /// Snapshots written in place of damaged ones, as 32 hexadecimal digits: old and new.
  public internal(set) var replaced: [(old: String, new: String)] = []
  /// Snapshots forgotten, as 32 hexadecimal digits.
  public internal(set) var forgotten: [String] = []
  public internal(set) var isDryRun = false
  public internal(set) var seconds: Double = 0

  /// Whether there was anything to repair.
  public var foundDamage: Bool { !steps.isEmpty }

  mutating func add(_ object: String, _ what: String, _ action: String) {
    guard steps.count < Self.maximumListed else { return unlistedSteps += 1 }
    steps.append(RepairStep(object: object, what: what, action: action))
  }

  mutating func lose(_ snapshot: String, _ path: [UInt8]) {
    guard lost.count < Self.maximumListed else { return unlistedLost += 1 }
    lost.append(CheckFinding.Affected(snapshot: snapshot, path: path))
  }
}
