import CairnFormat
import CairnSystem
import Synchronization

/// A file whose content is under way.
///
/// Its pieces are fetched in whatever order the packs have them, by any thread; the one that handles the last piece finishes it.
final class PendingFile: @unchecked Sendable {
  // Unchecked: `size` and `endsInHole` are written by the walk before it gives up its count, and read by whoever finishes
  // the file, after the count has come to zero.

  struct State {
    var temporary: TemporaryFile?
    /// Ranges that the existing file has right, in the order in which they were compared.
    var equal: [Range<UInt64>] = []
    /// Something must be written: a piece or a hole of the snapshot is not what the existing file has.
    var differs = false
  }

  /// The file or device that the pieces go into at once, in place of what is there; nil for a file that is made anew.
  let destination: OpenFile?

  let directory: RestoredDirectory
  /// Without content: that was taken apart into pieces.
  let node: Node
  /// What lies under the file's name.
  let existing: FileStatus?
  /// How the existing file is to be treated.
  let comparison: Comparison
  let link: LinkSource?
  private let remaining = Atomic<Int>(1)
  private let hasFailed = Atomic<Bool>(false)
  let state = Mutex(State())

  var size: UInt64 = 0
  /// The length does not come from the data alone.
  var endsInHole = false

  enum Comparison: Sendable {
    /// Nothing usable is there.
    case none
    /// Compare content; equal ranges need not be fetched.
    case content
    /// Size and time say that it is equal, and that is enough.
    case trusted
  }

  init(
    directory: RestoredDirectory, node: Node, existing: FileStatus?, comparison: Comparison, link: LinkSource?, destination: OpenFile? = nil
  ) {
    self.directory = directory
    self.destination = destination
    self.existing = existing
    self.comparison = comparison
    self.link = link
    var bare = node
    bare.content = .none
    self.node = bare
  }

  var isFailed: Bool { hasFailed.load(ordering: .acquiring) }

  /// - Returns: true for the first failure, which is the one to report.
  func fail() -> Bool { !hasFailed.exchange(true, ordering: .acquiringAndReleasing) }

  func addPieces(_ count: Int) { remaining.add(count, ordering: .relaxed) }

  /// Counts pieces (or the walk's own count) as done.
  ///
  /// - Returns: true when the caller has to finish the file.
  func complete(_ count: Int = 1) -> Bool { remaining.subtract(count, ordering: .acquiringAndReleasing).newValue == 0 }

  var path: [UInt8] { directory.path(node.name) }
}
