import CairnStorage
import Synchronization

@testable import CairnKit

/// Counts and, on request, spoils what is read from packs.
final class CountingStorage: Storage {
  private let base: any Storage
  private let counts = Mutex((bytes: 0, reads: 0))
  /// Runs before each read of a pack with the number of that read, from 1.
  let onPackRead = Mutex<(@Sendable (Int) -> Void)?>(nil)

  init(_ base: any Storage) { self.base = base }

  var packBytes: Int { counts.withLock { $0.bytes } }
  var packReads: Int { counts.withLock { $0.reads } }
  func reset() { counts.withLock { $0 = (0, 0) } }

  var location: String { base.location }
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { try base.put(key, bytes) }
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool { try base.putIfAbsent(key, bytes) }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { try base.beginObject(kind: kind) }
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    if key.kind == .packs {
      let number = counts.withLock { counts in
        counts.bytes += buffer.count
        counts.reads += 1
        return counts.reads
      }
      onPackRead.withLock { $0 }?(number)
    }
    return try base.read(key, at: offset, into: buffer)
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] { try base.readAll(key, limit: limit) }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws { try base.list(kind, body) }
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  func delete(_ key: ObjectKey) throws(StorageError) { try base.delete(key) }
  /// Whether nothing may be deleted.
  let isAppendOnly = Mutex(false)
  func retains(_ key: ObjectKey) -> Bool { isAppendOnly.withLock { $0 } }
  func moveAside(_ key: ObjectKey) throws(StorageError) -> String { try base.moveAside(key) }
  func flush() throws(StorageError) { try base.flush() }
  func copies(of key: ObjectKey) -> Int { base.copies(of: key) }
}
