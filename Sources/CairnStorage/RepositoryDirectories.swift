import CairnSystem
import Synchronization

import struct SystemPackage.Errno

/// The open directories of a local repository, and which of them have entries that are not yet durable.
///
/// Directories are named by their path below the root: "" (the root itself), "keys", "packs", "packs/ab".
final class RepositoryDirectories: Sendable {
  static let temporary = "tmp"

  let root: OpenFile
  private let location: String

  private struct State {
    var open: [String: OpenFile]
    var dirty: Set<String> = []
    /// Set by the first directory that could not be synchronized; from then on no barrier succeeds.
    var failure: StorageError?
  }
  private let state: Mutex<State>
  /// Held through a whole flush: a second one must not return while the first is still waiting for the disk.
  private let flushing = Mutex(())

  init(root: OpenFile, location: String) {
    self.root = root
    self.location = location
    state = Mutex(State(open: ["": root]))
  }

  /// Opens a directory of the repository, creating it when it is missing. The first time, its parent is then dirty: whoever made it
  /// may not have made the entry durable.
  func forWriting(_ name: String) throws(FileError) -> OpenFile {
    if let known = state.withLock({ $0.open[name] }) { return known }
    let slash = name.lastIndex(of: "/")
    let parentName = slash.map { String(name[..<$0]) } ?? ""
    let component = Array((slash.map { name[name.index(after: $0)...] } ?? name[...]).utf8)
    let parent = try forWriting(parentName)
    let (directory, _) = try Self.open(component, in: parent)
    return state.withLock { state in
      state.dirty.insert(parentName)
      // Two threads may have opened it at once: the first one's is kept.
      if let known = state.open[name] { return known }
      state.open[name] = directory
      return directory
    }
  }

  /// Notes that entries of a directory have changed and wait for the next flush.
  func markDirty(_ name: String) {
    state.withLock { _ = $0.dirty.insert(name) }
  }

  /// Makes the entries of one directory durable now, and those of new directories on the way to it.
  func synchronize(_ name: String) throws(StorageError) {
    if let failure = state.withLock({ $0.failure }) { throw failure }
    var names = [name]
    while let slash = names.last?.lastIndex(of: "/"), let last = names.last { names.append(String(last[..<slash])) }
    if name != "" { names.append("") }
    // The marks of directories above stay: a flush that runs now may have taken them before their entries were made.
    let dirty = state.withLock { state in names.filter { $0 == name || state.dirty.contains($0) } }
    for name in dirty { try synchronizeNow(name) }
  }

  /// Makes all marked directories durable.
  func flush() throws(StorageError) {
    try flushing.withLock { _ throws(StorageError) in
      let (names, failure) = state.withLock { state in
        defer { state.dirty = [] }
        return (state.dirty, state.failure)
      }
      if let failure { throw failure }
      for name in names.sorted() { try synchronizeNow(name) }
    }
  }

  private func synchronizeNow(_ name: String) throws(StorageError) {
    guard let directory = state.withLock({ $0.open[name] }) else { return }
    do throws(FileError) { try directory.synchronize() } catch {
      // File systems that cannot synchronize directories (some of FUSE and SMB) make entries durable on their own terms.
      if error.errno == .invalidArgument || error.errno == .notSupported || error.errno == .noFunction { return }
      let failure = StorageError(error, "make '\(name.isEmpty ? "." : name)' durable", at: location)
      state.withLock { $0.failure = $0.failure ?? failure }
      throw failure
    }
  }

  /// Creates the folder of every kind and makes them durable.
  func createAll() throws(FileError) {
    for kind in ObjectKey.Kind.allCases where kind != .config { _ = try forWriting(kind.rawValue) }
    try root.synchronize()
  }

  /// Opens or creates one directory; 0700 whatever the umask. A link in its place is refused (ENOTDIR).
  private static func open(_ name: [UInt8], in parent: OpenFile) throws(FileError) -> (OpenFile, isNew: Bool) {
    let flags: OpenFlags = [.read, .directory, .noFollow]
    do throws(FileError) { return (try OpenFile.open(name, at: parent, flags), false) } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
    }
    do throws(FileError) {
      try FileSystem.makeDirectory(at: parent, name: name, mode: 0o700)
    } catch {
      guard error.errno == .fileExists else { throw error }
      return (try OpenFile.open(name, at: parent, flags), true)
    }
    // `try?`: mkdir has set the bits already unless the umask takes the owner's own, and some file systems refuse chmod.
    try? FileSystem.setMode(at: parent, name: name, 0o700)
    return (try OpenFile.open(name, at: parent, flags), true)
  }

  /// Opens a directory by path, creating it and the missing ones above it; each new entry is durable on return.
  static func openOrCreate(_ path: [UInt8]) throws(FileError) -> OpenFile {
    var existing = path
    var missing: [[UInt8]] = []
    while true {
      do throws(FileError) {
        var directory = try OpenFile.open(existing, [.read, .directory])
        for name in missing.reversed() {
          let (child, isNew) = try open(name, in: directory)
          if isNew { try directory.synchronize() }
          directory = child
        }
        return directory
      } catch {
        guard missing.isEmpty || error.operation == "open", error.errno == .noSuchFileOrDirectory else { throw error }
        guard let (parent, name) = split(existing) else { throw error }
        missing.append(name)
        existing = parent
      }
    }
  }

  /// The path without its last component; nil for the root, the working directory and an empty path.
  private static func split(_ path: [UInt8]) -> (parent: [UInt8], name: [UInt8])? {
    var path = path[...]
    while path.last == 0x2f { path.removeLast() }
    let name = path.suffix(while: { $0 != 0x2f })
    guard !name.isEmpty, Array(name) != [0x2e] else { return nil }
    let parent = path.dropLast(name.count)
    return (parent.isEmpty ? [0x2e] : Array(parent), Array(name))
  }
}

extension ArraySlice<UInt8> {
  fileprivate func suffix(while matches: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    var start = endIndex
    while start > startIndex, matches(self[start - 1]) { start -= 1 }
    return self[start...]
  }
}
