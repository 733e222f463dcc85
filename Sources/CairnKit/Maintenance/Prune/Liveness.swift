import CairnFormat
import CairnSystem

/// Which blobs of a view some snapshot needs: a bit for each.
///
/// Nothing may be taken for garbage that could be needed, so a tree that cannot be read and a blob that is nowhere end the marking.
final class Liveness: TreeSweepVisitor {
  let view: RepositoryView
  /// Ordinals of the view's index.
  let live: OrdinalBitmap
  /// The snapshots that were followed.
  let snapshots: Set<SessionID>
  private let failure = Monitor<CairnError?>(nil)

  /// Follows every snapshot of the view.
  ///
  /// - Parameter ignored: but for these; only for a plan that nobody carries out.
  /// - Throws: `CairnError(.damaged)` when what they need is not known to the last blob.
  static func mark(_ view: RepositoryView, ignoring ignored: Set<SessionID> = [], _ context: RunContext) throws -> Liveness {
    if let problem = view.problems.first {
      throw refusal("\(Escaping.terminal(problem.path)): \(problem.message)")
    }
    try view.state.log.requireReadable()
    let liveness = Liveness(view)
    var roots: [BlobID] = []
    for snapshot in view.snapshots where !ignored.contains(snapshot.id) {
      roots.append(snapshot.manifest.root)
      if let delta = snapshot.manifest.deltaRoot { roots.append(delta) }
    }
    try TreeSweep(view, context).run(roots, liveness)
    if let error = liveness.failure.withLock({ $0 }) { throw error }
    return liveness
  }

  private init(_ view: RepositoryView) {
    self.view = view
    live = OrdinalBitmap(capacity: view.index.count)
    snapshots = Set(view.snapshots.map(\.id))
  }

  static func refusal(_ what: String) -> CairnError {
    CairnError(
      .damaged, "Nothing was deleted, because it is not known for certain what the snapshots need: \(what)",
      guidance: "Run 'cairn check' to see the damage, and 'cairn repair' to mend it; then prune again.")
  }

  // MARK: - TreeSweepVisitor

  func read(_ id: BlobID, _ location: BlobLocation) { live.insert(location.ordinal) }

  func refers(to id: BlobID, length: UInt64) throws {
    guard let location = try view.index.locate(id.key) else { return misses(id) }
    live.insert(location.ordinal)
  }

  func misses(_ id: BlobID) {
    failure.withLock { $0 = $0 ?? Self.refusal("blob \(id.hexadecimal.prefix(16))… is in no pack that the index names.") }
  }

  func fails(_ id: BlobID, _ location: BlobLocation, _ error: CairnError) {
    failure.withLock { $0 = $0 ?? Self.refusal(error.message) }
  }
}
