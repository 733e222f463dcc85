import CairnFormat
import Testing

@Suite struct PartitionTableTests {
  private func read(_ disk: DiskSamples.Disk, _ table: [UInt8]? = nil, sector: UInt32? = 512) throws -> PartitionTable? {
    try PartitionTable.read(size: disk.size, sector: sector, disk.source(table ?? disk.table))
  }

  private static let ranges: [Range<UInt64>] = [(2048 * 512)..<(10240 * 512), (10240 * 512)..<(20001 * 512)]

  @Test func theChecksumIsThatOfZip() {
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
  }

  @Test func aGPTIsRead() throws {
    let table = try #require(try read(DiskSamples.gpt()))
    #expect(table.kind == .gpt && table.id == Array(1...16) && table.problems.isEmpty)
    #expect(table.partitions.map(\.number) == [1, 3] && table.partitions.map(\.range) == Self.ranges)
    #expect(table.partitions.map(\.name) == ["Größe0", "Größe2"] && table.partitions[1].attributes == 2)
    #expect(table.partitions[0].type == [UInt8](repeating: 1, count: 16) && table.partitions[0].id == [UInt8](repeating: 0xA0, count: 16))
  }

  @Test func anImageOfADiskWithSectorsOf4096BytesIsRecognised() throws {
    let table = try #require(try read(DiskSamples.gpt(sector: 4096), sector: nil))
    let starts: [UInt64] = [2048 * 4096, 10240 * 4096]
    #expect(table.partitions.map(\.range.lowerBound) == starts)
    #expect(try read(DiskSamples.gpt(sector: 4096), sector: 512)?.kind == .mbr)
  }

  @Test(arguments: [512 + 8, 512 + 56, 1024 + 33])
  func theCopyAtTheEndStandsInForADamagedTable(_ damaged: Int) throws {
    let disk = DiskSamples.gpt()
    var bytes = disk.table
    bytes[damaged] ^= 0xFF
    let table = try #require(try read(disk, bytes))
    #expect(table.partitions.map(\.range) == Self.ranges)
    #expect(table.problems == ["the GUID partition table at the start is damaged; the copy at the end was used"])
  }

  @Test func aDamagedCopyIsNamed() throws {
    let disk = DiskSamples.gpt()
    var bytes = disk.table
    bytes[bytes.count - 512] = 0
    let table = try #require(try read(disk, bytes))
    #expect(table.partitions.count == 2 && table.problems == ["the copy of the GUID partition table at the end is missing or damaged"])
  }

  @Test func twoTablesThatDifferAreNamed() throws {
    let disk = DiskSamples.gpt()
    var bytes = disk.table
    bytes[1024 + 56] = 0x41
    let table = try #require(try read(disk, DiskSamples.withChecksums(bytes)))
    #expect(table.problems == ["the GUID partition table and its copy differ"])
  }

  @Test func aPartitionBeyondTheDiskIsLeftOutAndNamed() throws {
    let disk = DiskSamples.gpt()
    var bytes = disk.table
    DiskSamples.put(DiskSamples.little(DiskSamples.sectors, 8), &bytes, at: 1024 + 40)
    let table = try #require(try read(disk, DiskSamples.withChecksums(bytes)))
    #expect(table.partitions.map(\.number) == [3] && table.problems.contains("partition 1 does not lie inside the disk"))
  }

  @Test func anMBRWithExtendedPartitionsIsRead() throws {
    let table = try #require(try read(DiskSamples.mbr()))
    #expect(table.kind == .mbr && table.id == [0xDE, 0xAD, 0xBE, 0xEF] && table.problems.isEmpty)
    #expect(table.partitions.map(\.number) == [1, 2, 5, 6] && table.partitions.map(\.type) == [[0x83], [5], [0x83], [7]])
    let starts: [UInt64] = [2048, 8192, 8192 + 63, 12288 + 63]
    #expect(table.partitions.map(\.range.lowerBound) == starts.map { $0 * 512 })
  }

  @Test func aChainThatLeadsBackEnds() throws {
    let disk = DiskSamples.mbr()
    var bytes = disk.table
    // The second record of the chain names the first as the next.
    bytes[1024 + 446 + 16 + 4] = 0x05
    let table = try #require(try read(disk, bytes))
    #expect(table.partitions.count == 4 && table.problems == ["the chain of extended partitions leads nowhere"])
  }

  @Test func aBootSectorOfAFileSystemIsNoTable() throws {
    var sector = DiskSamples.bootRecord([(0x83, 1, 1)])
    DiskSamples.put(Array("FAT32   ".utf8), &sector, at: 82)
    let disk = DiskSamples.Disk(size: 1 << 20, table: sector, places: [0..<512])
    #expect(try read(disk) == nil)
    #expect(VolumeProbe(sector)?.kind == "vfat")
  }

  @Test func emptyAndTinyDisksHaveNoTable() throws {
    for size in [0, 100, 512, 1024] as [UInt64] {
      let disk = DiskSamples.Disk(size: size, table: [], places: [])
      #expect(try read(disk, sector: nil) == nil)
    }
  }

  /// Labels lie where the format says, within what is looked at.
  @Test(arguments: [("ext2", 1144, 16), ("xfs", 108, 12), ("btrfs", 0x1012B, 255), ("swap", 1052, 16)])
  func theLabelOfAVolumeIsFound(_ kind: String, _ offset: Int, _ length: Int) throws {
    let sample = try #require(DiskSamples.volumes.first { VolumeProbe($0)?.kind == kind })
    var bytes = sample + [UInt8](repeating: 0, count: max(0, VolumeProbe.wantedBytes - sample.count))
    let label = [UInt8](repeating: 0x4C, count: length)
    DiskSamples.put(label, &bytes, at: offset)
    #expect(VolumeProbe(Array(bytes.prefix(VolumeProbe.wantedBytes)))?.label == label)
  }

  @Test func theMarksOfVolumesAreKnown() {
    let kinds = ["ext2", "xfs", "btrfs", "ntfs", "vfat", "vfat", "swap", "LVM2_member", "iso9660", "crypto_LUKS"]
    #expect(DiskSamples.volumes.map { VolumeProbe($0)?.kind } == kinds)
    #expect(VolumeProbe([]) == nil && VolumeProbe([UInt8](repeating: 0, count: 4096)) == nil)
  }
}
