/// Another storage with every change refused: for dry runs and for commands that promise to write nothing.
package final class ReadOnlyStorage: Storage {
  private let base: any Storage

  package init(_ base: any Storage) { self.base = base }

  package var location: String { base.location }

  package func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { throw refusal }
  package func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool { throw refusal }
  package func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { throw refusal }
  package func delete(_ key: ObjectKey) throws(StorageError) { throw refusal }
  package func moveAside(_ key: ObjectKey) throws(StorageError) -> String { throw refusal }
  /// Nothing to do: nothing was changed.
  package func flush() throws(StorageError) {}

  package func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try base.read(key, at: offset, into: buffer)
  }
  package func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] { try base.readAll(key, limit: limit) }
  package func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  package func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws { try base.list(kind, body) }
  package func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  package func copies(of key: ObjectKey) -> Int { base.copies(of: key) }
  package func retains(_ key: ObjectKey) -> Bool { base.retains(key) }
  package func releaseReserve(keeping bytes: Int) throws(StorageError) -> Bool { throw refusal }

  private var refusal: StorageError { .readOnly("The repository at '\(location)' is opened for reading only.") }
}
