import CairnFormat
import CairnStorage
import CairnTestSupport
import Glibc
import Testing

@testable import CairnKit

/// A command that changes what is there, and the repository that it is run in: four small snapshots, of the seconds 1 to 4.
enum MaintenanceCommand: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case forget, undo, prune, addKey, replaceKey, removeKey

  var testDescription: String { rawValue }

  private static let secondKey = Credential.keyFile([UInt8](repeating: 9, count: 32).withUnsafeBytes { SecretBytes(copying: $0) })

  /// Whether all crash points are tried, or some of them.
  static var triesAll: Bool { getenv("CAIRN_CRASH_POINTS") != nil }

  // MARK: - The repository

  /// With packs so small that every snapshot has several.
  static func open(_ storage: any Storage) throws -> Repository {
    let base: Repository
    do { base = try TestRepository.open(storage) } catch let error as CairnError where error.code == .wrongPassword {
      base = try Repository.open(storage, credential: secondKey)
    }
    var config = base.config
    (config.dataPackBytes, config.treePackBytes) = (64 << 10, 64 << 10)
    return Repository(
      storage: storage, keys: base.keys, config: config, options: base.options, slot: base.currentSlot, info: base.currentSlotInfo,
      master: base.master, sink: NoProgress())
  }

  private static func tree(_ number: Int64) -> [String: [UInt8]] {
    func noise(_ seed: Int64, _ count: Int) -> [UInt8] {
      var random = SplitMix64(seed: UInt64(seed))
      return random.bytes(count)
    }
    return [
      "same": noise(100, 30_000), "own": noise(number, 50_000), "half": noise(10 + number / 2, 25_000), "small": noise(20 + number, 300),
      "common": noise(30, 400),
    ]
  }

  /// Makes the repository that the command is for.
  func prepare(_ storage: any Storage) throws {
    _ = try TestRepository.create(storage)
    let repository = try Self.open(storage)
    for number in Int64(1)...4 {
      _ = try SampleStore(repository: repository).snapshot(Self.tree(number).mapValues { .file($0) }, time: number)
    }
    let gone: Set<Int64> =
      switch self {
      case .undo: [1, 2]
      case .prune: [1, 3]
      default: []
      }
    if !gone.isEmpty { try Self.forget(repository) { gone.contains($0) } }
    if self == .removeKey { _ = try repository.addKey(Self.secondKey, label: "second") }
  }

  private static func forget(_ repository: Repository, _ isChosen: (Int64) -> Bool) throws {
    var options = ForgetOptions()
    options.snapshots = try repository.snapshots().snapshots.filter { isChosen($0.manifest.time.seconds) }.map(\.idHex)
    if !options.snapshots.isEmpty { try repository.forget(repository.planForget(options)) }
  }

  // MARK: - The command

  /// Runs it; after a run that was interrupted, it does what is left.
  func run(_ repository: Repository) throws {
    switch self {
    case .forget: try Self.forget(repository) { $0 == 1 }
    case .undo: try repository.undoForget(repository.forgottenSnapshots().snapshots)
    case .prune: try Self.prune(repository)
    case .addKey: _ = try repository.addKey(Self.secondKey, label: "second")
    case .replaceKey: _ = try repository.replaceCurrentKey(with: Self.secondKey)
    case .removeKey:
      for slot in try repository.keySlots() where !slot.isCurrent { _ = try repository.removeKey(slot.name) }
    }
  }

  static func prune(_ repository: Repository) throws {
    var options = PruneOptions()
    options.maxUnused = .bytes(0)
    #expect(try repository.prune(options, context: RunContext(threads: 1)).waitingFor.isEmpty)
  }

  /// Snapshots that are listed before and after it.
  private var kept: Set<Int64> {
    switch self {
    case .forget: [2, 3, 4]
    case .undo: [3, 4]
    case .prune: [2, 4]
    default: [1, 2, 3, 4]
    }
  }

  // MARK: - Looking

  /// Expects that nothing is lost, wherever the command was interrupted.
  ///
  /// - Parameter isFinished: it has been run to its end.
  func expectWhole(_ storage: any Storage, isFinished: Bool, _ comment: Comment) throws {
    let repository = try Self.open(storage)
    let view = try repository.loadView()
    #expect(view.problems.isEmpty, comment)
    let listed = Set(view.snapshots.map(\.manifest.time.seconds))
    if isFinished {
      #expect(listed == (self == .undo ? [1, 2, 3, 4] : kept), comment)
    } else {
      #expect(listed.isSuperset(of: kept), comment)
    }
    for snapshot in view.snapshots {
      let files = try Self.files(view, snapshot)
      #expect(files == Self.tree(snapshot.manifest.time.seconds), comment)
    }
    let report = try repository.check(CheckOptions(readData: .all))
    #expect(report.errors.map(\.sentence) == [], comment)
  }

  /// Expects that a last prune leaves no garbage.
  func expectClean(_ storage: any Storage, _ comment: Comment) throws {
    for _ in 0..<2 { try Self.prune(Self.open(storage)) }
    let report = try Self.open(storage).check()
    #expect((report.errors + report.hints).map(\.sentence) == [], comment)
  }

  private static func files(_ view: RepositoryView, _ snapshot: Snapshot) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    var nodes = try view.trees.cursor(snapshot.manifest.root)
    while let node = try nodes.next() {
      var content = view.trees.content(node)
      var bytes: [UInt8] = []
      while let item = try content.next() { if let id = item.id { bytes += try view.blobs.read(id, .data) } }
      files[String(decoding: node.name, as: UTF8.self)] = bytes
    }
    return files
  }
}
