import CairnSystem
import SystemPackage

/// A private folder for a proof. It is locked while it is used, so that one that was left behind by a crash can be told from it.
struct ScratchFolder {
  private static let prefix = Array("cairn-proof-".utf8)
  /// One younger than this may have been made a moment ago and not be locked yet. Seconds.
  private static let leftBehindAfter: Int64 = 3600
  /// The name of what is restored into the folder: that gets the mode of the snapshot's root, and the folder keeps its own.
  private static let content = Array("files".utf8)

  /// Of the folder.
  let path: [UInt8]
  private let parent: OpenFile
  private let name: [UInt8]
  private let folder: OpenFile

  /// Makes the folder, and removes those that nobody uses any more.
  ///
  /// - Throws: `CairnError` when there can be none.
  init(in place: [UInt8]) throws {
    let place = place.isEmpty ? Array(".".utf8) : place
    do {
      parent = try OpenFile.open(place, [.read, .directory])
      Self.removeLeftBehind(in: parent)
      name = Self.prefix + SystemRandom.bytes(8).flatMap { byte in String(byte, radix: 16).utf8 }
      try FileSystem.makeDirectory(at: parent, name: name, mode: 0o700)
      folder = try OpenFile.open(name, at: parent, [.read, .directory, .noFollow])
      _ = folder.tryLockExclusive()
      path = place + [0x2f] + name
    } catch {
      throw CairnError(
        error.errno == .noSpace ? .noSpace : .failed, "No scratch folder can be made in '\(Escaping.terminal(place))': \(error.reason).",
        guidance: "Name another place with --scratch DIRECTORY.")
    }
  }

  /// Where to restore to.
  var target: [UInt8] { path + [0x2f] + Self.content }

  /// What was restored.
  func open() throws(FileError) -> OpenFile { try OpenFile.open(Self.content, at: folder, [.read, .directory, .noFollow]) }

  func freeBytes() throws(FileError) -> UInt64 { try FileSystem.freeBytes(at: folder) }

  /// Removes what was restored.
  func clear() throws(FileError) { try Self.remove(Self.content, in: folder) }

  /// Removes the folder with everything in it.
  func remove() throws(FileError) { try Self.remove(name, in: parent) }

  /// Removes a tree, also one with directories that their owner may not write to, and with files that are immutable.
  private static func remove(_ name: [UInt8], in directory: OpenFile) throws(FileError) {
    do throws(FileError) { try FileSystem.removeTree(at: directory, name: name) } catch {
      if error.errno == .noSuchFileOrDirectory { return }
      guard [.permissionDenied, .notPermitted].contains(error.errno) else { throw error }
      try unlock(name, in: directory)
      try FileSystem.removeTree(at: directory, name: name)
    }
  }

  /// Takes away what forbids to remove anything in a tree.
  private static func unlock(_ name: [UInt8], in directory: OpenFile) throws(FileError) {
    var open = [try unlocked(name, in: directory)]
    while let (directory, listing, next) = open.popLast() {
      guard next < listing.count else { continue }
      open.append((directory, listing, next + 1))
      let name = listing.name(next)
      switch try FileSystem.status(at: directory, name: name).type {
      case .directory: open.append(try unlocked(name, in: directory))
      case .regular:
        // `try?`: one that cannot be opened is in nobody's way.
        if let file = try? OpenFile.open(name, at: directory, .source) { try clearFlags(file) }
      default: break
      }
    }
  }

  private static func unlocked(_ name: [UInt8], in directory: OpenFile) throws(FileError) -> (OpenFile, DirectoryListing, Int) {
    let status = try FileSystem.status(at: directory, name: name)
    if status.mode & 0o700 != 0o700, status.uid == Host.userID {
      // `try?`: an immutable directory keeps its mode until its flags are taken off; root needs no mode.
      try? FileSystem.setMode(at: directory, name: name, status.mode | 0o700)
    }
    let file = try OpenFile.open(name, at: directory, [.read, .directory, .noFollow])
    try clearFlags(file)
    return (file, try file.list(), 0)
  }

  private static func clearFlags(_ file: OpenFile) throws(FileError) {
    let flags = try file.inodeFlags()
    if flags & MetadataWriter.protectionMask != 0 { try file.setInodeFlags(flags & ~MetadataWriter.protectionMask) }
  }

  /// Best effort: what belongs to others, is in use, or does not go stays.
  private static func removeLeftBehind(in parent: OpenFile) {
    guard let listing = try? parent.list() else { return }
    let now = SystemClock.now().seconds
    for index in 0..<listing.count where listing.withName(index, { $0.starts(with: prefix) }) {
      let name = listing.name(index)
      guard let status = try? FileSystem.status(at: parent, name: name), status.type == .directory, status.uid == Host.userID,
        now - status.mtime.seconds > leftBehindAfter, let folder = try? OpenFile.open(name, at: parent, [.read, .directory, .noFollow]),
        folder.tryLockExclusive()
      else { continue }
      try? remove(name, in: parent)
    }
  }
}
