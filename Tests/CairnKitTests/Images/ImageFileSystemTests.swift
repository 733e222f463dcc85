import CairnFormat
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite(.enabled(if: DiskTools.haveExt, "needs mke2fs, e2fsck and debugfs"))
struct ImageFileSystemTests {
  private static let bytes = 12 << 20
  private let tools = DiskTools()

  private static let kinds: [[String]] = [
    ["ext4"], ["ext2"], ["ext3"], ["ext4", "-b", "1024"], ["ext4", "-O", "bigalloc"], ["ext4", "-O", "^flex_bg"],
    ["ext4", "-O", "^metadata_csum,uninit_bg"], ["ext4", "-O", "meta_bg,^resize_inode"], ["ext4", "-b", "1024", "-g", "1024"],
  ]

  /// What a snapshot has other than the disk, in bytes of whole blocks.
  private func differences(_ f: ImageFixture, _ snapshot: Snapshot) throws -> Int {
    let end = try f.directory.read("disk").count
    return try differing(f, snapshot).reduce(0) { $0 + min(4096, end - $1) }
  }

  /// Where blocks of 4 KiB begin that the image does not hold as the disk does.
  private func differing(_ f: ImageFixture, _ snapshot: Snapshot) throws -> Set<Int> {
    let (content, disk) = (try f.base.content(try f.node(snapshot)), try f.directory.read("disk"))
    return Set(
      stride(from: 0, to: disk.count, by: 4096).filter { start in
        let end = min(start + 4096, disk.count)
        return content[start..<end] != disk[start..<end]
      })
  }

  @Test(arguments: kinds) func onlyBlocksInUseAreReadAndTheFileSystemStaysWhole(_ kind: [String]) throws {
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: Self.bytes, type: kind[0], options: Array(kind.dropFirst()))
    try tools.requireClean(f.directory.string + "/disk")
    let report = try f.report()
    let snapshot = try #require(report.snapshot)
    let volume = try #require(try f.record(snapshot).volumes.first)
    #expect(volume.holdsUsedBlocksOnly && volume.number == 0 && volume.range == 0..<UInt64(Self.bytes))
    #expect(volume.fileSystem == kind[0], "\(f.sink.messages)")
    #expect(report.statistics.bytesRead < UInt64(Self.bytes) * 2 / 3)
    #expect(try differences(f, snapshot) > Self.bytes / 4)
    try f.restore(snapshot)
    try tools.requireClean(f.directory.string + "/target")
    try expectFiles(f, "target")
  }

  /// The files of the tree come out of the file system as they went in.
  private func expectFiles(_ f: ImageFixture, _ disk: String) throws {
    try FileSystem.makeDirectory(at: try f.directory.open(), name: Array("dump".utf8), mode: 0o755)
    let (place, name) = (f.directory.string + "/dump", f.directory.string + "/" + disk)
    try tools.run(tools.edit, ["-R", "rdump / \(place)", name])
    for number in 0..<20 { #expect(try f.directory.read("dump/file\(number)") == f.directory.read("tree/file\(number)")) }
  }

  @Test func whatWasNotInUseIsLeftAloneUnlessZerosAreWanted() throws {
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: Self.bytes)
    let snapshot = try f.snapshot()
    try f.directory.write("target", [UInt8](repeating: 0xAA, count: Self.bytes))
    let report = try f.restore(snapshot)
    let target = try f.directory.read("target")
    let block = [UInt8](repeating: 0xAA, count: 4096)
    let left = stride(from: 0, to: target.count, by: 4096).filter { target[$0..<($0 + 4096)] == block[...] }.count * 4096
    #expect(report.bytesLeft > 2 << 20 && left >= Int(report.bytesLeft) && report.bytesZeroed == 0)
    try tools.requireClean(f.directory.string + "/target")
    let zeroed = try f.restore(snapshot) { $0.zeroFree = true }
    #expect(zeroed.bytesZeroed == report.bytesLeft && zeroed.bytesLeft == 0 && zeroed.isVerified)
    #expect(try f.base.content(try f.node(snapshot)) == f.directory.read("target"))
  }

  @Test func aPartitionOfADiskIsLookedAtByItself() throws {
    let f = try ImageFixture()
    let start = 1 << 20
    try f.makeFileSystem(tools, bytes: Self.bytes, at: start)
    // A table of one partition, and bytes of a boot loader behind it.
    var table = [UInt8](repeating: 0, count: 512)
    table[440] = 1
    table.replaceSubrange(450..<462, with: [0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0x58, 0, 0])
    table.replaceSubrange(510..<512, with: [0x55, 0xAA])
    try f.patch(0, table)
    try f.patch(5000, Array("boot loader".utf8))
    let snapshot = try f.snapshot()
    let record = try f.record(snapshot)
    #expect(record.table == .mbr && record.volumes.map(\.number) == [1] && record.volumes[0].holdsUsedBlocksOnly)
    #expect(record.volumes[0].range == UInt64(start)..<UInt64(Self.bytes) && record.volumes[0].fileSystem == "ext4")
    let content = try f.base.content(try f.node(snapshot))
    #expect(Array(content[..<start]) == Array(try f.directory.read("disk")[..<start]))
    #expect(try differences(f, snapshot) > Self.bytes / 4)
  }

  @Test func whatLiesBehindTheFileSystemIsKept() throws {
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: Self.bytes)
    let file = try OpenFile.open(f.disk, [.write])
    try file.truncate(to: UInt64(Self.bytes + 300_000))
    try f.patch(Self.bytes + 200_000, Array("at the end".utf8))
    let snapshot = try f.snapshot()
    #expect(try f.record(snapshot).volumes[0].holdsUsedBlocksOnly)
    #expect(try f.base.content(try f.node(snapshot))[Self.bytes...] == f.directory.read("disk")[Self.bytes...])
  }

  /// Changes of the superblock after which the bitmaps are not to be trusted; its checksum is put right by the tool.
  private static let states: [(command: String, reason: String)] = [
    ("set_super_value state 0", "mounted for writing or was not unmounted cleanly"),
    ("set_super_value state 3", "mounted for writing or was not unmounted cleanly"),
    ("feature needs_recovery", "mounted for writing or was not unmounted cleanly"),
    ("set_super_value feature_incompat 0x80000000", "features that are not known here"),
    ("set_super_value feature_ro_compat 0x40000000", "features that are not known here"),
    ("set_super_value blocks_count 999999", "claims to be larger"),
    ("set_bg 0 free_blocks_count 7", "bitmaps or their checksums are wrong"),
    ("set_bg 1 block_bitmap 12", "bitmaps or their checksums are wrong"),
  ]

  @Test(arguments: states.indices) func aFileSystemThatIsNotToBeTrustedIsReadWhole(_ index: Int) throws {
    let (command, reason) = Self.states[index]
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: Self.bytes)
    try tools.run(tools.edit, ["-w", "-R", command, f.directory.string + "/disk"])
    let snapshot = try f.snapshot()
    #expect(f.sink.messages.contains { $0.contains("is read whole: ") && $0.contains(reason) }, "\(f.sink.messages)")
    #expect(try !f.record(snapshot).volumes[0].holdsUsedBlocksOnly)
    #expect(try differences(f, snapshot) == 0)
  }

  @Test func aFileSystemThatIsMountedMeanwhileEndsTheBackup() throws {
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: Self.bytes)
    let disk = f.disk
    let error = #expect(throws: CairnError.self) {
      try f.report {
        // The count of mounts in the superblock, once the content is being read.
        $0.hooks = BadSectors(act: { range in
          guard range.lowerBound > 1 << 20 else { return }
          try? [9].withUnsafeBytes { try OpenFile.open(disk, [.write]).write($0, at: 1024 + 52) }
        })
      }
    }
    #expect(error?.message.contains("was mounted or changed while it was read") == true)
    #expect(try f.repository.loadView().snapshots.isEmpty)
  }

  @Test func aBitmapThatFailsItsChecksumMakesTheImageWhole() throws {
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: Self.bytes, options: ["-b", "4096"])
    // Two bits of the first bitmap change places, so that only the checksum tells.
    let disk = try f.directory.read("disk")
    let block = Int(disk[4096]) | Int(disk[4097]) << 8 | Int(disk[4098]) << 16
    let bitmap = block * 4096
    let set = try #require((bitmap..<(bitmap + 4096)).first { disk[$0] == 0xFF })
    let clear = try #require((bitmap..<(bitmap + 4096)).first { disk[$0] == 0 })
    try f.patch(set, [0xFE])
    try f.patch(clear, [1])
    let snapshot = try f.snapshot()
    #expect(try !f.record(snapshot).volumes[0].holdsUsedBlocksOnly)
    #expect(try differences(f, snapshot) == 0)
  }

  /// Whatever stands in superblock, descriptors and bitmaps: the image is made, is the disk where it is said to be whole, and where it is
  /// not lacks nothing that was in use before.
  @Test(arguments: 0..<24 as Range<UInt64>) func noMutationOfTheMetadataHarms(_ seed: UInt64) throws {
    let f = try ImageFixture()
    try f.makeFileSystem(tools, bytes: 5 << 20, options: seed % 2 == 0 ? ["-O", "^metadata_csum"] : [])
    let unused = try differing(f, try f.snapshot())
    var random = SplitMix64(seed: seed)
    for _ in 0..<(1 + Int(random.next() % 4)) {
      let offset = random.next() % 3 == 0 ? Int(random.next() % (64 << 10)) : 1024 + Int(random.next() % 400)
      try f.patch(offset, [UInt8(truncatingIfNeeded: random.next())])
    }
    let snapshot = try f.snapshot()
    let isTrusted = try f.record(snapshot).volumes.first?.holdsUsedBlocksOnly == true
    #expect(try differing(f, snapshot).subtracting(isTrusted ? unused : []) == [])
  }
}
