import CairnSystem

import struct SystemPackage.Errno

extension LocalStorage {
  package func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    let pending = try write(key, bytes)
    if key.kind == .config || key.kind == .keys {
      try replace(pending, key)
      try directories.synchronize(folder(key))
    } else {
      try publish(pending, key)
    }
  }

  package func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    var isWinner = false
    if !(try exists(key)) {
      let pending = try write(key, bytes)
      do throws(FileError) {
        isWinner = try pending.publish(as: Array(key.name.utf8), in: try directories.forWriting(folder(key)))
      } catch { throw explain(error, "write", key) }
    } else {
      do throws(FileError) { _ = try directories.forWriting(folder(key)) } catch { throw explain(error, "write", key) }
    }
    // Also for the loser, which will rely on the winner's object: the winner may not have come to this point yet.
    directories.markDirty(folder(key))
    try directories.synchronize(folder(key))
    return isWinner
  }

  package func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter {
    let folder = kind == .config ? "" : kind.rawValue
    do throws(FileError) {
      return LocalObjectWriter(self, kind, try begin(folder))
    } catch {
      throw StorageError(error, "write to '\(folder.isEmpty ? "." : folder)'", at: location)
    }
  }

  package func delete(_ key: ObjectKey) throws(StorageError) {
    do throws(FileError) {
      let status = try OpenFile.open(Array(key.path.utf8), at: directories.root, [.path, .noFollow]).status()
      guard status.type != .directory else { throw FileError(errno: .isDirectory, operation: "remove", path: Array(key.path.utf8)) }
      try FileSystem.unlink(at: try directories.forWriting(folder(key)), name: Array(key.name.utf8))
    } catch { throw explain(error, "remove", key) }
    directories.markDirty(folder(key))
  }

  package func includeInFlush(_ key: ObjectKey) throws(StorageError) {
    do throws(FileError) { _ = try directories.forWriting(folder(key)) } catch { throw explain(error, "write", key) }
    directories.markDirty(folder(key))
  }

  /// Names a sealed object; one of the same size under the name is the same one.
  fileprivate func publish(_ pending: PendingObject, _ key: ObjectKey) throws(StorageError) {
    let isNew: Bool
    do throws(FileError) {
      isNew = try pending.publish(as: Array(key.name.utf8), in: try directories.forWriting(folder(key)))
    } catch { throw explain(error, "write", key) }
    // Also when it was there: whoever stored it may not have made the entry durable, and our caller will rely on it.
    directories.markDirty(folder(key))
    guard isNew else {
      guard try size(of: key) == pending.size else { throw .alreadyExists(key) }
      return
    }
  }

  /// Gives a sealed object its name, whatever has it now.
  fileprivate func replace(_ pending: PendingObject, _ key: ObjectKey) throws(StorageError) {
    do throws(FileError) {
      try pending.replace(Array(key.name.utf8), in: try directories.forWriting(folder(key)))
    } catch { throw explain(error, "write", key) }
    directories.markDirty(folder(key))
  }

  private func write(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> PendingObject {
    do throws(FileError) {
      let pending = try begin(folder(key))
      try pending.append(bytes)
      try pending.seal()
      return pending
    } catch { throw explain(error, "write", key) }
  }

  /// The first write of a storage also removes what runs that ended badly have left in `tmp/`.
  private func begin(_ folder: String) throws(FileError) -> PendingObject {
    if temporaries.shouldSweep() { PendingObject.sweep(directories) }
    let pending = try PendingObject(in: folder, directories, mayBeUnnamed: temporaries.mayBeUnnamed)
    if !pending.isUnnamed { temporaries.refuseUnnamed() }
    return pending
  }

  func folder(_ key: ObjectKey) -> String {
    switch key.kind {
    case .config: ""
    case .packs: "packs/\(key.name.prefix(2))"
    default: key.kind.rawValue
    }
  }
}

/// Writes an object of a local repository piece by piece.
private final class LocalObjectWriter: ObjectWriter {
  private let storage: LocalStorage
  private let kind: ObjectKey.Kind
  private var pending: PendingObject?

  init(_ storage: LocalStorage, _ kind: ObjectKey.Kind, _ pending: PendingObject) {
    self.storage = storage
    self.kind = kind
    self.pending = pending
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    guard let pending else { throw .io("An object was written on after it was finished.") }
    do throws(FileError) { try pending.append(bytes) } catch {
      // What was written may be incomplete in the middle: it must never get a name.
      self.pending = nil
      throw StorageError(error, "write to '\(kind.rawValue)'", at: storage.location)
    }
  }

  func finish(as key: ObjectKey) throws(StorageError) {
    precondition(key.kind == kind, "an object begun as one kind is finished as another")
    guard let pending = pending.take() else { throw .io("An object was finished twice, or after a failure.") }
    do throws(FileError) { try pending.seal() } catch { throw storage.explain(error, "write", key) }
    try storage.publish(pending, key)
  }

  func finish(replacing key: ObjectKey) throws(StorageError) {
    precondition(key.kind == kind, "an object begun as one kind is finished as another")
    guard let pending = pending.take() else { throw .io("An object was finished twice, or after a failure.") }
    do throws(FileError) { try pending.seal() } catch { throw storage.explain(error, "write", key) }
    try storage.replace(pending, key)
  }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
    guard let pending else { throw .io("An object was read back after it was finished.") }
    let count: Int
    do throws(FileError) { count = try pending.file.read(into: buffer, at: offset) } catch {
      throw StorageError(error, "read back what was written to '\(kind.rawValue)'", at: storage.location)
    }
    guard count == buffer.count else { throw .io("What was written to '\(kind.rawValue)' in '\(storage.location)' is cut short.") }
  }

  func cancel() { pending = nil }
}
