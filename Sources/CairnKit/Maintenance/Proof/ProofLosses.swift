import CairnSystem
import Synchronization

/// Collects what a restore complains about, by entry, for the comparison after it.
final class ProofLosses: ProgressSink {
  struct Loss: Sendable {
    /// What of the metadata could not be set, and why.
    var metadata: [(kind: RestoreLosses.Kind, reason: String)] = []
    /// Why the entry is not there at all.
    var failure: String?

    func has(_ kind: RestoreLosses.Kind) -> Bool { metadata.contains { $0.kind == kind } }
  }

  private let losses = Mutex<[[UInt8]: Loss]>([:])
  /// Everything but problems goes there.
  private let sink: any ProgressSink

  init(_ sink: any ProgressSink) { self.sink = sink }

  func report(_ event: ProgressEvent) {
    guard case .problem(let problem) = event else { return sink.report(event) }
    losses.withLock { losses in
      if let kind = RestoreLosses.Kind.allCases.first(where: { $0.during == problem.during }) {
        losses[problem.path, default: Loss()].metadata.append((kind, problem.message))
      } else if losses[problem.path]?.failure == nil {
        losses[problem.path, default: Loss()].failure = problem.message
      }
    }
  }

  subscript(_ path: [UInt8]) -> Loss? { losses.withLock { $0[path] } }
}
