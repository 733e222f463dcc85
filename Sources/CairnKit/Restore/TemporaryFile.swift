import CairnSystem
import Synchronization
import SystemPackage

/// A file of the target that does not have its name yet: without any name where the file system can do that, else under a temporary
/// one, which goes with the last reference unless the file was placed.
final class TemporaryFile: Sendable {
  let file: OpenFile
  private let directory: OpenFile
  /// The temporary name, while there is one.
  private let name: Mutex<[UInt8]?>

  private init(_ file: OpenFile, in directory: OpenFile, name: [UInt8]?) {
    self.file = file
    self.directory = directory
    self.name = Mutex(name)
  }

  deinit {
    // `try?`: the next restore into this directory removes what is left.
    if let name = name.withLock({ $0 }) { try? FileSystem.unlink(at: directory, name: name) }
  }

  /// - Parameter unnamedWorks: cleared when the file system turns out to have no files without a name.
  static func make(in directory: OpenFile, unnamedWorks: borrowing Atomic<Bool>) throws(FileError) -> TemporaryFile {
    if unnamedWorks.load(ordering: .relaxed) {
      if let file = try OpenFile.unnamed(in: directory) { return TemporaryFile(file, in: directory, name: nil) }
      unnamedWorks.store(false, ordering: .relaxed)
    }
    return try makeNamed(in: directory)
  }

  static func makeNamed(in directory: OpenFile) throws(FileError) -> TemporaryFile {
    let name = TemporaryName.random()
    let file = try OpenFile.open(name, at: directory, [.read, .write, .create, .exclusive, .noFollow])
    // Says to other restores into this directory that the name is in use.
    _ = file.tryLockExclusive()
    return TemporaryFile(file, in: directory, name: name)
  }

  /// Gives the file a name that must be free.
  ///
  /// - Throws: EEXIST when it is not.
  func place(as target: [UInt8]) throws(FileError) {
    guard let temporary = name.withLock({ $0 }) else { return try file.linkInto(directory, name: target) }
    do throws(FileError) {
      try FileSystem.rename(from: directory, fromName: temporary, to: directory, toName: target, replace: false)
    } catch {
      // EINVAL: a file system that cannot tell; the listing said that the name is free.
      guard error.errno == .invalidArgument else { throw error }
      try FileSystem.rename(from: directory, fromName: temporary, to: directory, toName: target, replace: true)
    }
    name.withLock { $0 = nil }
  }

  /// Puts the file in the place of whatever has the name, atomically.
  func replace(_ target: [UInt8]) throws(FileError) {
    let temporary: [UInt8]
    if let present = name.withLock({ $0 }) {
      temporary = present
    } else {
      _ = file.tryLockExclusive()
      temporary = TemporaryName.random()
      try file.linkInto(directory, name: temporary)
      name.withLock { $0 = temporary }
    }
    try FileSystem.rename(from: directory, fromName: temporary, to: directory, toName: target, replace: true)
    name.withLock { $0 = nil }
  }
}

/// The names of temporary entries: `.cairn-<16 hexadecimal digits>.tmp`.
enum TemporaryName {
  private static let prefix = Array(".cairn-".utf8)
  private static let suffix = Array(".tmp".utf8)

  static func random() -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return prefix + SystemRandom.bytes(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } + suffix
  }

  static func matches(_ name: UnsafeRawBufferPointer) -> Bool {
    guard name.count == 27, name.starts(with: prefix), name[23...].elementsEqual(suffix) else { return false }
    return name[7..<23].allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
  }

  /// Removes what an interrupted restore has left under a temporary name; nothing that a running one holds.
  static func removeStale(_ name: [UInt8], in directory: OpenFile) {
    // `try?`: it is only litter; what cannot be removed stays.
    guard let status = try? FileSystem.status(at: directory, name: name), status.type != .directory else { return }
    if status.type == .regular {
      guard let file = try? OpenFile.open(name, at: directory, [.read, .noFollow, .nonBlock]), file.tryLockExclusive() else { return }
    }
    try? FileSystem.unlink(at: directory, name: name)
  }
}
