import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization

@testable import CairnKit

/// A source tree, a repository that has it, and a place to restore to.
final class RestoreFixture: Sendable {
  let directory = TemporaryDirectory()
  let storage: any Storage
  let repository: Repository
  var source: [UInt8] { directory.path("source") }
  var target: [UInt8] { directory.path("target") }

  init(storage: any Storage = MemoryStorage(), chunker: ChunkerParameters = .small) throws {
    self.storage = storage
    repository = try TestRepository.create(storage, chunker: chunker)
    try FileSystem.makeDirectory(at: try directory.open(), name: Array("source".utf8), mode: 0o755)
  }

  /// Backs up the contents of the source as the root of a snapshot.
  func backup(threads: Int? = nil, _ change: (inout BackupOptions) -> Void = { _ in }) throws -> Snapshot {
    var options = BackupOptions()
    options.workingDirectory = source
    options.sources = [Array(".".utf8)]
    change(&options)
    guard let snapshot = try repository.backup(options, context: RunContext(threads: threads)).snapshot else {
      throw CairnError(.failed, "no snapshot was made")
    }
    return snapshot
  }

  /// Restores into the target; `problems` of the recorder tell what could not be.
  @discardableResult
  func restore(
    _ snapshot: Snapshot, _ recorder: Recorder = Recorder(), cancellation: Cancellation = Cancellation(), threads: Int = 2,
    _ change: (inout RestoreOptions) -> Void = { _ in }
  ) throws -> RestoreReport {
    var options = RestoreOptions(snapshot: snapshot, target: target)
    options.reportsItems = true
    change(&options)
    return try repository.restore(options, context: RunContext(sink: recorder, cancellation: cancellation, threads: threads))
  }

  func removeTarget() throws { try FileSystem.removeTree(at: try directory.open(), name: Array("target".utf8)) }

  /// What differs between source and target.
  func differences(ignoringRoot: Bool = false, ignoringExtra: Set<String> = [], where wanted: (String) -> Bool = { _ in true }) throws
    -> [String]
  {
    try TreeSnapshot(source).differences(
      from: try TreeSnapshot(target), ignoringRoot: ignoringRoot, ignoringExtra: ignoringExtra, where: wanted)
  }

  // MARK: - Making trees

  /// A path below the source.
  func at(_ path: String) -> [UInt8] { path.isEmpty ? source : source + [0x2f] + Array(path.utf8) }

  func write(_ path: String, _ content: [UInt8], mode: UInt32 = 0o644, in base: [UInt8]? = nil) throws {
    let full = (base ?? source) + [0x2f] + Array(path.utf8)
    let file = try OpenFile.open(full, [.write, .create, .truncate])
    try content.withUnsafeBytes { try file.write($0) }
    try file.setMode(mode)
  }

  func folder(_ path: String, mode: UInt32 = 0o755, in base: [UInt8]? = nil) throws {
    let full = (base ?? source) + [0x2f] + Array(path.utf8)
    let slash = full.lastIndex(of: 0x2f) ?? 0
    let parent = try OpenFile.open(Array(full[..<slash]), [.read, .directory])
    try FileSystem.makeDirectory(at: parent, name: Array(full[(slash + 1)...]), mode: 0o700)
    try OpenFile.open(full, [.read, .directory]).setMode(mode)
  }

  func parent(_ path: [UInt8]) throws -> (OpenFile, [UInt8]) {
    let slash = path.lastIndex(of: 0x2f) ?? 0
    return (try OpenFile.open(Array(path[..<slash]), [.read, .directory]), Array(path[(slash + 1)...]))
  }

  func link(_ path: String, to target: String, in base: [UInt8]? = nil) throws {
    let (parent, name) = try parent((base ?? source) + [0x2f] + Array(path.utf8))
    try FileSystem.makeSymbolicLink(target: Array(target.utf8), at: parent, name: name)
  }

  func hardLink(_ path: String, to other: String) throws {
    let (from, fromName) = try parent(at(other))
    let (to, toName) = try parent(at(path))
    try FileSystem.link(from: from, fromName: fromName, to: to, toName: toName)
  }

  func stamp(_ path: String, _ seconds: Int64, _ nanoseconds: UInt32 = 123_456_789, in base: [UInt8]? = nil) throws {
    let (parent, name) = try parent((base ?? source) + [0x2f] + Array(path.utf8))
    try FileSystem.setModificationTime(at: parent, name: name, FileTime(seconds: seconds, nanoseconds: nanoseconds))
  }

  /// A tree with something of everything that an ordinary user may make, and more as root.
  func plant(seed: UInt64, files: Int = 30) throws {
    var random = SplitMix64(seed: seed)
    for path in ["a", "a/b", "a/b/c", "empty", "d", "d/locked"] { try folder(path) }
    let folders = ["", "a/", "a/b/", "a/b/c/", "d/"]
    let sizes = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537, 300_000, 1_048_577]
    for number in 0..<files {
      let size = number < sizes.count ? sizes[number] : Int(random.next() % 100_000)
      let path = folders[Int(random.next() % UInt64(folders.count))] + "file\(number)"
      try write(path, random.bytes(size), mode: [0o644, 0o600, 0o755, 0o440][Int(random.next() % 4)])
      try stamp(path, Int64(random.next() % 1_700_000_000), UInt32(random.next() % 1_000_000_000))
    }
    try write("a/same", [UInt8](repeating: 65, count: 50_000))
    try write("d/same", [UInt8](repeating: 65, count: 50_000))
    try write("d/locked/in", Array("locked in".utf8), mode: 0o400)
    try link("dangling", to: "no/where")
    try link("a/up", to: "../../../etc")
    try stamp("a/up", 1_234_567_890)
    try hardLink("d/linked", to: "a/same")
    try hardLink("a/b/linked", to: "a/same")
    try plantSpecials()
    if Host.userID == 0 { try plantAsRoot() }
    try OpenFile.open(at("d/locked"), [.read]).setMode(0o555)
    for path in ["a/b/c", "a/b", "a", "empty", "d/locked", "d"] { try stamp(path, Int64(random.next() % 1_700_000_000)) }
  }

  private func plantSpecials() throws {
    let root = try OpenFile.open(source, [.read, .directory])
    try FileSystem.makeNode(at: root, name: Array("fifo".utf8), type: .fifo, mode: 0o640)
    try FileSystem.makeNode(at: root, name: Array("socket".utf8), type: .socket, mode: 0o600)
    for name in [[0xff, 0xfe] as [UInt8], Array("new\nline".utf8), Array("-rf".utf8), [UInt8](repeating: 0x78, count: 255)] {
      let file = try OpenFile.open(name, at: root, [.write, .create, .exclusive])
      try name.withUnsafeBytes { try file.write($0) }
    }
    let sparse = try OpenFile.open(Array("sparse".utf8), at: root, [.write, .create, .exclusive])
    try sparse.truncate(to: 3 << 20)
    try [UInt8](repeating: 9, count: 5000).withUnsafeBytes { try sparse.write($0, at: 1 << 20) }
    let file = try OpenFile.open(at("a/same"), [.read, .write])
    try file.setExtendedAttribute(name: Array("user.text".utf8), value: Array("value".utf8))
    try file.setExtendedAttribute(name: Array("user.empty".utf8), value: [])
  }

  private func plantAsRoot() throws {
    let root = try OpenFile.open(source, [.read, .directory])
    try FileSystem.makeNode(at: root, name: Array("device".utf8), type: .characterDevice, mode: 0o620, major: 511, minor: 1_048_575)
    try FileSystem.setOwner(at: root, name: Array("dangling".utf8), uid: 1234, gid: 4321)
    try write("setuid", Array("#!".utf8))
    let setuid = try OpenFile.open(at("setuid"), [.read])
    try setuid.setOwner(uid: 1234, gid: 5678)
    try setuid.setMode(0o6755)
    try write("capable", [0x7f])
    let capable = try OpenFile.open(at("capable"), [.read, .write])
    try capable.setOwner(uid: 77, gid: 78)
    try capable.setExtendedAttribute(
      name: MetadataWriter.capability, value: [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    let folder = try OpenFile.open(at("empty"), [.read])
    try folder.setExtendedAttribute(name: Array("trusted.t".utf8), value: Array("t".utf8))
    try folder.setExtendedAttribute(name: MetadataWriter.defaultACL, value: Self.acl)
    try OpenFile.open(at("a/b/c"), [.read]).setOwner(uid: 99, gid: 98)
    try OpenFile.open(at("a/file-with-acl"), [.write, .create]).setExtendedAttribute(name: MetadataWriter.accessACL, value: Self.acl)
  }

  /// user::rwx user:1234:r-x group::r-x mask::rwx other::---
  static let acl: [UInt8] = {
    var bytes: [UInt8] = [2, 0, 0, 0]
    for (tag, permissions, id) in [(1, 7, UInt32.max), (2, 5, 1234), (4, 5, .max), (16, 7, .max), (32, 0, .max)] as [(UInt8, UInt8, UInt32)]
    {
      bytes += [tag, 0, permissions, 0] + (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
    }
    return bytes
  }()
}

/// Keeps what is reported.
final class Recorder: ProgressSink {
  private let state = Mutex<(problems: [ItemProblem], items: [String])>(([], []))

  func report(_ event: ProgressEvent) {
    state.withLock { state in
      switch event {
      case .problem(let problem): state.problems.append(problem)
      case .item(let path, let action, _, _): state.items.append("\(action.rawValue) \(String(decoding: path, as: UTF8.self))")
      default: break
      }
    }
  }

  var problems: [String] {
    state.withLock { $0.problems.map { "\(String(decoding: $0.path, as: UTF8.self)): \($0.during): \($0.message)" } }
  }
  var items: [String] { state.withLock { $0.items } }
}
