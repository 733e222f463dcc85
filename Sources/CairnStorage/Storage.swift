package import CairnSystem

/// Keeps opaque, named, immutable objects. Every call blocks and may come from any thread.
///
/// What all storages promise:
/// - An object appears under its name whole or not at all; a call that throws has stored nothing under the name (the one exception
///   stands at `putIfAbsent`).
/// - What `put` or an `ObjectWriter` stored can be read and listed at once, and survives a power cut after the next `flush`;
///   configuration, keys and `putIfAbsent` survive it on return.
/// - Among any number of `putIfAbsent` calls for one name, from any machines, exactly one ever answers true.
package protocol Storage: Sendable {
  /// Where the objects are, for messages.
  var location: String { get }

  /// The directory that holds it, where that is one of this machine's.
  var localDirectory: OpenFile? { get }

  /// Stores an object. Kinds `config` and `keys` replace what is there, atomically; for the others an object of the same size under
  /// the name is taken to be the same one.
  ///
  /// - Throws: `alreadyExists` when an object of another size has the name.
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError)

  /// Stores an object unless one has the name; durable on return, whatever the answer.
  ///
  /// - Returns: whether this call stored it.
  /// - Throws: when the final barrier fails, the object may or may not be there and durable: taking it away could give the name to a
  ///   second winner. Callers stop then.
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool

  /// Begins an object that is written piece by piece and named at the end.
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter

  /// Reads a range: as many bytes as the buffer takes, fewer only at the end of the object, none beyond it.
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int

  /// Reads a whole object.
  ///
  /// - Throws: `io` when it is larger than `limit` bytes; nothing is allocated then.
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8]

  func size(of key: ObjectKey) throws(StorageError) -> UInt64

  /// Calls `body` with the key and size of every object of a kind, in no particular order.
  ///
  /// Complete for all objects stored before the call; those stored or deleted meanwhile may or may not appear.
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws

  /// What lies among the objects of a kind without being one: relative paths, escaped for display, sorted.
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String]

  /// Removes an object; durable after the next `flush`.
  ///
  /// - Throws: `notFound` when it is not there.
  func delete(_ key: ObjectKey) throws(StorageError)

  /// Whether the storage is known to keep the object whoever asks for its deletion: it is immutable, or may only be added to. Where
  /// that cannot be seen, an attempt has to tell.
  func retains(_ key: ObjectKey) -> Bool

  /// Takes an object out of its place and keeps it under `quarantine/`, from where it can be put back by hand; durable after the next
  /// `flush`. What is there already stays.
  ///
  /// - Returns: where it lies now, relative to the repository.
  /// - Throws: `notFound` when it is not there.
  func moveAside(_ key: ObjectKey) throws(StorageError) -> String

  /// Makes everything that was stored or deleted before the call durable. After a failure every later call fails too: what the
  /// kernel has dropped cannot be made durable by asking again.
  func flush() throws(StorageError)

  /// Has the next `flush` make durable an object that another process stored, perhaps without coming to a flush of its own. To be
  /// called before relying on an object that no register names.
  func includeInFlush(_ key: ObjectKey) throws(StorageError)

  /// How many copies of an object its writer should store, under `ObjectKey.copy(_:)`: more than one where a single bad block could
  /// take the repository.
  func copies(of key: ObjectKey) -> Int

  /// Gives up space that was set aside for maintenance on a full disk. Where nothing was, sets `bytes` aside if there is room for them.
  ///
  /// - Parameter bytes: stay set aside.
  /// - Returns: whether there was more.
  func releaseReserve(keeping bytes: Int) throws(StorageError) -> Bool

  /// Sets space aside for maintenance on a full disk, unless it is there. Best effort: a disk that has none left stays as it is.
  func makeReserve()
}

/// An object being written. For one thread; released without `finish`, it leaves nothing behind.
package protocol ObjectWriter: AnyObject {
  func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError)

  /// Makes the content durable and gives it its name; the writer is then used up. An object of the same size under the name is taken
  /// to be the same one.
  ///
  /// - Throws: `alreadyExists` when an object of another size has the name.
  func finish(as key: ObjectKey) throws(StorageError)

  /// As `finish`, but takes the place of what has the name, at once and whole: a reader sees one or the other. For an object that is
  /// damaged; the caller has made sure that what was written is what belongs there.
  func finish(replacing key: ObjectKey) throws(StorageError)

  /// Reads what was appended: exactly as many bytes as the buffer takes.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError)

  /// Drops what was written. Harmless after `finish`.
  func cancel()
}

extension ObjectWriter {
  package func finish(replacing key: ObjectKey) throws(StorageError) {
    throw .io("The object '\(key.path)' cannot be replaced: this storage cannot do that.")
  }

  package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
    throw .io("What is being written cannot be read back: this storage cannot do that.")
  }
}

extension Storage {
  package var localDirectory: OpenFile? { nil }

  /// Where space does not run out there is nothing to set aside.
  package func releaseReserve(keeping bytes: Int) throws(StorageError) -> Bool { false }

  package func makeReserve() {}

  package func retains(_ key: ObjectKey) -> Bool { false }

  package func moveAside(_ key: ObjectKey) throws(StorageError) -> String {
    throw .readOnly("Nothing can be moved aside in '\(location)'.")
  }

  /// Nothing to do where an object is durable as soon as it is visible.
  package func includeInFlush(_ key: ObjectKey) throws(StorageError) {}

  /// Reads exactly as many bytes as the buffer takes.
  ///
  /// - Throws: `truncated` when the object ends before.
  package func readExactly(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
    guard try read(key, at: offset, into: buffer) == buffer.count else { throw .truncated(key) }
  }

  package func put(_ key: ObjectKey, _ bytes: [UInt8]) throws(StorageError) {
    let result = bytes.withUnsafeBytes { bytes in Result { () throws(StorageError) in try put(key, bytes) } }
    try result.get()
  }

  package func putIfAbsent(_ key: ObjectKey, _ bytes: [UInt8]) throws(StorageError) -> Bool {
    let result = bytes.withUnsafeBytes { bytes in Result { () throws(StorageError) in try putIfAbsent(key, bytes) } }
    return try result.get()
  }

  package func exists(_ key: ObjectKey) throws(StorageError) -> Bool {
    do {
      _ = try size(of: key)
      return true
    } catch .notFound {
      return false
    }
  }
}
