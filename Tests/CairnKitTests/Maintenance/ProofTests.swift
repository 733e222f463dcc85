import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

import struct SystemPackage.Errno

@testable import CairnKit

/// A proof must succeed with a good repository, and must fail with anything else.
@Suite struct ProofTests {
  private func prove(
    _ fixture: RestoreFixture, _ snapshot: Snapshot, _ sample: ProofOptions.Sample = .all, seed: UInt64 = 1,
    sink: any ProgressSink = NoProgress(), tamper: (@Sendable (OpenFile) throws -> Void)? = nil
  ) throws -> ProofReport {
    try FileSystem.makeDirectories(fixture.directory.path("scratch")).setMode(0o700)
    var options = ProofOptions(snapshot: snapshot, seed: seed, scratch: fixture.directory.path("scratch"))
    options.sample = sample
    options.afterRestore = tamper
    let report = try fixture.repository.prove(options, context: RunContext(sink: sink, threads: 2))
    #expect(try scratch(fixture).isEmpty, "the scratch folder is removed")
    return report
  }

  private func scratch(_ fixture: RestoreFixture) throws -> [[UInt8]] {
    let listing = try OpenFile.open(fixture.directory.path("scratch"), [.read, .directory]).list()
    return (0..<listing.count).map { listing.name($0) }
  }

  private func messages(_ report: ProofReport) -> [String] {
    report.differences.map { "\(Escaping.terminal($0.path)): \($0.message)" }
  }

  // MARK: - What must succeed

  @Test(arguments: [1, 2, 3] as [UInt64])
  func everythingOfATreeComesBack(seed: UInt64) throws {
    let fixture = try RestoreFixture()
    try fixture.plant(seed: seed)
    let snapshot = try fixture.backup()
    let report = try prove(fixture, snapshot)
    #expect(messages(report) == [])
    #expect(report.uncompared == [])
    #expect(report.proven == report.files && report.files > 35)
    #expect(report.provenBytes == report.bytes)
    #expect(report.directories == 6)
    #expect(report.isWhole)
  }

  @Test func aSampleIsPartOfTheSnapshotAndComesAgainWithItsSeed() throws {
    let fixture = try RestoreFixture()
    try fixture.plant(seed: 4)
    let snapshot = try fixture.backup()
    let seen = Mutex<[[String]]>([])
    for seed in [5, 5, 6] as [UInt64] {
      let report = try prove(fixture, snapshot, .drawn(files: 5, bytes: nil), seed: seed) { root in
        let entries = try TreeSnapshot(root.currentPath ?? []).entries
        let names = entries.filter { $0.value.type != .directory }.map(\.key).sorted()
        seen.withLock { $0.append(names) }
      }
      #expect(messages(report) == [])
      #expect(report.chosen == 5 && report.proven == 5)
    }
    let samples = seen.withLock { $0 }
    #expect(samples[0].count == 5)
    #expect(samples[0] == samples[1])
    #expect(samples[0] != samples[2])
  }

  @Test func aSampleByBytesLeavesLargeFilesOut() throws {
    let fixture = try RestoreFixture()
    var random = SplitMix64(seed: 9)
    try fixture.write("large", random.bytes(1 << 20))
    for number in 0..<20 { try fixture.write("small\(number)", random.bytes(1000)) }
    let sparse = try OpenFile.open(fixture.at("sparse"), [.write, .create])
    try sparse.truncate(to: 1 << 40)
    let report = try prove(fixture, try fixture.backup(), .drawn(files: 1000, bytes: 100_000))
    #expect(messages(report) == [])
    #expect(report.tooLarge == 1)
    #expect(report.proven == 21)
    #expect(report.files == 22)
  }

  @Test func anEmptySnapshotHasNothingToProve() throws {
    let fixture = try RestoreFixture()
    let report = try prove(fixture, try fixture.backup(), .drawn(files: 20, bytes: nil))
    #expect(report.files == 0 && report.proven == 0 && report.differenceCount == 0 && !report.isIncomplete)
  }

  // MARK: - What must fail

  /// One file, and what is done to it in the scratch folder.
  @Test(arguments: ["content", "cut", "longer", "mode", "time", "attribute", "stranger", "removed", "type", "hole", "unlinked", "folder"])
  func whateverDiffersIsNamed(what: String) throws {
    let fixture = try RestoreFixture()
    var random = SplitMix64(seed: 11)
    try fixture.folder("d")
    try fixture.write("d/file", random.bytes(300_000))
    try fixture.write("d/other", random.bytes(1000))
    try fixture.hardLink("d/second", to: "d/file")
    try OpenFile.open(fixture.at("d/file"), [.write]).setExtendedAttribute(name: Array("user.a".utf8), value: [1])
    let sparse = try OpenFile.open(fixture.at("sparse"), [.write, .create])
    try sparse.truncate(to: 1 << 20)
    let snapshot = try fixture.backup()
    let report = try prove(fixture, snapshot) { root in
      let folder = try OpenFile.open(Array("d".utf8), at: root, [.read, .directory])
      let (status, time) = (try folder.status(), FileTime(seconds: 5, nanoseconds: 6))
      let name = Array("file".utf8)
      let file = try OpenFile.open(name, at: folder, [.read, .write])
      let before = try file.status()
      switch what {
      case "content":
        var byte: [UInt8] = [0]
        _ = try byte.withUnsafeMutableBytes { try file.read(into: $0, at: 200_000) }
        byte[0] ^= 1
        try byte.withUnsafeBytes { try file.write($0, at: 200_000) }
      case "cut": try file.truncate(to: 299_999)
      case "longer": try file.truncate(to: 300_001)
      case "mode": try file.setMode(0o640)
      case "attribute": try file.removeExtendedAttribute(name: Array("user.a".utf8))
      case "stranger": try file.setExtendedAttribute(name: Array("user.b".utf8), value: [])
      case "removed": try FileSystem.unlink(at: folder, name: name)
      case "type":
        try FileSystem.unlink(at: folder, name: name)
        try FileSystem.makeDirectory(at: folder, name: name)
      case "hole":
        let sparse = try OpenFile.open(Array("sparse".utf8), at: root, [.read, .write])
        let times = try sparse.status().mtime
        try [1].withUnsafeBytes { try sparse.write($0, at: 500_000) }
        try sparse.setModificationTime(times)
      case "unlinked":
        try FileSystem.unlink(at: folder, name: Array("second".utf8))
        let copy = try OpenFile.open(Array("second".utf8), at: folder, [.write, .create, .exclusive])
        _ = try copy.copyRange(from: file, at: 0, to: 0, length: 300_000)
        try copy.setMode(before.mode)
        try copy.setExtendedAttribute(name: Array("user.a".utf8), value: [1])
        try copy.setModificationTime(before.mtime)
      default: break
      }
      try file.setModificationTime(what == "time" ? time : before.mtime)
      try folder.setModificationTime(what == "folder" ? time : status.mtime)
    }
    let message = messages(report).joined(separator: "\n")
    switch what {
    case "content":
      #expect(report.differences.allSatisfy { $0.message.hasPrefix("its content differs between byte ") })
      #expect(Set(report.differences.map { Escaping.terminal($0.path) }) == ["/d/file", "/d/second"])
    case "cut", "longer": #expect(message.contains("/d/file: its size was 300000 and is "))
    case "mode": #expect(message.contains("/d/file: its mode was 0644 and is 0640"))
    case "time": #expect(message.contains("and is 5.000000006"))
    case "attribute": #expect(message.contains("/d/file: its attribute user.a did not come back"))
    case "stranger": #expect(message.contains("/d/file: it has an attribute user.b that it did not have"))
    case "removed": #expect(message.hasPrefix("/d/file: ") && report.differenceCount == 1)
    case "type": #expect(message.contains("/d/file: it came back as something else"))
    case "hole": #expect(message.hasPrefix("/sparse: its content differs between byte 0 and byte 1048576"))
    case "unlinked": #expect(message == "/d/second: it is no longer the same file as its other names")
    default: #expect(message.hasPrefix("/d: its modification time was ") && report.proven == 4)
    }
    #expect(report.differenceCount > 0)
    #expect(report.proven + report.differenceCount >= 4)
  }

  @Test func damageOfTheRepositoryIsNamedWithItsFiles() throws {
    let subject = try CheckSubject(.memory)
    try subject.storage.delete(try subject.pack(of: "keep"))
    let repository = try subject.open()
    let snapshot = try #require(subject.snapshots.last)
    let folder = TemporaryDirectory()
    var options = ProofOptions(snapshot: snapshot, seed: 1, scratch: folder.path)
    options.sample = .all
    let report = try repository.prove(options, context: RunContext(threads: 2))
    #expect(report.differences.map { Escaping.terminal($0.path) }.contains("/keep"))
    #expect(report.proven + report.differenceCount == report.files)
    #expect(try folder.open().list().count == 0)
  }

  @Test func aDirectoryThatCannotBeReadIsNamedAndTheRestIsProven() throws {
    let fixture = try RestoreFixture()
    try fixture.folder("lost")
    try fixture.write("lost/in", [1])
    let before = try fixture.backup()
    try fixture.write("kept", [2, 3])
    let snapshot = try fixture.backup()
    // The tree of `lost` lies in a pack of the first snapshot, the root in one of the second.
    let view = try fixture.repository.loadView()
    let node = try #require(try view.trees.find([Array("lost".utf8)], in: before.manifest.root))
    let subtree = try #require(node.subtree)
    let place = try #require(try view.index.locate(subtree.key))
    try fixture.storage.delete(try place.frame.pack.key())
    let report = try prove(fixture, snapshot)
    #expect(report.differences.contains { $0.path == Array("/lost".utf8) })
    #expect(report.proven == 1 && report.differenceCount >= 1)
  }

  // MARK: - Scratch

  @Test func whateverHappensTheScratchFolderGoes() throws {
    let fixture = try RestoreFixture()
    try fixture.plant(seed: 21)
    let snapshot = try fixture.backup()
    struct Stop: Error {}
    #expect(throws: Stop.self) { _ = try prove(fixture, snapshot) { _ in throw Stop() } }
    #expect(try scratch(fixture).isEmpty)
    let cancellation = Cancellation()
    var options = ProofOptions(snapshot: snapshot, seed: 1, scratch: fixture.directory.path("scratch"))
    options.sample = .all
    options.afterRestore = { _ in cancellation.cancel() }
    #expect(throws: CancellationError.self) {
      _ = try fixture.repository.prove(options, context: RunContext(cancellation: cancellation, threads: 2))
    }
    #expect(try scratch(fixture).isEmpty)
  }

  @Test func aFullScratchFolderIsSaidAndIsRemoved() throws {
    let fixture = try RestoreFixture()
    var random = SplitMix64(seed: 22)
    for number in 0..<5 { try fixture.write("file\(number)", random.bytes(200_000)) }
    let snapshot = try fixture.backup()
    let script = FaultScript([.write], at: 2, .fail(.noSpace), repeats: true)
    let error = #expect(throws: CairnError.self) { _ = try script.run { try prove(fixture, snapshot) } }
    #expect(error?.code == .noSpace)
    #expect(error?.guidance?.contains("--scratch") == true)
    #expect(try scratch(fixture).isEmpty)
  }

  @Test func aFolderLeftBehindIsRemovedAndOneInUseIsNot() throws {
    let fixture = try RestoreFixture()
    try fixture.write("file", [1])
    let snapshot = try fixture.backup()
    let place = try FileSystem.makeDirectories(fixture.directory.path("scratch"))
    for name in ["cairn-proof-old", "cairn-proof-used", "cairn-proof-new", "something-else"] {
      try FileSystem.makeDirectory(at: place, name: Array(name.utf8))
      if name != "cairn-proof-new" {
        try FileSystem.setModificationTime(at: place, name: Array(name.utf8), FileTime(seconds: 1_000_000, nanoseconds: 0))
      }
    }
    let used = try OpenFile.open(Array("cairn-proof-used".utf8), at: place, [.read, .directory])
    #expect(used.tryLockExclusive())
    var options = ProofOptions(snapshot: snapshot, seed: 1, scratch: fixture.directory.path("scratch"))
    options.sample = .all
    #expect(try fixture.repository.prove(options, context: RunContext()).proven == 1)
    #expect(
      Set(try scratch(fixture).map { String(decoding: $0, as: UTF8.self) }) == ["cairn-proof-used", "cairn-proof-new", "something-else"])
    withExtendedLifetime(used) {}
  }

  @Test func aScratchPlaceThatIsNotThereIsAnErrorWithAdvice() throws {
    let fixture = try RestoreFixture()
    let options = ProofOptions(snapshot: try fixture.backup(), seed: 1, scratch: fixture.directory.path("nowhere"))
    let error = #expect(throws: CairnError.self) { _ = try fixture.repository.prove(options, context: RunContext()) }
    #expect(error?.guidance?.contains("--scratch") == true)
  }
}
