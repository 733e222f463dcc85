import CairnFormat
import CairnStorage
import CairnSystem
import Glibc
import Synchronization
import SystemPackage

/// What all threads of one restore share.
final class RestoreRun: Sendable {
  let repository: Repository
  let options: RestoreOptions
  let context: RunContext
  let filter: RestoreFilter
  let view: RepositoryView
  let losses: RestoreLosses
  let metadata: MetadataWriter
  let tally = RestoreTally()
  let directories: DirectoryTable
  let protected: ProtectedPlaces
  /// The path of the restored place inside the snapshot: a slash before each component.
  let prefix: [UInt8]
  /// False once the file system has turned out not to have files without a name.
  let unnamedWorks = Atomic<Bool>(true)
  /// Flags that wait until all hard links are made.
  let lateFlags = Mutex<[LateFlags]>([])
  /// Existing files of several names that were right and stay.
  let keptLinks = Mutex<Set<LinkKey>>([])
  /// The largest number of files that may hold descriptors while their content comes in pieces.
  let openFileBudget: Int

  /// - Parameters:
  ///   - filter: what is taken instead of what the patterns of the options say.
  ///   - namesEveryLoss: whatever is lost of metadata is reported by name, and not only up to a number.
  init(
    _ repository: Repository, _ view: RepositoryView, _ options: RestoreOptions, _ context: RunContext, filter chosen: RestoreFilter? = nil,
    namesEveryLoss: Bool = false
  ) throws {
    self.repository = repository
    self.options = options
    self.context = context
    filter = try chosen ?? RestoreFilter(options)
    self.view = view
    losses = RestoreLosses(context, named: namesEveryLoss ? .max : RestoreLosses.standardNamed)
    metadata = MetadataWriter(options, losses)
    // Two windows may be under way, each file with what it replaces beside it; the rest is for directories, storage and the program.
    let limit = Host.raiseOpenFileLimit()
    openFileBudget = min(max((limit - 320) / 6, 16), 2048)
    directories = DirectoryTable(capacity: min(max(limit / 8, 16), 256))
    protected = ProtectedPlaces(repository.storage)
    prefix = options.path.flatMap { [0x2f] + $0 }
  }

  /// What the target directory stands for in the snapshot: the restored directory, or the one that holds the restored entry.
  func prefixOfTarget(_ start: Node) -> [UInt8] {
    start.type == .directory ? prefix : options.path.dropLast().flatMap { [0x2f] + $0 }
  }

  /// Reports what went wrong with one entry, unless it is something that ends the restore.
  ///
  /// - Throws: `CancellationError`; `CairnError` when the target has no space left or descriptors run out.
  func note(_ error: any Error, _ path: @autoclosure () -> [UInt8], during: String) throws {
    switch error {
    case is CancellationError: throw error
    case let error as FileError:
      try stopIfHopeless(error)
      losses.problem(path(), during: during, error.reason)
    case let error as CairnError:
      if error.code == .noSpace { throw error }
      losses.problem(path(), during: during, error.message)
    default: losses.problem(path(), during: during, "\(error)")
    }
  }

  /// - Throws: `CairnError` for errors of the target that would meet every other file too.
  func stopIfHopeless(_ error: FileError) throws {
    let target = Escaping.terminal(options.target)
    switch error.errno.rawValue {
    case ENOSPC, EDQUOT:
      throw CairnError(
        .noSpace, "There is no space left on the target '\(target)': \(error.reason).",
        guidance: "Free some space and run the same command again; files that are complete already are kept.")
    case EMFILE, ENFILE:
      throw CairnError(
        .failed, "Too many files are open: \(error.reason).", guidance: "Raise the limit with 'ulimit -n' and run the same command again.")
    default: break
    }
  }

  /// Says what happened to an entry.
  func item(_ directory: RestoredDirectory?, _ name: [UInt8], _ action: ItemAction, bytes: UInt64, isDirectory: Bool = false) {
    context.counters.filesDone.add()
    guard options.reportsItems else { return }
    let path = directory?.path(name) ?? prefix + [0x2f] + name
    context.sink.report(.item(path: path, action: action, bytes: bytes, isDirectory: isDirectory))
  }

  /// Gives up one count of a directory and finishes it, and its parents, when that was the last.
  func release(_ directory: RestoredDirectory) {
    var next: RestoredDirectory? = directory
    while let directory = next, directory.releasePending() {
      finish(directory)
      directories.close(directory)
      next = directory.parent
    }
  }

  private func finish(_ directory: RestoredDirectory) {
    guard !options.dryRun else { return }
    do {
      switch directory.finish {
      case .nothing: break
      case .original(let status, let flags):
        let file = try directories.open(directory)
        if status.mode & 0o700 != 0o700, status.uid == metadata.userID { try file.setMode(status.mode) }
        if flags & MetadataWriter.flagMask != 0 { try file.setInodeFlags(flags) }
      case .snapshot(let node, let existing):
        let file = try directories.open(directory)
        // The restore may have changed mode, flags and time since `existing` was read: only the owner is still certain.
        var known = existing
        known?.mode = .max
        known?.mtime = FileTime(seconds: .min, nanoseconds: 0)
        metadata.apply(node, to: .file(file), existing: known, inheritance: directory.parent?.inheritance ?? directory.inheritance) {
          directory.path()
        }
        metadata.applyFlags(node, to: file, isNew: existing == nil) { directory.path() }
      }
    } catch {
      let reason = (error as? FileError)?.reason ?? (error as? CairnError)?.message ?? "\(error)"
      losses.problem(directory.path(), during: "setting the metadata of the directory", reason)
    }
  }
}

/// Directories that a restore must not remove, whatever the snapshot says: the repository that it reads from and all above it.
struct ProtectedPlaces: Sendable {
  private struct Place: Hashable {
    var device, inode: UInt64
  }
  private var places: Set<Place> = []

  init(_ storage: any Storage) {
    guard var directory = storage.localDirectory else { return }
    // `try?`: what cannot be looked at cannot be removed from below either.
    while let status = try? directory.status(), places.insert(Place(device: status.device, inode: status.inode)).inserted {
      guard let above = try? OpenFile.open(Array("..".utf8), at: directory, [.path, .directory]) else { return }
      directory = above
    }
  }

  func contains(_ status: FileStatus) -> Bool { places.contains(Place(device: status.device, inode: status.inode)) }
}
