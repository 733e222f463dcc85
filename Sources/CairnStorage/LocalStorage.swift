package import CairnSystem

import struct SystemPackage.Errno

/// A repository as a directory tree on a mounted file system.
///
/// Objects are written without a name (O_TMPFILE), synchronized, and only then linked under their final name; where the file system
/// cannot do that, they are written to `tmp/` and linked or renamed from there. Files are 0400 and directories 0700 whatever the
/// umask. Opening and reading change nothing at all, so they work on a full disk and on a read-only mount.
package final class LocalStorage: Storage {
  /// Where the repository was opened, escaped for display.
  package let location: String
  let directories: RepositoryDirectories
  let temporaries: TemporaryFiles

  private init(root: OpenFile, path: [UInt8], mayBeUnnamed: Bool = true) {
    temporaries = TemporaryFiles(mayBeUnnamed: mayBeUnnamed)
    location = FileError.escaped(path)
    directories = RepositoryDirectories(root: root, location: location)
  }

  /// The root directory of the repository, for comparing it with what is backed up and for its free space.
  package var rootDirectory: OpenFile { directories.root }
  package var localDirectory: OpenFile? { directories.root }

  /// Opens the directory of a repository. Nothing is created or written.
  ///
  /// - Throws: `notARepository` when there is no directory, or none with a copy of the configuration; `denied` when it may not be read.
  package static func open(path: [UInt8]) throws(StorageError) -> LocalStorage {
    let storage = try attach(path)
    for key in ObjectKey.configCopies where try storage.exists(key) { return storage }
    throw .notARepository("There is no Cairn repository at '\(storage.location)': the directory has no file 'config'.")
  }

  /// Opens the directory without asking for a configuration: for repairing a repository that has lost it.
  package static func attach(_ path: [UInt8], mayBeUnnamed: Bool = true) throws(StorageError) -> LocalStorage {
    let location = FileError.escaped(path)
    do throws(FileError) {
      return LocalStorage(root: try OpenFile.open(path, [.read, .directory]), path: path, mayBeUnnamed: mayBeUnnamed)
    } catch {
      switch error.errno {
      case .noSuchFileOrDirectory: throw .notARepository("There is no Cairn repository at '\(location)': no such directory.")
      case .notDirectory: throw .notARepository("There is no Cairn repository at '\(location)': it is not a directory.")
      default: throw StorageError(error, "open the repository", at: location)
      }
    }
  }

  /// Makes the directory, with the missing ones above it, and the folders inside; all durable on return.
  ///
  /// - Parameter mayBeUnnamed: false does without O_TMPFILE even where the file system has it; for tests.
  /// An existing directory must be empty, or hold nothing but what an interrupted creation leaves.
  /// - Throws: `alreadyExists` with the key of the configuration when there is one already; `denied` when other things lie there.
  package static func create(path: [UInt8], mayBeUnnamed: Bool = true) throws(StorageError) -> LocalStorage {
    let location = FileError.escaped(path)
    let root: OpenFile
    do throws(FileError) { root = try RepositoryDirectories.openOrCreate(path) } catch {
      if error.errno == .notDirectory || error.errno == .fileExists {
        throw .notARepository("A repository cannot be created at '\(location)': something that is not a directory is in the way.")
      }
      throw StorageError(error, "create the repository", at: location)
    }
    let storage = LocalStorage(root: root, path: path, mayBeUnnamed: mayBeUnnamed)
    for key in ObjectKey.configCopies where try storage.exists(key) { throw .alreadyExists(key) }
    if let stranger = try storage.foreign(.config).first {
      throw .denied("A repository cannot be created at '\(location)': the directory is not empty, it holds '\(stranger)'.")
    }
    do throws(FileError) { try storage.directories.createAll() } catch {
      throw StorageError(error, "create the repository", at: location)
    }
    return storage
  }

  package func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    let (file, _) = try openObject(key)
    do throws(FileError) { return try file.read(into: buffer, at: offset) } catch { throw explain(error, "read", key) }
  }

  package func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] {
    let (file, size) = try openObject(key)
    guard size <= UInt64(clamping: limit) else {
      throw .io("The object '\(key.path)' in '\(location)' has \(size) bytes, more than the \(limit) it may have.")
    }
    let count = Int(size)
    var thrown: FileError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      do throws(FileError) { done = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0) } catch { thrown = error }
    }
    if let thrown { throw explain(thrown, "read", key) }
    guard bytes.count == count else { throw .truncated(key) }
    return bytes
  }

  package func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try openObject(key).size }

  /// The flags of `chattr +i` and `+a`, on the file or its directory.
  package func retains(_ key: ObjectKey) -> Bool {
    let file = Array(key.path.utf8)
    let directory = Array(file[..<(file.lastIndex(of: 0x2f) ?? 0)])
    return Self.isProtected(file, at: directories.root, .source)
      || Self.isProtected(directory.isEmpty ? [0x2e] : directory, at: directories.root, [.read, .directory])
  }

  private static func isProtected(_ path: [UInt8], at root: OpenFile, _ flags: OpenFlags) -> Bool {
    let immutable: UInt32 = 0x10
    let appendOnly: UInt32 = 0x20
    // `try?`: what cannot be opened shows no flags.
    guard let found = try? OpenFile.open(path, at: root, flags).inodeFlags() else { return false }
    return found & (immutable | appendOnly) != 0
  }

  /// Three for configuration and keys: a bad block must not cost the repository.
  package func copies(of key: ObjectKey) -> Int { key.kind == .config || key.kind == .keys ? 3 : 1 }

  package func flush() throws(StorageError) { try directories.flush() }

  /// Opens an object for reading: never through a link, never waiting on a fifo, leaving the access time alone.
  private func openObject(_ key: ObjectKey) throws(StorageError) -> (file: OpenFile, size: UInt64) {
    let file: OpenFile
    let status: FileStatus
    do throws(FileError) {
      file = try OpenFile.open(Array(key.path.utf8), at: directories.root, .source)
      status = try file.status()
    } catch { throw explain(error, "read", key) }
    guard status.type == .regular else { throw .io("'\(location)/\(key.path)' is not a regular file.") }
    return (file, status.size)
  }

  func explain(_ error: FileError, _ operation: String, _ key: ObjectKey) -> StorageError {
    if operation != "write", error.errno == .noSuchFileOrDirectory { return .notFound(key) }
    return StorageError(error, "\(operation) '\(key.path)'", at: location)
  }
}

extension StorageError {
  /// A sentence for a failed system call on the repository at `location`; `action` is what was being done ("write 'keys/ab'").
  init(_ error: FileError, _ action: String, at location: String) {
    let attempt = "Cairn could not \(action) in '\(location)'"
    switch error.errno {
    case .noSpace: self = .noSpace("No space left on the file system of the repository: \(attempt).")
    case .diskQuotaExceeded: self = .noSpace("No space left within the disk quota of the repository: \(attempt).")
    case .readOnlyFileSystem: self = .readOnly("The file system of the repository is read-only: \(attempt).")
    case .permissionDenied, .notPermitted: self = .denied("Permission denied: \(attempt) (\(error)).")
    default: self = .io("\(attempt): \(error).")
    }
  }
}
