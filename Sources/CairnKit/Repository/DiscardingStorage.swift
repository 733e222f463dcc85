import CairnFormat
import CairnStorage

/// Passes reads through and drops writes: what a dry run writes to.
final class DiscardingStorage: Storage {
  private let base: any Storage
  init(_ base: any Storage) { self.base = base }

  var location: String { base.location }
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {}
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool { true }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { Sink() }
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try base.read(key, at: offset, into: buffer)
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] { try base.readAll(key, limit: limit) }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws { try base.list(kind, body) }
  func delete(_ key: ObjectKey) throws(StorageError) {}
  func flush() throws(StorageError) {}
  func includeInFlush(_ key: ObjectKey) throws(StorageError) {}
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  func copies(of key: ObjectKey) -> Int { base.copies(of: key) }

  private final class Sink: ObjectWriter {
    func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {}
    func finish(as key: ObjectKey) throws(StorageError) {}
    func finish(replacing key: ObjectKey) throws(StorageError) {}
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
    }
    func cancel() {}
  }
}
