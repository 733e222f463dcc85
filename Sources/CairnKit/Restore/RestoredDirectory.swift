import CairnFormat
import CairnSystem
import Synchronization

/// A directory of the target while entries are restored into it.
///
/// Every entry under way, every directory below, and the walk while it is inside, count as pending; whoever brings the count to zero
/// sets the directory's own metadata and then counts for its parent. So metadata is applied deepest first, as early as possible,
/// and nothing has to be remembered or read again for a last pass.
final class RestoredDirectory: @unchecked Sendable {
  // Unchecked: `file`, `slot` and `wasUsed` belong to the lock of the `DirectoryTable`; `finish` is written by the walk before it gives
  // up its count and read only after the count has come to zero; `parent` changes in `deinit` alone.

  /// What is to be done when nothing is pending any more.
  enum Finish: Sendable {
    case nothing
    /// Permissions and inode flags back to what they were before the restore needed to get in.
    case original(FileStatus, flags: UInt32)
    /// The metadata of the snapshot; `existing` is what was there before, nil for a directory made by this run.
    case snapshot(Node, existing: FileStatus?)
  }

  private(set) var parent: RestoredDirectory?
  let name: [UInt8]
  let device: UInt64
  let inode: UInt64
  /// What entries get that are made in it.
  let inheritance: Inheritance
  var finish = Finish.nothing
  private let pending = Atomic<Int>(1)

  /// Set for the target itself only, before anybody else sees it.
  private(set) var root: OpenFile?
  var file: OpenFile?
  var slot = -1
  var wasUsed = false

  /// - Parameters:
  ///   - name: for the target itself, the path of the restored place in the snapshot, with a slash in front of each component.
  ///   - status: nil for a directory that a dry run would make.
  init(name: [UInt8], parent: RestoredDirectory?, status: FileStatus?, inheritance: Inheritance) {
    self.name = name
    self.parent = parent
    self.inheritance = inheritance
    device = status?.device ?? 0
    inode = status?.inode ?? 0
  }

  /// False only for a directory that a dry run would make.
  var exists: Bool { inode != 0 || root != nil }

  /// Holds the descriptor for good: there is no parent to open the target itself from.
  func keepOpen(_ file: OpenFile) { root = file }

  deinit {
    // A chain of a few thousand parents would otherwise be released by recursion.
    var next = parent.take()
    while let directory = next, isKnownUniquelyReferenced(&next) {
      next = directory.parent
      directory.parent = nil
    }
  }

  /// Counts one more thing that must be done before the directory is finished.
  func retainPending() { pending.add(1, ordering: .relaxed) }

  /// - Returns: true when nothing is left and the caller has to finish the directory.
  func releasePending() -> Bool { pending.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }

  /// The path in the snapshot, of the directory or of an entry in it; raw bytes.
  func path(_ entry: [UInt8]? = nil) -> [UInt8] {
    var chain: [[UInt8]] = []
    var next: RestoredDirectory? = self
    while let directory = next {
      chain.append(directory.name)
      next = directory.parent
    }
    var path = chain.removeLast()
    for component in chain.reversed() { path += [0x2f] + component }
    if let entry { path += [0x2f] + entry }
    return path.isEmpty ? [0x2f] : path
  }
}

/// What an entry made in a directory gets from it, besides what the caller asked for.
struct Inheritance: Sendable {
  static let unknown = Inheritance(ownerIsCaller: false, hasDefaultACL: false)

  /// New entries belong to the caller's user and group, so that setting these can be left out.
  var ownerIsCaller: Bool
  /// New entries get an ACL that the snapshot knows nothing of.
  var hasDefaultACL: Bool
}
