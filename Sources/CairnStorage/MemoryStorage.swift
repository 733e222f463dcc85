import Synchronization

/// Objects in memory: for tests, dry runs and simulations. Everything is as durable as it gets at once.
package final class MemoryStorage: Storage {
  private let objects = Mutex<[ObjectKey: [UInt8]]>([:])
  private let quarantine = Mutex<[String: [UInt8]]>([:])
  package let location: String

  package init(location: String = "memory") { self.location = location }

  package func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    try store(key, Array(bytes))
  }

  fileprivate func store(_ key: ObjectKey, _ bytes: [UInt8]) throws(StorageError) {
    let fits = objects.withLock { objects in
      if let existing = objects[key], key.kind != .config, key.kind != .keys { return existing.count == bytes.count }
      objects[key] = bytes
      return true
    }
    guard fits else { throw .alreadyExists(key) }
  }

  fileprivate func replace(_ key: ObjectKey, _ bytes: [UInt8]) { objects.withLock { $0[key] = bytes } }

  package func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    let copy = Array(bytes)
    return objects.withLock { objects in
      guard objects[key] == nil else { return false }
      objects[key] = copy
      return true
    }
  }

  package func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { MemoryObjectWriter(self, kind) }

  package func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    let object = try object(key)
    guard offset < UInt64(object.count), let target = buffer.baseAddress else { return 0 }
    let start = Int(offset)
    let count = min(buffer.count, object.count - start)
    object.withUnsafeBytes { bytes in
      guard let source = bytes.baseAddress else { return }
      target.copyMemory(from: source + start, byteCount: count)
    }
    return count
  }

  package func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] {
    let object = try object(key)
    guard object.count <= limit else {
      throw .io("The object '\(key.path)' in '\(location)' has \(object.count) bytes, more than the \(limit) it may have.")
    }
    return object
  }

  package func size(of key: ObjectKey) throws(StorageError) -> UInt64 { UInt64(try object(key).count) }

  package func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws {
    let found = objects.withLock { $0.filter { $0.key.kind == kind }.map { ($0.key, UInt64($0.value.count)) } }
    for (key, size) in found.sorted(by: { $0.0 < $1.0 }) { try body(key, size) }
  }

  package func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { [] }

  package func delete(_ key: ObjectKey) throws(StorageError) {
    guard objects.withLock({ $0.removeValue(forKey: key) }) != nil else { throw .notFound(key) }
  }

  package func moveAside(_ key: ObjectKey) throws(StorageError) -> String {
    let bytes = objects.withLock { $0.removeValue(forKey: key) }
    guard let bytes else { throw .notFound(key) }
    return quarantine.withLock { aside in
      var place = "quarantine/\(key.kind.rawValue)/\(key.name)"
      while aside[place] != nil { place += "~" }
      aside[place] = bytes
      return place
    }
  }

  /// What was moved aside, by its new place.
  package var movedAside: [String: [UInt8]] { quarantine.withLock { $0 } }

  package func flush() throws(StorageError) {}

  /// One: memory that fails takes all copies with it.
  package func copies(of key: ObjectKey) -> Int { 1 }

  /// Everything in it, for tests that compare, damage or copy a whole repository.
  package var contents: [ObjectKey: [UInt8]] {
    get { objects.withLock { $0 } }
    set { objects.withLock { $0 = newValue } }
  }

  private func object(_ key: ObjectKey) throws(StorageError) -> [UInt8] {
    guard let object = objects.withLock({ $0[key] }) else { throw .notFound(key) }
    return object
  }
}

private final class MemoryObjectWriter: ObjectWriter {
  private let storage: MemoryStorage
  private let kind: ObjectKey.Kind
  private var bytes: [UInt8]? = []

  init(_ storage: MemoryStorage, _ kind: ObjectKey.Kind) {
    self.storage = storage
    self.kind = kind
  }

  func append(_ more: UnsafeRawBufferPointer) throws(StorageError) {
    guard bytes?.append(contentsOf: more) != nil else { throw .io("An object was written on after it was finished.") }
  }

  func finish(as key: ObjectKey) throws(StorageError) {
    precondition(key.kind == kind)
    guard let content = bytes.take() else { throw .io("An object was finished twice.") }
    try storage.store(key, content)
  }

  func finish(replacing key: ObjectKey) throws(StorageError) {
    precondition(key.kind == kind)
    guard let content = bytes.take() else { throw .io("An object was finished twice.") }
    storage.replace(key, content)
  }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
    guard let bytes, offset <= UInt64(bytes.count), buffer.count <= bytes.count - Int(offset) else {
      throw .io("More was read back than was written.")
    }
    buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
  }

  func cancel() { bytes = nil }
}
