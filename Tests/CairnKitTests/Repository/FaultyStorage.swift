import CairnStorage
import Synchronization

/// Another storage whose calls go wrong as a test has planned it.
final class FaultyStorage: Storage {
  enum Call: Sendable { case put, putIfAbsent, begin, append, finish, read, list, delete, flush }

  enum Fault: Sendable {
    /// The call does nothing and fails.
    case refuse(StorageError)
    /// The call does its work, and the answer is lost.
    case loseAnswer
    /// The call is made a second time because the first answer was lost; the second one counts.
    case repeatCall
  }

  typealias Plan = @Sendable (Call, ObjectKey.Kind?) -> Fault?

  private let base: any Storage
  private let current = Mutex<Plan?>(nil)

  init(_ base: any Storage) { self.base = base }

  /// What happens from now on; asked before each call.
  func plan(_ plan: @escaping Plan) { current.withLock { $0 = plan } }

  fileprivate func perform<R>(_ call: Call, _ kind: ObjectKey.Kind?, _ body: () throws(StorageError) -> R) throws(StorageError) -> R {
    switch current.withLock({ $0 })?(call, kind) {
    case nil: return try body()
    case .refuse(let error): throw error
    case .loseAnswer:
      _ = try body()
      throw .io("The answer was lost.")
    case .repeatCall:
      _ = try body()
      return try body()
    }
  }

  var location: String { base.location }
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    try perform(.put, key.kind) { () throws(StorageError) in try base.put(key, bytes) }
  }
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    try perform(.putIfAbsent, key.kind) { () throws(StorageError) in try base.putIfAbsent(key, bytes) }
  }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter {
    let writer = try perform(.begin, kind) { () throws(StorageError) in try base.beginObject(kind: kind) }
    return Writer(self, kind, writer)
  }
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try perform(.read, key.kind) { () throws(StorageError) in try base.read(key, at: offset, into: buffer) }
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] {
    try perform(.read, key.kind) { () throws(StorageError) in try base.readAll(key, limit: limit) }
  }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws {
    try perform(.list, kind) { () throws(StorageError) in }
    try base.list(kind, body)
  }
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  func delete(_ key: ObjectKey) throws(StorageError) {
    try perform(.delete, key.kind) { () throws(StorageError) in try base.delete(key) }
  }
  func flush() throws(StorageError) { try perform(.flush, nil) { () throws(StorageError) in try base.flush() } }
  func includeInFlush(_ key: ObjectKey) throws(StorageError) { try base.includeInFlush(key) }
  func copies(of key: ObjectKey) -> Int { base.copies(of: key) }

  private final class Writer: ObjectWriter {
    private let storage: FaultyStorage
    private let kind: ObjectKey.Kind
    private let base: any ObjectWriter

    init(_ storage: FaultyStorage, _ kind: ObjectKey.Kind, _ base: any ObjectWriter) {
      self.storage = storage
      self.kind = kind
      self.base = base
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
      try storage.perform(.append, kind) { () throws(StorageError) in try base.append(bytes) }
    }
    func finish(as key: ObjectKey) throws(StorageError) {
      try storage.perform(.finish, kind) { () throws(StorageError) in try base.finish(as: key) }
    }
    func finish(replacing key: ObjectKey) throws(StorageError) {
      try storage.perform(.finish, kind) { () throws(StorageError) in try base.finish(replacing: key) }
    }
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
      try storage.perform(.read, kind) { () throws(StorageError) in try base.read(at: offset, into: buffer) }
    }
    func cancel() { base.cancel() }
  }
}

/// Numbers calls from 1, for plans that spoil the n-th.
final class CallCount: Sendable {
  private let count = Atomic<Int>(0)
  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
