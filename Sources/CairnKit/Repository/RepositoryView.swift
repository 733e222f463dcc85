import CairnFormat
import CairnStorage
import CairnSystem

/// The repository at one moment: its snapshots and where every blob lies. Immutable; safe from any thread.
package final class RepositoryView: Sendable {
  package let repository: Repository
  package let state: RepositoryState
  /// Oldest first.
  package let snapshots: [Snapshot]
  /// Objects that could not be read while the view was made.
  package let problems: [ItemProblem]
  package let index: BlobIndex
  package let blobs: BlobReader
  package let trees: TreeReader

  /// Snapshots that are forgotten and can be brought back, as 32 hexadecimal digits.
  package var forgottenIDs: [String] { state.log.restorableIDs }

  /// - Parameter readable: where blobs are read from, if that is more than may be built upon.
  init(
    repository: Repository, state: RepositoryState, list: SnapshotList, index: BlobIndex, readable: BlobIndex? = nil,
    problems: [ItemProblem]
  ) {
    self.repository = repository
    self.state = state
    self.snapshots = list.snapshots
    self.problems = list.problems + problems
    self.index = index
    // An eighth of the budget holds opened frames of trees and groups; 16 MiB is enough to walk a tree in order.
    let cacheBytes = max(16 << 20, min(repository.options.memoryBytes / 8, 64 << 20))
    let known = Monitor(state.log.next)
    blobs = BlobReader(storage: repository.storage, keys: repository.keys, index: readable ?? index, cacheBytes: cacheBytes) {
      // Packs are deleted only after a record of the log says so.
      guard try known.withLock({ try $0 != LogState.length(repository.storage) }) else { return nil }
      let newer = try repository.loadView()
      known.withLock { $0 = newer.state.log.next }
      return newer.index
    }
    trees = TreeReader(blobs: blobs)
  }
}

extension Repository {
  /// Reads the registers, the log, the manifests and the index.
  ///
  /// Index objects that are damaged do not stop it: the directories of packs that no readable delta names take their place,
  /// and the damage becomes a problem of the view.
  ///
  /// - Parameter isReporting: false leaves it to the caller to say how the repository falls behind what this machine has seen.
  package func loadView(isReporting: Bool = true) throws -> RepositoryView {
    for _ in 0..<LogState.maximumReadings {
      let view = try loadView(readState(isReporting: isReporting), forWriting: false)
      // What a newer checkpoint has made void may have gone while it was read.
      if try view.problems.isEmpty || LogState.length(storage) == view.state.log.next { return view }
    }
    throw LogState.isRestless
  }

  /// - Parameter forWriting: leave out packs that are condemned and whatever stands on a register that cannot be read, because
  ///   a writer must not build on what may be deleted.
  package func loadView(_ state: RepositoryState, forWriting: Bool) throws -> RepositoryView {
    if forWriting { try state.log.requireReadable() }
    var deltas = state.countingDeltas
    if !forWriting { deltas.formUnion(try state.deltasBehindUnreadableRegisters(storage)) }
    if breaks(.seeUncommitted) { deltas.formUnion(try Self.deltaNames(storage).map(\.name)) }
    let unusable = forWriting ? state.log.unusablePacks : state.log.swept
    var problems: [ItemProblem] = []
    var index = try BlobIndex.load(repository: self, deltas: Array(deltas), unusable: unusable, salvage: !forWriting, problems: &problems)
    if forWriting { index = try withoutLostPacks(index, &problems) }
    // What is condemned must not be built upon, and can be read: a base may lie there until it is rescued.
    let lost = index.unusableNames.subtracting(unusable)
    let readable = forWriting ? BlobIndex(runs: index.runs, unusable: state.log.swept.union(lost)) : nil
    return RepositoryView(
      repository: self, state: state, list: try snapshots(state), index: index, readable: readable, problems: problems)
  }

  /// Leaves out packs that are missing or have another size than they were stored with: a writer stores what they held again.
  ///
  /// The listing comes after the registers were read: what they name has been stored by then.
  private func withoutLostPacks(_ index: BlobIndex, _ problems: inout [ItemProblem]) throws -> BlobIndex {
    var sizes: [PackName: UInt64] = [:]
    try storageCall("listing the packs") {
      try storage.list(.packs) { key, size in
        if let name = PackName(key.name) { sizes[name] = size }
      }
    }
    var lost = Set<PackName>()
    try index.forEachPack { pack in
      let name = PackName(hash: pack.hash, owner: pack.owner)
      guard sizes[name] != pack.size else { return }
      lost.insert(name)
      let what = sizes[name] == nil ? "it is missing" : "it does not have the size that it was stored with"
      problems.append(ItemProblem(path: Array(try pack.key().path.utf8), during: "looking for the packs", message: what))
    }
    return lost.isEmpty ? index : BlobIndex(runs: index.runs, unusable: index.unusableNames.union(lost))
  }
}
