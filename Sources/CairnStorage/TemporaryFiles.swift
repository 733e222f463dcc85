import Synchronization

/// What one storage has learned about temporary files on its file system.
final class TemporaryFiles: Sendable {
  private let swept = Atomic<Bool>(false)
  private let named = Atomic<Bool>(false)

  init(mayBeUnnamed: Bool) { named.store(!mayBeUnnamed, ordering: .relaxed) }

  /// True for the first caller only.
  func shouldSweep() -> Bool { !swept.exchange(true, ordering: .relaxed) }

  /// Whether files without a name are worth trying.
  var mayBeUnnamed: Bool { !named.load(ordering: .relaxed) }
  func refuseUnnamed() { named.store(true, ordering: .relaxed) }
}
