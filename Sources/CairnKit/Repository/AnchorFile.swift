import CairnFormat
import CairnStorage
import CairnSystem
import Glibc
import SystemPackage

/// Where the anchor of a repository at one place is kept: `<state directory>/<repository id>/anchor-<place>`.
///
/// A copy of a repository in another place may well be older, so that each place has an anchor of its own. Not being able to keep one is
/// no error: only then nothing is noticed.
struct AnchorFile {
  private let keys: KeySet
  /// Of all anchors of this repository.
  private let folder: [UInt8]
  private let name: [UInt8]

  /// Nil where none is kept.
  init?(_ repository: Repository) {
    guard let directory = repository.options.stateDirectory else { return nil }
    keys = repository.keys
    folder = directory + Array("/\(repository.idHex)".utf8)
    let place = repository.storage.localDirectory?.currentPath ?? Array(repository.location.utf8)
    name = Array("anchor-\(SHA256Digest.hash(place).hexadecimal.prefix(16))".utf8)
  }

  /// For messages.
  var path: String { Escaping.terminal(folder + [0x2f] + name) }

  /// What is kept; nil when there is nothing yet, or it is out of reach.
  ///
  /// - Throws: `FormatError` when it is damaged.
  func load() throws -> Anchor? {
    do { return try load(OpenFile.open(folder, [.read, .directory])) } catch is FileError { return nil }
  }

  private func load(_ directory: OpenFile) throws -> Anchor? {
    guard let file = try open(directory) else { return nil }
    let size = try file.status().size
    guard size <= UInt64(Anchor.maximumBytes) else { throw FormatError.limitExceeded("size of the anchor") }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = try bytes.withUnsafeMutableBytes { buffer in try file.read(into: buffer, at: 0) }
    bytes.removeLast(bytes.count - count)
    return try Anchor.decode(bytes, keys)
  }

  private func open(_ directory: OpenFile) throws(FileError) -> OpenFile? {
    do throws(FileError) { return try OpenFile.open(name, at: directory, [.read, .noFollow, .nonBlock]) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  /// Replaces what is kept by what `change` makes of it; the change gets nil where nothing good is kept.
  ///
  /// Of several processes each builds on what the one before has written. Where that cannot be had, nothing is written.
  func update(_ change: (Anchor?) -> Anchor) {
    // Best effort, see above.
    guard let directory = try? FileSystem.makeDirectories(folder), let held = lock(directory) else { return }
    withExtendedLifetime(held) {
      // As above: the old file stays.
      try? replace(directory, change)
    }
  }

  private func replace(_ directory: OpenFile, _ change: (Anchor?) -> Anchor) throws {
    let old: Anchor?
    do { old = try load(directory) } catch is FormatError { old = nil }
    let new = change(old)
    guard new != old else { return }
    let temporary = name + Array(".new".utf8)
    let file = try OpenFile.open(temporary, at: directory, [.write, .create, .truncate, .noFollow], mode: 0o600)
    try new.encode(keys).withUnsafeBytes { try file.write($0) }
    try file.synchronizeData()
    try FileSystem.rename(from: directory, fromName: temporary, to: directory, toName: name, replace: true)
  }

  /// Held until the file that is returned is closed.
  private func lock(_ directory: OpenFile) -> OpenFile? {
    // As above.
    guard let file = try? OpenFile.open(Array("lock".utf8), at: directory, [.write, .create, .noFollow], mode: 0o600) else { return nil }
    // Whoever holds it needs it for one small file.
    for _ in 0..<50 {
      if file.tryLockExclusive() { return file }
      usleep(2000)
    }
    return nil
  }
}
