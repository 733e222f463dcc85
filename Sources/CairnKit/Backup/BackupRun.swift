import CairnFormat
import CairnSystem
import Synchronization

/// What all threads of one backup share. Immutable but for the objects inside, each of which locks itself.
struct BackupRun: Sendable {
  let context: RunContext
  let keys: KeySet
  let chunker: Chunker
  let queue: WorkQueue
  let backlog: Backlog
  let buffers: BufferPool
  let links: HardLinks
  let accounts: AccountNames
  let tally: TallyBox
  let root: RootBox
  let reportsItems: Bool
  let hooks: (any BackupHooks)?

  func report(_ path: @autoclosure () -> [UInt8], _ action: ItemAction, _ bytes: UInt64, isDirectory: Bool = false) {
    guard reportsItems else { return }
    context.sink.report(.item(path: path(), action: action, bytes: bytes, isDirectory: isDirectory))
  }
}

/// Counts of one thread, added up at its end.
struct Tally: Sendable {
  var filesNew: UInt64 = 0
  var filesChanged: UInt64 = 0
  var filesUnchanged: UInt64 = 0
  var directoriesNew: UInt64 = 0
  var directoriesChanged: UInt64 = 0
  var directoriesUnchanged: UInt64 = 0
  var others: UInt64 = 0
  var bytesProcessed: UInt64 = 0
  var bytesRead: UInt64 = 0

  mutating func add(_ other: Tally) {
    filesNew += other.filesNew
    filesChanged += other.filesChanged
    filesUnchanged += other.filesUnchanged
    directoriesNew += other.directoriesNew
    directoriesChanged += other.directoriesChanged
    directoriesUnchanged += other.directoriesUnchanged
    others += other.others
    bytesProcessed = bytesProcessed.addingSaturated(other.bytesProcessed)
    bytesRead = bytesRead.addingSaturated(other.bytesRead)
  }

  /// Counts an entry that is in the snapshot; returns what happened to it.
  mutating func count(_ node: Node, base: Node?) -> ItemAction {
    let action: ItemAction = base.map { $0 == node ? .unchanged : .modified } ?? .new
    switch node.type {
    case .file:
      bytesProcessed = bytesProcessed.addingSaturated(node.size)
      switch action {
      case .unchanged: filesUnchanged += 1
      case .modified: filesChanged += 1
      default: filesNew += 1
      }
    case .directory:
      switch action {
      case .unchanged: directoriesUnchanged += 1
      case .modified: directoriesChanged += 1
      default: directoriesNew += 1
      }
    default: others += 1
    }
    return action
  }
}

/// The sum over all threads.
final class TallyBox: Sendable {
  private let total = Mutex(Tally())
  func add(_ tally: Tally) { total.withLock { $0.add(tally) } }
  var value: Tally { total.withLock { $0 } }
}

/// Where the finished root arrives.
final class RootBox: Sendable {
  private let box = Mutex<DirectoryAssembly.Result?>(nil)
  func set(_ result: DirectoryAssembly.Result) { box.withLock { $0 = result } }
  var value: DirectoryAssembly.Result? { box.withLock { $0 } }
}
