import Synchronization

/// A flag that long operations look at per chunk and per directory entry.
package final class Cancellation: Sendable {
  private let flag = Atomic<Bool>(false)

  package init() {}

  package func cancel() { flag.store(true, ordering: .releasing) }
  package var isCancelled: Bool { flag.load(ordering: .acquiring) }

  /// - Throws: `CancellationError` once cancelled.
  package func check() throws {
    if isCancelled { throw CancellationError() }
  }
}
