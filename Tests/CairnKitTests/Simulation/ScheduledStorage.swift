import CairnStorage
import Synchronization

/// What a simulated process asks of the storage.
struct StorageRequest: Equatable, Sendable, CustomStringConvertible {
  enum Verb: String, Sendable {
    case put, putIfAbsent, store, read, readAll, size, list, delete
    var isChange: Bool {
      switch self {
      case .put, .putIfAbsent, .store, .delete: true
      case .read, .readAll, .size, .list: false
      }
    }
  }
  let verb: Verb
  let kind: ObjectKey.Kind
  var key: ObjectKey?

  var description: String { "\(verb.rawValue) \(key?.path ?? kind.rawValue)" }
}

/// One process' access to a storage that several use: every request waits for its turn and meets the fate that the scheduler decides.
final class ScheduledStorage: Storage {
  private let base: MemoryStorage
  private let scheduler: Scheduler
  private let client: Int
  private let dead = Atomic<Bool>(false)
  private let disturbed = Atomic<Int>(0)

  init(_ base: MemoryStorage, _ scheduler: Scheduler, client: Int) {
    self.base = base
    self.scheduler = scheduler
    self.client = client
  }

  /// Whether the process was killed at a request.
  var isDead: Bool { dead.load(ordering: .relaxed) }

  /// Requests that did not go well.
  var disturbances: Int { disturbed.load(ordering: .relaxed) }

  let location = "simulation"

  private func request<R>(
    _ request: StorageRequest, postponed: (@Sendable () -> Void)? = nil, outcome: (R) -> String, _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    guard !isDead else { throw .io("The process was killed.") }
    let fate = scheduler.arrive(client, request, postponed: postponed)
    if fate != .done { disturbed.add(1, ordering: .relaxed) }
    switch fate {
    case .done, .repeated:
      do {
        if fate == .repeated { _ = try body() }
        let result = try body()
        scheduler.note(outcome(result))
        return result
      } catch {
        scheduler.note("\(error)")
        throw error
      }
    case .refused, .late: throw .io("The request failed.")
    case .answerLost:
      _ = try body()
      throw .io("The answer was lost.")
    case .killedBefore, .killedAfter:
      dead.store(true, ordering: .relaxed)
      if fate == .killedAfter { _ = try body() }
      throw .io("The process was killed.")
    }
  }

  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { try store(.put, key, Array(bytes)) }

  fileprivate func store(_ verb: StorageRequest.Verb, _ key: ObjectKey, _ bytes: [UInt8]) throws(StorageError) {
    let base = base
    // `try?`: nobody is told any more.
    try request(
      StorageRequest(verb: verb, kind: key.kind, key: key), postponed: { try? base.put(key, bytes) }, outcome: { _ in "" }
    ) { () throws(StorageError) in try base.put(key, bytes) }
  }

  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    let base = base
    let copy = Array(bytes)
    // `try?`: nobody is told any more.
    return try request(
      StorageRequest(verb: .putIfAbsent, kind: key.kind, key: key), postponed: { _ = try? base.putIfAbsent(key, copy) },
      outcome: { $0 ? "won" : "lost" }
    ) { () throws(StorageError) in try base.putIfAbsent(key, copy) }
  }

  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { Writer(self) }

  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try request(StorageRequest(verb: .read, kind: key.kind, key: key), outcome: { "\($0) bytes" }) { () throws(StorageError) in
      try base.read(key, at: offset, into: buffer)
    }
  }

  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] {
    try request(StorageRequest(verb: .readAll, kind: key.kind, key: key), outcome: { "\($0.count) bytes" }) { () throws(StorageError) in
      try base.readAll(key, limit: limit)
    }
  }

  func size(of key: ObjectKey) throws(StorageError) -> UInt64 {
    try request(StorageRequest(verb: .size, kind: key.kind, key: key), outcome: { "\($0)" }) { () throws(StorageError) in
      try base.size(of: key)
    }
  }

  /// In two requests, as a storage lists that answers in pages, in an order of its own: what changes between them may or may not appear.
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws {
    let first = try page(kind)
    let second = try page(kind)
    let isEarly = { (key: ObjectKey) in key.name.utf8.reduce(0) { $0 + Int($1) } % 2 == 0 }
    for (key, size) in first where isEarly(key) { try body(key, size) }
    for (key, size) in second where !isEarly(key) { try body(key, size) }
  }

  private func page(_ kind: ObjectKey.Kind) throws(StorageError) -> [(ObjectKey, UInt64)] {
    try request(StorageRequest(verb: .list, kind: kind), outcome: { "\($0.count) objects" }) {
      base.contents.filter { $0.key.kind == kind }.map { ($0.key, UInt64($0.value.count)) }.sorted { $0.0 < $1.0 }
    }
  }

  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { [] }

  func delete(_ key: ObjectKey) throws(StorageError) {
    let base = base
    // `try?`: nobody is told any more.
    try request(
      StorageRequest(verb: .delete, kind: key.kind, key: key), postponed: { try? base.delete(key) }, outcome: { _ in "" }
    ) { () throws(StorageError) in try base.delete(key) }
  }

  /// Nothing to do: what was stored is there. Power cuts are the crash tests' business.
  func flush() throws(StorageError) {
    if isDead { throw .io("The process was killed.") }
  }

  func copies(of key: ObjectKey) -> Int { 1 }

  private final class Writer: ObjectWriter {
    private let storage: ScheduledStorage
    private var bytes: [UInt8] = []
    init(_ storage: ScheduledStorage) { self.storage = storage }
    func append(_ more: UnsafeRawBufferPointer) throws(StorageError) { bytes.append(contentsOf: more) }
    func finish(as key: ObjectKey) throws(StorageError) { try storage.store(.store, key, bytes) }
    func cancel() {}
  }
}
