import CairnSystem
import CairnTestSupport
import Foundation
import Glibc
import Testing

@testable import cairn

/// Images through the command line: of files everywhere, of loop devices where there are some.
@Suite struct ImageCommandTests {
  private static let size = 2_000_000

  private func disk(seed: UInt64 = 1) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return random.bytes(1_000_000) + [UInt8](repeating: 0, count: 600_000) + random.bytes(Self.size - 1_600_000)
  }

  private func program() throws -> CairnProcess {
    let cairn = try CairnProcess.withRepository()
    try cairn.directory.write("disk", disk())
    return cairn
  }

  @Test(arguments: [
    ["--include", "a"], ["--exclude", "a"], ["--overwrite", "never"], ["--delete"], ["--sparse"], ["--skip-owner"], ["--skip-attributes"],
    ["--no-verify", "--verify"],
  ])
  func whatAnImageCannotHeedIsRefused(_ options: [String]) throws {
    let cairn = CairnProcess()
    let result = try cairn.run(
      bytes: (["restore", "latest", "--image", cairn.path + "/new", "--yes"] + options).map { Array($0.utf8) })
    #expect(result.status == 64 && (result.errors.contains("do not go with it") || result.errors.contains("exclude each other")))
  }

  @Test func aTargetThatIsALinkToNothingIsRefusedBeforeAnythingIsWritten() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.write("disk", String(repeating: "x", count: 300_000))
    #expect(try cairn.run("backup", "--image", "disk").status == 0)
    symlink(cairn.path + "/nowhere", cairn.path + "/link")
    let result = try cairn.run("restore", "latest", "--image", "link")
    #expect(result.status == 64 && result.errors.contains("is a symbolic link that leads to nothing"))
    // A dry run makes nothing.
    let dry = try cairn.run("restore", "latest", "--image", "new", "--dry-run")
    #expect(dry.status == 0 && dry.errors.isEmpty && access(cairn.path + "/new", F_OK) != 0)
  }

  @Test func everyCommandKnowsImages() throws {
    let cairn = try program()
    let first = try cairn.run("backup", "--image", "disk", "--json")
    #expect(first.status == 0 && first.summary["kind"] as? String == "full")
    var changed = disk()
    changed[0] ^= 1
    try cairn.directory.write("disk", changed)
    #expect(try cairn.run("backup", "--image", "disk", "--tag", "second").status == 0)
    #expect(try cairn.run("snapshots").text.contains("/disk (image)"))
    let listed = try cairn.run("snapshots", "--json").array
    #expect(listed.map { $0["image"] as? Bool } == [true, true] && listed.map { $0["kind"] as? String } == ["full", "incremental"])
    #expect(try cairn.run("diff", "latest~1", "latest").text.contains("M    /disk"))
    #expect(try cairn.run("find", "disk").text.contains("/disk"))
    #expect(try cairn.run("history", "disk").text.contains("2"))
    #expect(try cairn.run("cat", "latest:disk").output == changed)
    #expect(try cairn.run("cat", "latest~1:disk").output == disk())
    #expect(try cairn.run("check", "--read-data").status == 0)
    #expect(try cairn.run("forget", "--keep-last", "1", "--prune").status == 0)
    #expect(try cairn.run("check", "--read-data").status == 0)
    #expect(try cairn.run("restore", "latest", "--target", "out").status == 0)
    #expect(try cairn.directory.read("out/disk") == changed)
  }

  @Test func partitionsAreListed() throws {
    let cairn = try program()
    var table = [UInt8](repeating: 0, count: 512)
    table[440] = 0x2A
    table.replaceSubrange(450..<462, with: [0x0C, 0, 0, 0, 2, 0, 0, 0, 100, 0, 0, 0])
    table.replaceSubrange(466..<478, with: [0x83, 0, 0, 0, 200, 0, 0, 0, 0, 4, 0, 0])
    table.replaceSubrange(510..<512, with: [0x55, 0xAA])
    try cairn.directory.write("disk", table + disk()[512...])
    #expect(try cairn.run("backup", "--image", "disk").status == 0)
    let long = try cairn.run("ls", "-l", "latest")
    #expect(long.text.contains("  image of a disk in a file, MBR 0000002a, chunks of 256.000 KiB"))
    let row = long.lines.map { $0.split(separator: " ").joined(separator: " ") }
    #expect(row.contains("1 1.000 KiB 50.000 KiB FAT32 all") && row.contains("2 100.000 KiB 512.000 KiB Linux all"), "\(long.text)")
    let node = try #require(try cairn.run("ls", "latest", "--json").records.first { $0["image"] is [String: Any] })
    let image = try #require(node["image"] as? [String: Any])
    #expect(image["table"] as? String == "mbr" && image["source"] as? String == "file" && image["chunk_bytes"] as? Int == 262_144)
    let partitions = try #require(image["partitions"] as? [[String: Any]])
    #expect(partitions.map { $0["number"] as? Int } == [1, 2] && partitions[1]["start"] as? Int == 200 * 512)
  }

  @Test func anImageIsWrittenOverAFileOnlyWhenThatIsMeant() throws {
    let cairn = try program()
    #expect(try cairn.run("backup", "--image", "disk").status == 0)
    #expect(try cairn.run("restore", "latest", "--image", "fresh").status == 0)
    #expect(try cairn.directory.read("fresh") == disk())
    var other = disk()
    other[5] ^= 1
    try cairn.directory.write("other", other)
    let refused = try cairn.run("restore", "latest", "--image", "other")
    #expect(refused.status == 64 && refused.errors.contains("--yes"))
    let dry = try cairn.run("restore", "latest", "--image", "other", "--dry-run", "--json")
    #expect(dry.status == 0 && dry.summary["bytes_restored"] as? Int == 262_144)
    #expect(try cairn.directory.read("other") == other)
    let done = try cairn.run("restore", "latest", "--image", "other", "--yes", "--json")
    #expect(done.status == 0 && done.summary["bytes_restored"] as? Int == 262_144 && done.summary["verified"] as? Bool == true)
    #expect(try cairn.directory.read("other") == disk())
    let unverified = try cairn.run("restore", "latest", "--image", "other", "--yes", "--no-verify", "--json")
    #expect(unverified.summary["bytes_restored"] as? Int == 0 && unverified.summary["verified"] as? Bool == false)
    let inPlace = try cairn.run("restore", "latest", "--in-place")
    #expect(inPlace.status == 64 && inPlace.errors.contains("--image DEVICE"))
  }

  @Test(arguments: [
    ["backup", "--image", "disk", "other"], ["backup", "--image", "disk", "--stdin"],
    ["restore", "latest", "--image", "x", "--target", "y"],
    ["restore", "latest", "--target", "y", "--yes"], ["backup", "--image", "/dev/null"],
  ]) func wrongCommandLinesHaveStatus64(_ arguments: [String]) throws {
    #expect(try program().run(bytes: arguments.map { Array($0.utf8) }).status == 64)
  }

  // MARK: - Loop devices

  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../Disks/show.sh").path
  private static let tools = ["losetup", "sfdisk", "mkfs.ext4", "e2fsck", "e2image", "mkfs.vfat", "fsck.vfat", "mcopy"]
  private static var hasLoopDevices: Bool {
    let folders = ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"]
    return geteuid() == 0 && access("/dev/loop-control", W_OK) == 0 && access("/dev/loop0", F_OK) == 0
      && tools.allSatisfy { tool in folders.contains { access($0 + tool, X_OK) == 0 } }
  }

  /// The script ends at the first thing that is not as it should be.
  @Test(.enabled(if: hasLoopDevices, "needs root, loop devices, and \(tools.joined(separator: ", "))"))
  func aPartitionedDiskComesBackFromLoopDevices() throws {
    let cairn = CairnProcess()
    let files = TemporaryDirectory()
    try files.write("out", [])
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [Self.script, CairnProcess.binary, "128"]
    process.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": cairn.directory.string, "TMPDIR": files.string, "LANG": "C.UTF-8",
    ]
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: files.string + "/out"))
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let text = String(decoding: try files.read("out"), as: UTF8.self)
    #expect(process.terminationStatus == 0 && text.hasSuffix("== all as it should be\n"), "\(text.suffix(3000))")
    #expect(text.components(separatedBy: "ext4 partition: cmp equal where used").count == 4)
  }
}
