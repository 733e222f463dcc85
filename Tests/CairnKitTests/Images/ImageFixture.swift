import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Synchronization

@testable import CairnKit

/// A file that stands for a disk, and a repository that gets its images.
struct ImageFixture {
  static let chunk = 256 << 10

  let base: BackupFixture
  var directory: TemporaryDirectory { base.source }
  var repository: Repository { base.repository }
  var disk: [UInt8] { directory.path("disk") }
  var sink: RecordingSink { base.sink }

  init() throws { base = try BackupFixture() }

  func report(threads: Int = 2, _ change: (inout BackupOptions) -> Void = { _ in }) throws -> BackupReport {
    try base.backup(threads: threads) { options in
      options.sources = []
      options.image = BackupOptions.Image(path: Array("disk".utf8))
      change(&options)
    }
  }

  func snapshot(threads: Int = 2, _ change: (inout BackupOptions) -> Void = { _ in }) throws -> Snapshot {
    guard let snapshot = try report(threads: threads, change).snapshot else { throw BackupFixture.Missing(what: "snapshot") }
    return snapshot
  }

  func node(_ snapshot: Snapshot) throws -> Node {
    guard let node = try base.nodes(snapshot)["/disk"] else { throw BackupFixture.Missing(what: "/disk") }
    return node
  }

  func record(_ snapshot: Snapshot) throws -> ImageRecord { try ImageRecord.decode(try node(snapshot).image) }

  func items(_ snapshot: Snapshot) throws -> [ContentItem] {
    var cursor = try repository.loadView().trees.content(try node(snapshot))
    var items: [ContentItem] = []
    while let item = try cursor.next() { items.append(item) }
    return items
  }

  @discardableResult
  func restore(
    _ snapshot: Snapshot, to target: String = "target", sink: any ProgressSink = NoProgress(), cancellation: Cancellation = Cancellation(),
    _ change: (inout ImageRestoreOptions) -> Void = { _ in }
  ) throws -> ImageRestoreReport {
    var options = ImageRestoreOptions(snapshot: snapshot, target: directory.path(target))
    change(&options)
    return try repository.prepareImageRestore(options).run(context: RunContext(sink: sink, cancellation: cancellation, threads: 2))
  }

  // MARK: - Disks

  func patch(_ offset: Int, _ bytes: [UInt8], in name: String = "disk") throws {
    let file = try OpenFile.open(directory.path(name), [.write])
    try bytes.withUnsafeBytes { try file.write($0, at: UInt64(offset)) }
  }

  /// An empty file with an ext4 file system of some files in it, all free blocks of which hold bytes that nobody needs.
  ///
  /// - Parameter offset: where it lies in the disk, from which it reaches to the end.
  func makeFileSystem(_ tools: DiskTools, bytes: Int, at offset: Int = 0, type: String = "ext4", options: [String] = []) throws {
    var random = SplitMix64(seed: 7)
    try FileSystem.makeDirectory(at: try directory.open(), name: Array("tree".utf8), mode: 0o755)
    for number in 0..<20 { try directory.write("tree/file\(number)", random.bytes(10_000 * number)) }
    let plain = try OpenFile.open(directory.path("volume"), [.write, .create])
    // Filled before the file system is made: what it does not use keeps that.
    for start in stride(from: 0, to: bytes - offset, by: 1 << 20) {
      try random.bytes(min(1 << 20, bytes - offset - start)).withUnsafeBytes { try plain.write($0, at: UInt64(start)) }
    }
    let source = ["-E", "nodiscard", "-d", directory.string + "/tree"]
    try tools.run(tools.makeFileSystem, ["-q", "-F", "-t", type] + source + options + [directory.string + "/volume"])
    let disk = try OpenFile.open(disk, [.write, .create])
    _ = try disk.copyRange(from: OpenFile.open(directory.path("volume"), .read), at: 0, to: UInt64(offset), length: UInt64(bytes - offset))
    try FileSystem.unlink(at: try directory.open(), name: Array("volume".utf8))
  }
}

/// Programs of the system that make and check file systems; tests that need them are skipped where they are missing.
struct DiskTools {
  let makeFileSystem = DiskTools.find("mke2fs")
  let check = DiskTools.find("e2fsck")
  let edit = DiskTools.find("debugfs")

  static var haveExt: Bool { ["mke2fs", "e2fsck", "debugfs"].allSatisfy { !find($0).isEmpty } }

  private static func find(_ name: String) -> String {
    ["/usr/sbin/", "/sbin/", "/usr/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 } ?? ""
  }

  struct Failed: Error {
    let command: [String]
    let status: ExitStatus
  }

  /// Runs a program to its end; its output is dropped.
  func run(_ program: String, _ arguments: [String]) throws {
    let command = [program] + arguments
    let process = try ChildProcess.spawn(.arguments(command.map { Array($0.utf8) }), captureStandardOutput: true)
    if let output = process.standardOutput {
      var buffer = [UInt8](repeating: 0, count: 65536)
      while try buffer.withUnsafeMutableBytes({ try output.read(into: $0) }) > 0 {}
    }
    let status = try process.wait()
    guard case .exited(0) = status else { throw Failed(command: command, status: status) }
  }

  func requireClean(_ path: String) throws { try run(check, ["-fn", path]) }
}

/// Fails to read some ranges, and acts before a read.
struct BadSectors: BackupHooks {
  var ranges: [Range<UInt64>] = []
  var act: @Sendable (Range<UInt64>) -> Void = { _ in }
  func reached(_ point: BackupPoint, path: [UInt8]) {}
  func fails(reading range: Range<UInt64>) -> Bool {
    act(range)
    return ranges.contains { $0.overlaps(range) }
  }
}
