import CairnStorage
import Synchronization

/// Another storage on a disk of a certain size.
final class FullStorage: Storage {
  private struct State {
    var capacity = Int.max
    /// Set aside for maintenance.
    var reserve = 0
    /// Bytes of objects that are being written.
    var pending = 0
  }

  private let base: MemoryStorage
  private let state = Mutex(State())

  init(_ base: MemoryStorage) { self.base = base }

  /// Leaves so many bytes free, and so many set aside.
  func fill(free: Int, reserve: Int) {
    state.withLock { $0 = State(capacity: stored + free + reserve, reserve: reserve) }
  }

  var reserve: Int { state.withLock { $0.reserve } }
  private var stored: Int { base.contents.values.reduce(0) { $0 + $1.count } }

  private func take(_ count: Int, pending: Bool = false) throws(StorageError) {
    let fits = state.withLock { state in
      guard stored + state.pending + state.reserve + count <= state.capacity else { return false }
      if pending { state.pending += count }
      return true
    }
    guard fits else { throw .noSpace("The disk is full.") }
  }

  fileprivate func giveBack(_ count: Int) { state.withLock { $0.pending -= count } }

  var location: String { base.location }
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    try take(bytes.count)
    try base.put(key, bytes)
  }
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    try take(bytes.count)
    return try base.putIfAbsent(key, bytes)
  }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { Writer(self, try base.beginObject(kind: kind)) }
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try base.read(key, at: offset, into: buffer)
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] { try base.readAll(key, limit: limit) }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws { try base.list(kind, body) }
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  func delete(_ key: ObjectKey) throws(StorageError) { try base.delete(key) }
  func flush() throws(StorageError) {}
  func copies(of key: ObjectKey) -> Int { base.copies(of: key) }
  func releaseReserve(keeping bytes: Int) throws(StorageError) -> Bool {
    state.withLock { state in
      let isLarger = state.reserve > bytes
      state.reserve = min(state.reserve, bytes)
      return isLarger
    }
  }

  private final class Writer: ObjectWriter {
    private let storage: FullStorage
    private let base: any ObjectWriter
    private var held = 0

    init(_ storage: FullStorage, _ base: any ObjectWriter) { (self.storage, self.base) = (storage, base) }
    deinit { release() }

    private func release() {
      storage.giveBack(held)
      held = 0
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
      try storage.take(bytes.count, pending: true)
      held += bytes.count
      try base.append(bytes)
    }
    func finish(as key: ObjectKey) throws(StorageError) {
      release()
      try base.finish(as: key)
    }
    func cancel() {
      release()
      base.cancel()
    }
  }
}
