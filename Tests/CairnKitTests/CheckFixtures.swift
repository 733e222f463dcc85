import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Testing

@testable import CairnKit

/// Where the objects of a test's repository lie.
enum CheckPlace: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case memory, local
  var testDescription: String { rawValue }
}

/// A repository with some snapshots, whose objects can be damaged.
final class CheckSubject {
  let storage: any Storage
  private let directory: TemporaryDirectory?
  private(set) var snapshots: [Snapshot] = []

  /// Three snapshots: `keep` and `dir/two` are the same in all, `one` differs in the last and is not in the first.
  ///
  /// - Parameter change: of the settings, before anything is stored.
  init(_ place: CheckPlace, groupBytes: UInt32 = 64 << 10, change: (inout Config) -> Void = { _ in }) throws {
    switch place {
    case .memory:
      directory = nil
      storage = MemoryStorage()
    case .local:
      let directory = TemporaryDirectory()
      self.directory = directory
      storage = try LocalStorage.create(path: directory.path("repository"))
    }
    _ = try TestRepository.create(storage, groupBytes: groupBytes).changeConfig(change)
    let store = SampleStore(repository: try TestRepository.open(storage))
    let common: [String: SampleNode] = ["keep": .noise(1, 90_000), "dir": .directory(["two": .noise(2, 70_000), "three": .file([3])])]
    snapshots.append(try store.snapshot(common, time: 1))
    snapshots.append(try store.snapshot(common.merging(["one": .noise(3, 50_000)]) { $1 }, time: 2))
    snapshots.append(try store.snapshot(common.merging(["one": .noise(4, 60_000)]) { $1 }, time: 3))
  }

  func add(_ tree: [String: SampleNode], time: Int64) throws {
    snapshots.append(try SampleStore(repository: open()).snapshot(tree, time: time))
  }

  func open() throws -> Repository { try TestRepository.open(storage) }

  func check(_ readData: CheckOptions.ReadData = .none) throws -> CheckReport {
    var context = RunContext()
    context.threads = 2
    return try open().check(CheckOptions(readData: readData), context: context)
  }

  // MARK: - Objects

  /// All objects of a kind, by name.
  func objects(_ kind: ObjectKey.Kind) throws -> [ObjectKey] {
    var keys: [ObjectKey] = []
    try storage.list(kind) { key, _ in keys.append(key) }
    return keys.sorted()
  }

  /// The packs that hold the content of a file of the last snapshot that has it, or the trees.
  func pack(of path: String, at number: Int? = nil) throws -> ObjectKey {
    let view = try open().loadView()
    let node = try view.node(at: components(path), in: view.snapshots[number ?? view.snapshots.count - 1])
    guard case .items(let items) = node.content, let id = items.first?.id else { throw CairnError(.failed, "no content") }
    return try #require(try view.index.locate(id.key)).frame.pack.key()
  }

  func treePack(_ number: Int) throws -> ObjectKey {
    let view = try open().loadView()
    return try #require(try view.index.locate(view.snapshots[number].manifest.root.key)).frame.pack.key()
  }

  /// Where the frame that holds the first chunk of a file lies.
  func frame(of path: String) throws -> FrameLocation {
    let view = try open().loadView()
    let node = try view.node(at: components(path), in: view.snapshots[view.snapshots.count - 1])
    guard case .items(let items) = node.content, let id = items.first?.id else { throw CairnError(.failed, "no content") }
    return try #require(try view.index.locate(id.key)).frame
  }

  func bytes(_ key: ObjectKey) throws -> [UInt8] { try storage.readAll(key, limit: 1 << 30) }

  /// Puts other bytes in an object's place; nil takes it away.
  func replace(_ key: ObjectKey, _ bytes: [UInt8]?) throws {
    if let memory = storage as? MemoryStorage {
      memory.contents[key] = bytes
    } else {
      try replaceFile(key.path, bytes)
    }
  }

  /// The same for any file below the repository's directory.
  func replaceFile(_ path: String, _ bytes: [UInt8]?) throws {
    let directory = try #require(directory)
    unlink(directory.string + "/repository/" + path)
    if let bytes { try directory.write("repository/" + path, bytes) }
  }

  /// Puts a directory or a pipe where an object belongs; not for packs.
  func obstruct(_ key: ObjectKey, pipe: Bool) throws {
    try replaceFile(key.path, nil)
    let folder = try OpenFile.open(try #require(directory).path("repository/" + key.kind.rawValue), [.read, .directory])
    let name = Array(key.name.utf8)
    if pipe { try FileSystem.makeNode(at: folder, name: name, type: .fifo) } else { try FileSystem.makeDirectory(at: folder, name: name) }
  }

  func flip(_ key: ObjectKey, at offset: Int) throws {
    var bytes = try bytes(key)
    bytes[offset] ^= 0x10
    try replace(key, bytes)
  }

  /// The bytes of an object damaged in one of the ways every object must survive.
  func damage(_ key: ObjectKey, _ way: DamageWay) throws {
    let bytes = try bytes(key)
    switch way {
    case .flipped: try flip(key, at: bytes.count / 2)
    case .firstByte: try flip(key, at: 0)
    case .lastByte: try flip(key, at: bytes.count - 1)
    case .truncated: try replace(key, Array(bytes.dropLast(bytes.count / 2)))
    case .grown: try replace(key, bytes + [0])
    case .empty: try replace(key, [])
    case .missing: try replace(key, nil)
    }
  }
}

enum DamageWay: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case flipped, firstByte, lastByte, truncated, grown, empty, missing
  var testDescription: String { rawValue }
}

extension CheckReport {
  func finding(_ object: String) -> CheckFinding? { (errors + hints).first { $0.object == object } }
}

extension CheckFinding {
  /// "number of snapshot:path" for each touched path.
  func touched(_ snapshots: [Snapshot]) -> Set<String> {
    Set(affected.map { item in "\(snapshots.firstIndex { $0.idHex == item.snapshot } ?? -1):\(text(item.path))" })
  }
}
