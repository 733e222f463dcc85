import CairnFormat
import Synchronization

/// What a proof has found so far. Any thread.
final class ProofTally: Sendable {
  private let state: Mutex<ProofReport>

  init(_ options: ProofOptions) { state = Mutex(ProofReport(options)) }

  var report: ProofReport { state.withLock { $0 } }

  func update(_ body: (inout ProofReport) -> Void) { state.withLock { body(&$0) } }

  /// - Parameter isNew: false for a further difference of something that was counted already.
  func differs(_ path: [UInt8], _ message: String, isNew: Bool = true) {
    state.withLock {
      if isNew { $0.differenceCount += 1 }
      if $0.differences.count < ProofReport.listed { $0.differences.append(ProofFinding(path: path, message: message)) }
    }
  }

  func isUncompared(_ path: [UInt8], _ message: String) {
    state.withLock {
      $0.uncomparedCount += 1
      if $0.uncompared.count < ProofReport.listed { $0.uncompared.append(ProofFinding(path: path, message: message)) }
    }
  }
}

/// The files that are in the scratch folder at one time, and what has come of each. Any thread.
final class ProofBatch: Sendable {
  private enum Outcome: UInt8 {
    /// Not met in the restored tree so far.
    case unseen
    case equal, different, uncompared
  }

  let paths: ChosenPaths
  private let sizes: [UInt64]
  private let tally: ProofTally
  private let outcomes: Mutex<[Outcome]>

  /// - Parameter files: in the order of the walk.
  init(_ files: [(key: [UInt8], size: UInt64)], _ tally: ProofTally) {
    paths = ChosenPaths(files.map(\.key))
    sizes = files.map(\.size)
    self.tally = tally
    outcomes = Mutex(Array(repeating: .unseen, count: files.count))
  }

  func path(_ index: Int) -> [UInt8] { ChosenPaths.path(paths.keys[index]) }

  /// The file was found; it stays equal unless something else is said of it.
  func isSeen(_ index: Int) { outcomes.withLock { if $0[index] == .unseen { $0[index] = .equal } } }

  func differs(_ index: Int, _ message: String) {
    let isNew = outcomes.withLock { outcomes in
      defer { outcomes[index] = .different }
      return outcomes[index] != .different
    }
    tally.differs(path(index), message, isNew: isNew)
  }

  func isUncompared(_ index: Int, _ message: String) {
    outcomes.withLock { if $0[index] != .different { $0[index] = .uncompared } }
    tally.isUncompared(path(index), message)
  }

  /// Counts what is equal, and names what never turned up.
  ///
  /// - Parameter isDirectory: whether the entry is an empty directory, which is counted with the directories.
  func finish(isDirectory: (Int) -> Bool) {
    for (index, outcome) in outcomes.withLock({ $0 }).enumerated() {
      switch outcome {
      case .unseen: tally.differs(path(index), "it did not come back: its directory cannot be read from the repository")
      case .equal where !isDirectory(index):
        tally.update {
          $0.proven += 1
          $0.provenBytes = $0.provenBytes.addingSaturated(sizes[index])
        }
      default: break
      }
    }
  }
}
