import CairnFormat
import CairnSystem

/// Where entries lie: what they inherit from the directories above them.
struct WalkSite {
  let path: PathNode
  /// The file system that `--one-file-system` keeps to.
  let device: UInt64
  let ignores: IgnoreChain?
}

/// One directory on the walker's stack.
final class WalkFrame {
  /// What the directory holds.
  enum Entries {
    case listing(DirectoryListing)
    /// A directory above the sources: only what leads to them.
    case places([SourcePlan.Place])

    var count: Int {
      switch self {
      case .listing(let listing): listing.count
      case .places(let places): places.count
      }
    }
  }

  let site: WalkSite
  /// Closed while the walk is far below it; opened again on the way back.
  var file: OpenFile?
  let identity: LinkKey
  let entries: Entries
  /// The next entry to look at.
  var next = 0
  /// The directory's own metadata.
  let own: Node
  /// A tag file: everything but this name is left out.
  let tag: [UInt8]?

  /// What `Walker.components` was before, where the directory is not just one name below.
  var componentsBefore: [[UInt8]]?

  // MARK: The base

  /// The directory in the base.
  let base: Node?
  var cursor: DirectoryCursor?

  // MARK: What comes of it

  /// nil while everything seen is as in the base: then nothing is kept but a count.
  var assembly: DirectoryAssembly?
  /// Entries so far, all of them the base's first ones, in order.
  var sameCount = 0
  var group: SlotGroup?
  var groups = 0
  var slots = 0

  init(
    site: WalkSite, file: OpenFile?, identity: LinkKey, entries: Entries, own: Node, tag: [UInt8]? = nil, base: Node?,
    cursor: DirectoryCursor?
  ) {
    self.site = site
    self.file = file
    self.identity = identity
    self.entries = entries
    self.own = own
    self.tag = tag
    self.base = base
    self.cursor = cursor
  }

  var path: PathNode { site.path }
}

extension Node {
  /// A directory's node without what lies below it.
  var withoutSubtree: Node {
    var copy = self
    copy.subtree = nil
    copy.subtreeEntries = 0
    copy.subtreeBytes = 0
    return copy
  }
}
