import CairnFormat
import CairnKit
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization

import struct SystemPackage.Errno

/// Keeps what a backup reports.
final class RecordingSink: ProgressSink {
  private let events = Mutex<[ProgressEvent]>([])
  func report(_ event: ProgressEvent) { events.withLock { $0.append(event) } }

  var problems: [String] {
    events.withLock {
      $0.compactMap { if case .problem(let p) = $0 { "\(Escaping.terminal(p.path)): \(p.during): \(p.message)" } else { nil } }
    }
  }
  var warnings: [String] { events.withLock { $0.compactMap { if case .warning(let text) = $0 { text } else { nil } } } }
  var messages: [String] { events.withLock { $0.compactMap { if case .message(let text) = $0 { text } else { nil } } } }
}

/// Acts on the source at a point of a file's reading, for the files whose path ends so.
struct ActingHooks: BackupHooks {
  let point: BackupPoint
  let suffix: String
  let act: @Sendable () -> Void
  func reached(_ point: BackupPoint, path: [UInt8]) {
    if point == self.point, String(decoding: path, as: UTF8.self).hasSuffix(suffix) { act() }
  }
}

/// A source directory and a repository in memory.
struct BackupFixture {
  let source = TemporaryDirectory()
  let storage: MemoryStorage
  let repository: Repository
  let sink = RecordingSink()

  init(groupBytes: UInt32 = 64 << 10) throws {
    storage = MemoryStorage()
    repository = try TestRepository.create(storage, groupBytes: groupBytes)
  }

  init(opening storage: MemoryStorage) throws {
    self.storage = storage
    repository = try TestRepository.open(storage)
  }

  /// Options for the whole source directory, begun so late that nothing made by the test counts as racy.
  func options(_ change: (inout BackupOptions) -> Void = { _ in }) -> BackupOptions {
    var options = BackupOptions()
    options.sources = [Array(".".utf8)]
    options.workingDirectory = source.path
    options.host = "test"
    let now = SystemClock.now()
    options.started = Timestamp(seconds: now.seconds + 60, nanoseconds: now.nanoseconds)
    change(&options)
    return options
  }

  @discardableResult
  func backup(threads: Int = 2, _ change: (inout BackupOptions) -> Void = { _ in }) throws -> BackupReport {
    try backup(threads: threads, counters: ProgressCounters(), change)
  }

  func backup(threads: Int = 2, counters: ProgressCounters, _ change: (inout BackupOptions) -> Void = { _ in }) throws -> BackupReport {
    let context = RunContext(sink: sink, counters: counters, threads: threads)
    return try repository.backup(options(change), context: context)
  }

  /// The latest snapshot, backed up anew.
  func snapshot(threads: Int = 2, _ change: (inout BackupOptions) -> Void = { _ in }) throws -> Snapshot {
    guard let snapshot = try backup(threads: threads, change).snapshot else { throw Missing(what: "snapshot") }
    return snapshot
  }

  struct Missing: Error { let what: String }

  /// Every entry of a snapshot by its path, names as text.
  func nodes(_ snapshot: Snapshot) throws -> [String: Node] { try nodes(below: snapshot.manifest.root) }

  func nodes(below root: BlobID) throws -> [String: Node] {
    let reader = try repository.loadView().trees
    var found: [String: Node] = [:]
    var open: [(String, BlobID)] = [("", root)]
    while let (path, tree) = open.popLast() {
      var cursor = try reader.cursor(tree)
      while let node = try cursor.next() {
        let name = path + "/" + String(decoding: node.name, as: UTF8.self)
        found[name] = node
        if let subtree = node.subtree { open.append((name, subtree)) }
      }
    }
    return found
  }

  func content(_ node: Node) throws -> [UInt8] {
    let view = try repository.loadView()
    var cursor = view.trees.content(node)
    var bytes: [UInt8] = []
    while let item = try cursor.next() {
      if let id = item.id { bytes += try view.blobs.read(id, .data) } else { bytes += [UInt8](repeating: 0, count: Int(item.length)) }
    }
    return bytes
  }

  func content(_ path: String, _ snapshot: Snapshot) throws -> [UInt8] {
    guard let node = try nodes(snapshot)[path] else { throw Missing(what: path) }
    return try content(node)
  }

  // MARK: - Making sources

  func mkdir(_ path: String) throws {
    let parts = path.split(separator: "/")
    var directory = try source.open()
    for part in parts {
      do {
        try FileSystem.makeDirectory(at: directory, name: Array(part.utf8), mode: 0o755)
      } catch {
        guard error.errno == .fileExists else { throw error }
      }
      directory = try OpenFile.open(Array(part.utf8), at: directory, [.read, .directory])
    }
  }

  func write(_ path: String, _ text: String) throws { try source.write(path, Array(text.utf8)) }

  func remove(_ path: String) throws {
    let parts = path.split(separator: "/")
    let parent = parts.dropLast().joined(separator: "/")
    let directory = try OpenFile.open(parent.isEmpty ? source.path : source.path(parent), [.read, .directory])
    try FileSystem.removeTree(at: directory, name: Array(parts[parts.count - 1].utf8))
  }

  /// Directories, files of awkward sizes, a few large enough to be cut.
  func makeTree(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for directory in ["a", "a/b", "a/b/c", "d", "e"] { try mkdir(directory) }
    for (number, size) in [0, 1, 511, 4096, 65_537, 300_000, 1 << 20].enumerated() {
      try source.write(["a", "a/b", "a/b/c", "d"][number % 4] + "/file\(number)", random.bytes(size))
    }
    for number in 0..<400 { try source.write("d/n\(number)", random.bytes(number % 50)) }
  }
}
