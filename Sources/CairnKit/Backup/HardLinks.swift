import CairnFormat
import CairnSystem
import Synchronization

/// Sees to it that a file with several names is read once a run.
///
/// An entry costs about 600 bytes and is dropped when all names were seen. Beyond the limit files are simply read again: the result
/// is the same, because equal content has equal ids.
final class HardLinks: Sendable {
  private enum Entry {
    /// Being read; those who wait.
    case reading([EntryJob])
    case done(Node, remaining: UInt64)
  }

  /// What becomes of a job.
  enum Claim {
    /// Read it, and call `finished` afterwards.
    case read
    /// Read it; nobody waits for it.
    case readUnshared
    /// Another job reads it and will resolve this one.
    case waits
    case known(Node)
  }

  private let table = Mutex<[LinkKey: Entry]>([:])
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Called by the walker for each regular file with more than one link.
  func claim(_ key: LinkKey, _ job: EntryJob) -> Claim {
    table.withLock { table in
      switch table[key] {
      case nil:
        guard table.count < limit else { return .readUnshared }
        table[key] = .reading([])
        return .read
      case .reading(var waiting):
        table[key] = nil  // or the array would be copied
        waiting.append(job)
        table[key] = .reading(waiting)
        return .waits
      case .done(let node, let remaining):
        table[key] = remaining > 1 ? .done(node, remaining: remaining - 1) : nil
        return Self.fits(node, job.status) ? .known(node) : .readUnshared
      }
    }
  }

  /// Called when a claimed file was read (`node`) or not (nil). Returns those who waited.
  func finished(_ key: LinkKey, _ node: Node?, links: UInt64) -> [EntryJob] {
    table.withLock { table in
      guard case .reading(let waiting) = table[key] else { return [] }
      let remaining = links > UInt64(waiting.count) + 1 ? links - UInt64(waiting.count) - 1 : 0
      table[key] = node.flatMap { remaining > 0 && !$0.flags.contains(.changedWhileRead) ? .done($0, remaining: remaining) : nil }
      return waiting
    }
  }

  /// Whether a node read under another name also describes this status.
  static func fits(_ node: Node, _ status: FileStatus) -> Bool {
    node.size == status.size && node.mtime == Timestamp(status.mtime) && node.ctime == Timestamp(status.ctime)
      && node.inode == status.inode && node.links == NodeReader.links(status)
  }
}
