import CairnSystem
import Synchronization

/// Collects what went wrong with single entries: everything that touches content by name, and what the target refuses (owners as an
/// ordinary user, attributes that its file system does not have) by name up to a number and then by count.
final class RestoreLosses: Sendable {
  /// What of an entry's metadata could not be restored.
  enum Kind: Int, CaseIterable, Sendable {
    case owner, attributes, permissions, time, flags, links

    var during: String {
      switch self {
      case .owner: "setting the owner"
      case .attributes: "setting extended attributes"
      case .permissions: "setting the permissions"
      case .time: "setting the modification time"
      case .flags: "setting the inode flags"
      case .links: "making the hard link"
      }
    }
  }

  static let standardNamed: UInt64 = 100

  /// Of each kind so many are named.
  private let named: UInt64
  private let counts = Mutex([UInt64](repeating: 0, count: Kind.allCases.count))
  private let context: RunContext
  private let reported = Counter()

  init(_ context: RunContext, named: UInt64) {
    self.context = context
    self.named = named
  }

  /// Problems reported so far.
  var problems: UInt64 { reported.value }

  func problem(_ path: [UInt8], during: String, _ message: String) {
    reported.add()
    context.problem(path, during: during, message)
  }

  func lost(_ kind: Kind, _ path: () -> [UInt8], _ message: @autoclosure () -> String) {
    let number = counts.withLock { counts in
      counts[kind.rawValue] += 1
      return counts[kind.rawValue]
    }
    if number <= named { problem(path(), during: kind.during, message()) }
  }

  /// Reports the counts of what was not named.
  ///
  /// - Parameter target: the path that stands for all of them.
  func finish(target: [UInt8]) {
    let counts = counts.withLock { $0 }
    for kind in Kind.allCases where counts[kind.rawValue] > named {
      let more = counts[kind.rawValue] - named
      problem(target, during: kind.during, "the same failed for \(more) more entries, which are not named")
    }
  }
}
