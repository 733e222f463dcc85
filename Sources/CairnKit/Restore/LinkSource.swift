import CairnFormat
import Synchronization

/// A name in the target that a hard link is to be made at.
struct LinkName: Sendable {
  let directory: RestoredDirectory
  let name: [UInt8]
}

/// The first restored name of a file that has several: the others become links to it, at once or as soon as it is there.
final class LinkSource: Sendable {
  enum State: Sendable {
    case pending([LinkName])
    case done
    case failed
  }
  let first: LinkName
  let node: Node
  private let state = Mutex(State.pending([]))

  init(_ node: Node, in directory: RestoredDirectory) {
    first = LinkName(directory: directory, name: node.name)
    self.node = node
  }

  /// Leaves a link to be made when the first name is there.
  ///
  /// - Returns: the state otherwise: nil when the link was left, else `done` or `failed`.
  func wait(_ link: LinkName) -> State? {
    state.withLock { state in
      guard case .pending(var waiting) = state else { return state }
      waiting.append(link)
      state = .pending(waiting)
      return nil
    }
  }

  /// Ends waiting.
  ///
  /// - Returns: the links that were left meanwhile, for the caller to make or to report.
  func settle(_ result: State) -> [LinkName] {
    state.withLock { state in
      guard case .pending(let waiting) = state else { return [] }
      state = result
      return waiting
    }
  }
}

/// Which names of the snapshot are one file. Belongs to the walk.
struct LinkTable {
  private struct Key: Hashable {
    var device, inode: UInt64
  }
  private var sources: [Key: (source: LinkSource, left: UInt32)] = [:]

  /// The first restored name of the file that `node` is a name of; nil when there is none so far.
  ///
  /// Nodes that claim one inode but differ in content are not taken for one file: the inode was given out again during the backup.
  mutating func source(of node: Node) -> LinkSource? {
    guard Self.isShared(node) else { return nil }
    let key = Key(device: node.device, inode: node.inode)
    guard let known = sources[key], Self.isSameFile(known.source.node, node) else { return nil }
    // Nobody will ask again after the last name; entries whose other names lie outside of the snapshot stay.
    if known.left <= 1 { sources[key] = nil } else { sources[key] = (known.source, known.left - 1) }
    return known.source
  }

  mutating func add(_ source: LinkSource, for node: Node) {
    sources[Key(device: node.device, inode: node.inode)] = (source, node.links - 1)
  }

  private static func isSameFile(_ a: Node, _ b: Node) -> Bool {
    a.type == b.type && a.content == b.content && a.linkTarget == b.linkTarget && a.rdevMajor == b.rdevMajor && a.rdevMinor == b.rdevMinor
  }

  static func isShared(_ node: Node) -> Bool { node.links > 1 && node.inode != 0 && node.type != .directory }
}
