import Glibc
import SystemPackage

extension FileSystem {
  /// Removes an entry with everything below it, by descriptor: links are removed, never followed, and depth is no limit.
  ///
  /// One descriptor is open at a time. Going up again is by "..", checked against the directory that was left, so that a directory
  /// moved meanwhile leads nowhere. Entries that vanish meanwhile are as good as removed.
  /// - Throws: EBUSY at the root of another mount, EXDEV at another file system; what lies before it in name order is gone by then.
  package static func removeTree(at directory: OpenFile, name: [UInt8]) throws(FileError) {
    guard try enterOrRemove(name, in: directory, device: nil) != nil else { return }
    var walk = try TreeRemoval(root: directory, name: name)
    while try walk.step() {}
  }

  /// Removes the entry if it is no directory; hands out its status if it is one that may be entered.
  fileprivate static func enterOrRemove(_ name: [UInt8], in directory: OpenFile, device: UInt64?) throws(FileError) -> FileStatus? {
    do throws(FileError) {
      let status = try status(at: directory, name: name)
      guard status.type == .directory else {
        try unlink(at: directory, name: name)
        return nil
      }
      if let device {
        if status.isMountRoot { throw failure(-Int(EBUSY), "remove the directory", name) }
        if status.device != device { throw failure(-Int(EXDEV), "remove the directory", name) }
      }
      return status
    } catch {
      if device != nil, error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }
}

private struct TreeRemoval {
  private struct Level {
    var name: [UInt8]
    var device: UInt64
    var inode: UInt64
    var listing: DirectoryListing
    var next = 0
  }
  private let root: OpenFile
  private var levels: [Level] = []
  private var current: OpenFile

  init(root: OpenFile, name: [UInt8]) throws(FileError) {
    self.root = root
    current = root
    try descend(name)
    if let top = levels.first, try current.status().isMountRoot {
      throw failure(-Int(EBUSY), "remove the directory", top.name)
    }
  }

  /// Handles one entry; false when the tree is gone.
  mutating func step() throws(FileError) -> Bool {
    let last = levels.count - 1
    guard last >= 0 else { return false }
    if levels[last].next == levels[last].listing.count {
      try ascend()
      return true
    }
    let name = levels[last].listing.name(levels[last].next)
    levels[last].next += 1
    if try FileSystem.enterOrRemove(name, in: current, device: levels[last].device) != nil { try descend(name) }
    return true
  }

  private mutating func descend(_ name: [UInt8]) throws(FileError) {
    let child = try OpenFile.open(name, at: current, [.read, .directory, .noFollow])
    let status = try child.status()
    levels.append(Level(name: name, device: status.device, inode: status.inode, listing: try child.list()))
    current = child
  }

  private mutating func ascend() throws(FileError) {
    let finished = levels.removeLast()
    if let parent = levels.last {
      let above = try OpenFile.open(Array("..".utf8), at: current, [.read, .directory, .noFollow])
      let status = try above.status()
      guard status.device == parent.device, status.inode == parent.inode else {
        throw failure(-Int(EXDEV), "remove the directory", finished.name)
      }
      current = above
    } else {
      current = root
    }
    do throws(FileError) { try FileSystem.removeDirectory(at: current, name: finished.name) } catch {
      if error.errno != .noSuchFileOrDirectory { throw error }
    }
  }
}
