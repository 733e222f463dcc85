import CairnSystem
import Synchronization

/// A limited number of open directory descriptors; those that were closed are opened again when needed.
///
/// Opening again walks from the nearest open parent, one component at a time, following no link, and compares device and inode: a
/// directory that was moved or swapped meanwhile is an error, never a way out of the target. Any thread.
final class DirectoryTable: Sendable {
  private struct State {
    var ring: [RestoredDirectory?]
    var hand = 0
  }
  private let state: Mutex<State>

  /// - Parameter capacity: descriptors kept open; more may be open while they are in use.
  init(capacity: Int) {
    state = Mutex(State(ring: Array(repeating: nil, count: capacity)))
  }

  /// Keeps a descriptor that was just opened.
  func adopt(_ directory: RestoredDirectory, _ file: OpenFile) {
    state.withLock { state in
      guard directory.file == nil else { return }
      // Second chance: an entry used since the hand last came by is passed over once.
      while let old = state.ring[state.hand], old.wasUsed {
        old.wasUsed = false
        state.hand = (state.hand + 1) % state.ring.count
      }
      if let old = state.ring[state.hand] {
        old.file = nil
        old.slot = -1
      }
      state.ring[state.hand] = directory
      directory.file = file
      directory.slot = state.hand
      directory.wasUsed = true
      state.hand = (state.hand + 1) % state.ring.count
    }
  }

  /// The directory's descriptor, opened again when it was closed.
  ///
  /// - Throws: `FileError`; `CairnError` when another directory stands in its place.
  func open(_ directory: RestoredDirectory) throws -> OpenFile {
    if let file = cached(directory) { return file }
    var missing = [directory]
    var next = directory.parent
    var current: OpenFile?
    while let parent = next {
      if let file = cached(parent) {
        current = file
        break
      }
      missing.append(parent)
      next = parent.parent
    }
    guard var file = current else { throw CairnError(.failed, "The target directory is not open any more.") }
    for directory in missing.reversed() {
      file = try OpenFile.open(directory.name, at: file, [.read, .directory, .noFollow])
      let status = try file.status()
      guard status.device == directory.device, status.inode == directory.inode else {
        throw CairnError(.failed, "Another directory was put in its place while it was being restored.")
      }
      adopt(directory, file)
    }
    return file
  }

  /// Closes the descriptor of a directory that is finished; the root of a target stays.
  func close(_ directory: RestoredDirectory) {
    let dropped = state.withLock { state -> OpenFile? in
      if directory.slot >= 0 { state.ring[directory.slot] = nil }
      directory.slot = -1
      return directory.file.take()
    }
    withExtendedLifetime(dropped) {}
  }

  private func cached(_ directory: RestoredDirectory) -> OpenFile? {
    if let root = directory.root { return root }
    return state.withLock { _ in
      directory.wasUsed = true
      return directory.file
    }
  }
}
