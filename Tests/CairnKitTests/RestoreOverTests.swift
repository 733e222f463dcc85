import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// Restoring where something is already.
@Suite struct RestoreOverTests {
  private func opened(_ fixture: RestoreFixture, _ path: String) throws -> OpenFile {
    try OpenFile.open(fixture.target + Array("/\(path)".utf8), [.read, .write])
  }

  private func spoil(_ fixture: RestoreFixture) throws {
    try fixture.write("changed", Array("CHANGED!".utf8), in: fixture.target)
    let root = try OpenFile.open(fixture.target, [.read, .directory])
    try FileSystem.unlink(at: root, name: Array("deleted".utf8))
    try FileSystem.unlink(at: root, name: Array("folder".utf8))
    try FileSystem.makeDirectory(at: root, name: Array("folder".utf8))
    try FileSystem.unlink(at: root, name: Array("linked".utf8))
    try fixture.link("linked", to: "/etc/hostname", in: fixture.target)
    try opened(fixture, "mode").setMode(0o777)
    try opened(fixture, "cut").truncate(to: 0)
    try opened(fixture, "longer").truncate(to: 1 << 20)
    try opened(fixture, "attribute").setExtendedAttribute(name: Array("user.stranger".utf8), value: [1])
    try FileSystem.removeTree(at: root, name: Array("tree".utf8))
    try fixture.write("tree", Array("a file where a directory was".utf8), in: fixture.target)
    try fixture.write("stranger", [1], in: fixture.target)
    try fixture.folder("strangers", in: fixture.target)
    try fixture.write("strangers/in", [1], in: fixture.target)
  }

  private func prepared() throws -> (RestoreFixture, Snapshot) {
    let fixture = try RestoreFixture()
    var random = SplitMix64(seed: 20)
    for name in ["changed", "deleted", "folder", "linked", "mode", "cut", "longer", "attribute"] {
      try fixture.write(name, random.bytes(400_000))
    }
    try fixture.folder("tree")
    try fixture.write("tree/leaf", random.bytes(1000))
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot)
    #expect(try fixture.differences() == [])
    return (fixture, snapshot)
  }

  @Test func aSpoiltTreeIsPutRightAndStrangersStay() throws {
    let (fixture, snapshot) = try prepared()
    try spoil(fixture)
    let recorder = Recorder()
    let report = try fixture.restore(snapshot, recorder)
    #expect(recorder.problems == [])
    #expect(try fixture.differences(ignoringExtra: ["stranger", "strangers", "strangers/in"]) == [])
    #expect(report.filesUpdated == 2 && report.filesUnchanged == 0 && report.deleted == 0, "\(report)")
    let deleting = try fixture.restore(snapshot) { $0.delete = true }
    #expect(deleting.deleted == 2 && deleting.filesRestored == 0)
    #expect(try fixture.differences() == [])
  }

  @Test func namesLinkedTheWrongWayAreSortedOut() throws {
    let fixture = try RestoreFixture()
    for name in ["a", "c"] {
      try fixture.write(name, [1, 2, 3])
      try fixture.stamp(name, 1_600_000_000)
    }
    try fixture.hardLink("b", to: "a")
    try fixture.hardLink("d", to: "c")
    try fixture.write("single", [1, 2, 3])
    try fixture.stamp("single", 1_600_000_000)
    let snapshot = try fixture.backup()
    for groups in [[["a", "c"], ["b", "d"], ["single"]], [["a", "d"], ["b", "c", "single"]], [["a", "b", "c", "d", "single"]]] {
      try fixture.restore(snapshot)
      let root = try OpenFile.open(fixture.target, [.read, .directory])
      for group in groups {
        for name in group.dropFirst() {
          try FileSystem.unlink(at: root, name: Array(name.utf8))
          try FileSystem.link(from: root, fromName: Array(group[0].utf8), to: root, toName: Array(name.utf8))
        }
      }
      let recorder = Recorder()
      try fixture.restore(snapshot, recorder)
      #expect(recorder.problems == [], "\(groups)")
      let inodes = try ["a", "b", "c", "d", "single"].map { try FileSystem.status(at: root, name: Array($0.utf8)).inode }
      #expect(inodes[0] == inodes[1] && inodes[2] == inodes[3] && Set(inodes).count == 3, "\(groups): \(inodes)")
      #expect(try fixture.differences() == [])
    }
  }

  @Test func onlyMissingPartsAreFetched() throws {
    let counting = CountingStorage(MemoryStorage())
    let fixture = try RestoreFixture(storage: counting)
    var random = SplitMix64(seed: 21)
    try fixture.write("big", random.bytes(16 << 20))
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot)
    try [UInt8](repeating: 0, count: 10).withUnsafeBytes { try opened(fixture, "big").write($0, at: 5 << 20) }
    counting.reset()
    try fixture.restore(snapshot)
    #expect(try fixture.differences() == [])
    #expect(counting.packBytes < 4 << 20, "fetched \(counting.packBytes)")
  }

  @Test func aFullDirectoryInTheWayGoesWithDeleteOnly() throws {
    let fixture = try RestoreFixture()
    try fixture.write("file", [1, 2, 3])
    let snapshot = try fixture.backup()
    try fixture.folder("../target")
    try fixture.folder("file", in: fixture.target)
    try fixture.write("file/precious", [9], in: fixture.target)
    let recorder = Recorder()
    let report = try fixture.restore(snapshot, recorder)
    #expect(report.problems == 1 && recorder.problems.first?.hasPrefix("/file: ") == true)
    #expect(try TreeSnapshot(fixture.target).entries["file/precious"] != nil)
    #expect(try fixture.restore(snapshot) { $0.delete = true }.problems == 0)
    #expect(try fixture.differences() == [])
  }

  @Test func linksLyingInWaitAreReplacedAndNeverFollowed() throws {
    let fixture = try RestoreFixture()
    try fixture.folder("dir")
    for name in ["dir/file", "plain", "made"] { try fixture.write(name, Array("from the backup".utf8), mode: 0o666) }
    let snapshot = try fixture.backup()
    try fixture.folder("../victim", mode: 0o700)
    let victim = fixture.directory.path("victim")
    for name in ["file", "plain"] { try fixture.write(name, Array("precious".utf8), mode: 0o600, in: victim) }
    let before = try TreeSnapshot(victim)
    try fixture.folder("../target")
    try fixture.link("dir", to: fixture.directory.string + "/victim", in: fixture.target)
    try fixture.link("plain", to: fixture.directory.string + "/victim/plain", in: fixture.target)
    try fixture.link("made", to: fixture.directory.string + "/victim/created", in: fixture.target)
    let report = try fixture.restore(snapshot)
    #expect(report.problems == 0)
    #expect(try fixture.differences() == [])
    #expect(before.differences(from: try TreeSnapshot(victim)) == [])
  }

  @Test func anotherNameOfAnExistingFileIsNotWrittenThrough() throws {
    let fixture = try RestoreFixture()
    for name in ["content", "metadata"] { try fixture.write(name, Array(name.utf8), mode: 0o644) }
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot)
    let root = try OpenFile.open(fixture.target, [.read, .directory])
    for name in ["content", "metadata"] {
      try FileSystem.link(from: root, fromName: Array(name.utf8), to: try fixture.directory.open(), toName: Array("other-\(name)".utf8))
    }
    try fixture.directory.write("other-content", Array("changed!".utf8))
    try OpenFile.open(fixture.directory.path("other-metadata"), [.read]).setMode(0o600)
    try fixture.restore(snapshot)
    #expect(try fixture.differences() == [])
    #expect(try fixture.directory.read("other-content") == Array("changed!".utf8))
    #expect(try OpenFile.open(fixture.directory.path("other-metadata"), [.read]).status().mode == 0o600)
  }

  @Test func overwriteDecidesWhatIsReplaced() throws {
    let fixture = try RestoreFixture()
    for name in ["older", "newer", "sneaky"] {
      try fixture.write(name, Array("snapshot".utf8))
      try fixture.stamp(name, 1_000_000)
    }
    let snapshot = try fixture.backup()
    func existing() throws {
      try fixture.restore(snapshot)
      for (name, time) in [("older", 999_999), ("newer", 1_000_001), ("sneaky", 1_000_000)] as [(String, Int64)] {
        try fixture.write(name, Array("existing".utf8), in: fixture.target)
        try fixture.stamp(name, time, in: fixture.target)
      }
    }
    func contents() throws -> [String] {
      try ["older", "newer", "sneaky"].map { String(decoding: try fixture.directory.read("target/\($0)"), as: UTF8.self) }
    }
    for (overwrite, wanted) in [
      (.always, ["snapshot", "snapshot", "snapshot"]), (.ifChanged, ["snapshot", "snapshot", "existing"]),
      (.ifNewer, ["snapshot", "existing", "existing"]), (.never, ["existing", "existing", "existing"]),
    ] as [(RestoreOptions.Overwrite, [String])] {
      try existing()
      try fixture.restore(snapshot) { $0.overwrite = overwrite }
      #expect(try contents() == wanted, "\(overwrite)")
    }
  }

  @Test(.enabled(if: Host.userID == 0)) func protectedFilesAndFoldersAreRestoredOver() throws {
    let fixture = try RestoreFixture()
    try fixture.folder("sealed")
    for name in ["immutable", "append", "sealed/in"] { try fixture.write(name, Array(name.utf8)) }
    func flag(_ base: [UInt8], _ flags: [(String, UInt32)]) throws {
      for (name, flags) in flags { try OpenFile.open(base + Array("/\(name)".utf8), [.read]).setInodeFlags(flags) }
    }
    let on: [(String, UInt32)] = [("immutable", 0x10), ("append", 0x20), ("sealed", 0x10)]
    let off = on.map { ($0.0, UInt32(0)) }
    defer {
      // `try?`: only so that the folder can be removed.
      try? flag(fixture.source, off)
      try? flag(fixture.target, off)
    }
    do { try flag(fixture.source, on) } catch { return }  // a file system without flags
    let snapshot = try fixture.backup()
    #expect(try fixture.restore(snapshot).problems == 0)
    #expect(try fixture.differences() == [])
    try flag(fixture.target, off)
    try fixture.write("immutable", Array("changed".utf8), in: fixture.target)
    try fixture.write("sealed/in", Array("changed".utf8), in: fixture.target)
    try flag(fixture.target, on)
    #expect(try fixture.restore(snapshot).problems == 0)
    #expect(try fixture.differences() == [])
  }

  @Test func litterOfAnInterruptedRestoreIsRemoved() throws {
    let fixture = try RestoreFixture()
    try fixture.write("file", [1])
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot)
    try fixture.write(".cairn-0123456789abcdef.tmp", [1], in: fixture.target)
    try fixture.write(".cairn-0123456789ABCDEF.tmp", [1], in: fixture.target)
    try fixture.restore(snapshot)
    #expect(try TreeSnapshot(fixture.target).entries.keys.sorted() == [".", ".cairn-0123456789ABCDEF.tmp", "file"])
  }
}
