import CairnStorage
import Synchronization

/// What survives the processes that use it: objects, and which changes are not durable yet.
///
/// The storage contract and no more: `put`, `finish` and `delete` are visible at once and durable after a `flush` of the same process;
/// configuration, keys and `putIfAbsent` are durable on return.
final class CrashDisk: Sendable {
  struct Content: Sendable {
    var objects: [ObjectKey: [UInt8]] = [:]
    var volatile: Set<ObjectKey> = []
    /// What was moved aside.
    var aside: [[UInt8]] = []
    /// Deleted, and not durably so.
    var deleted: [ObjectKey: [UInt8]] = [:]
  }
  private let state: Mutex<Content>

  init(_ content: Content = Content()) { state = Mutex(content) }

  var content: Content { state.withLock { $0 } }

  func change<R>(_ body: (inout sending Content) -> sending R) -> R { state.withLock(body) }

  /// Makes everything durable.
  func settle() {
    change { content in
      content.volatile = []
      content.deleted = [:]
    }
  }

  /// Takes back every change that is not durable, but for those that happened to reach the disk.
  func cutPower(keeping isKept: (ObjectKey) -> Bool) {
    let before = content
    let lost = before.volatile.sorted().filter { !isKept($0) }
    let back = before.deleted.keys.sorted().filter { !isKept($0) }
    change { content in
      for key in back where content.objects[key] == nil { content.objects[key] = content.deleted[key] }
      for key in lost { content.objects[key] = nil }
      content.volatile = []
      content.deleted = [:]
    }
  }
}

/// One process' access to a disk, which may be killed at any of its changes.
final class CrashProcess: Storage {
  private struct State {
    var changes = 0
    var isDead = false
    /// Stored by this process since its last flush.
    var unflushed: Set<ObjectKey> = []
  }
  private let disk: CrashDisk
  private let deadline: Int
  private let completesLast: Bool
  private let state = Mutex(State())

  /// - Parameters:
  ///   - deadline: the change at which the process is killed, from 1; none by default.
  ///   - completesLast: that change still takes place.
  init(_ disk: CrashDisk, killedAt deadline: Int = .max, completesLast: Bool = false) {
    self.disk = disk
    self.deadline = deadline
    self.completesLast = completesLast
  }

  /// Changes asked for so far.
  var changes: Int { state.withLock { $0.changes } }

  private func requireLife() throws(StorageError) {
    if state.withLock({ $0.isDead }) { throw .io("The process was killed.") }
  }

  private func change<R>(_ body: () throws(StorageError) -> R) throws(StorageError) -> R {
    try requireLife()
    let isLast = state.withLock { state in
      state.changes += 1
      if state.changes >= deadline { state.isDead = true }
      return state.isDead
    }
    if isLast, !completesLast { throw .io("The process was killed.") }
    let result = try body()
    if isLast { throw .io("The process was killed.") }
    return result
  }

  fileprivate func store(_ key: ObjectKey, _ bytes: [UInt8]) throws(StorageError) {
    try change { () throws(StorageError) in
      let isDurable = key.kind == .config || key.kind == .keys
      disk.change { content in
        if content.objects[key] != nil, !isDurable { return }
        content.objects[key] = bytes
        if !isDurable { content.volatile.insert(key) }
      }
      state.withLock { _ = $0.unflushed.insert(key) }
    }
  }

  let location = "disk"
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { try store(key, Array(bytes)) }
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    let copy = Array(bytes)
    return try change { () throws(StorageError) in
      disk.change { content in
        guard content.objects[key] == nil else { return false }
        content.objects[key] = copy
        return true
      }
    }
  }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter {
    try requireLife()
    return Writer(self)
  }
  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    let rest = try object(key).dropFirst(Int(clamping: offset)).prefix(buffer.count)
    buffer.copyBytes(from: rest)
    return rest.count
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] { try object(key) }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { UInt64(try object(key).count) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws {
    try requireLife()
    for (key, bytes) in disk.content.objects where key.kind == kind { try body(key, UInt64(bytes.count)) }
  }
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { [] }
  func delete(_ key: ObjectKey) throws(StorageError) {
    try change { () throws(StorageError) in
      let wasThere = disk.change { content in
        let wasVolatile = content.volatile.remove(key) != nil
        guard let old = content.objects.removeValue(forKey: key) else { return false }
        if !wasVolatile { content.deleted[key] = old }
        return true
      }
      if !wasThere { throw .notFound(key) }
      state.withLock { _ = $0.unflushed.insert(key) }
    }
  }
  func moveAside(_ key: ObjectKey) throws(StorageError) -> String {
    try change { () throws(StorageError) in
      let wasThere = disk.change { content in
        guard let bytes = content.objects.removeValue(forKey: key) else { return false }
        content.volatile.remove(key)
        content.aside.append(bytes)
        return true
      }
      if !wasThere { throw .notFound(key) }
    }
    return "quarantine/" + key.path
  }
  func flush() throws(StorageError) {
    try change { () throws(StorageError) in
      let keys = state.withLock { state in
        defer { state.unflushed = [] }
        return state.unflushed
      }
      disk.change { content in
        content.volatile.subtract(keys)
        for key in keys { content.deleted[key] = nil }
      }
    }
  }
  func includeInFlush(_ key: ObjectKey) throws(StorageError) { state.withLock { _ = $0.unflushed.insert(key) } }
  func copies(of key: ObjectKey) -> Int { 1 }

  private func object(_ key: ObjectKey) throws(StorageError) -> [UInt8] {
    try requireLife()
    guard let bytes = disk.content.objects[key] else { throw .notFound(key) }
    return bytes
  }

  private final class Writer: ObjectWriter {
    private let process: CrashProcess
    private var bytes: [UInt8] = []
    init(_ process: CrashProcess) { self.process = process }
    func append(_ more: UnsafeRawBufferPointer) throws(StorageError) {
      try process.requireLife()
      bytes.append(contentsOf: more)
    }
    func finish(as key: ObjectKey) throws(StorageError) { try process.store(key, bytes) }
    func cancel() {}
  }
}
