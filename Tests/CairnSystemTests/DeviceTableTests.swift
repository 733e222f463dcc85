import CairnSystem
import CairnTestSupport
import SystemPackage
import Testing

/// /proc and /sys as they are on a machine with a disk `sda` of two partitions, one mounted, one in a volume group, and swap elsewhere.
@Suite struct DeviceTableTests {
  private let root = TemporaryDirectory()

  private func write(_ path: String, _ text: String) throws {
    var directory = try root.open()
    let parts = path.split(separator: "/").map { Array($0.utf8) }
    for part in parts.dropLast() {
      do { try FileSystem.makeDirectory(at: directory, name: part, mode: 0o755) } catch {
        guard error.errno == .fileExists else { throw error }
      }
      directory = try OpenFile.open(part, at: directory, [.read, .directory])
    }
    try root.write(path, Array(text.utf8))
  }

  private func machine() throws -> DeviceTable {
    try write("sys/dev/block/8:0/dev", "8:0\n")
    try write("sys/dev/block/8:0/device/model", "Fast Disk   \n")
    for (name, number, index) in [("sda1", "8:1", "1"), ("sda2", "8:2", "2")] {
      for place in ["sys/dev/block/8:0/\(name)", "sys/dev/block/\(number)"] {
        try write("\(place)/dev", "\(number)\n")
        try write("\(place)/partition", "\(index)\n")
      }
      try write("sys/dev/block/dev", "8:0\n")
    }
    try write("sys/dev/block/8:2/holders/dm-0/dev", "254:0\n")
    try write("sys/class/block/dm-0/dm/name", "vg-root\n")
    try write("sys/dev/block/8:16/dev", "8:16\n")
    try write(
      "proc/self/mountinfo",
      """
      22 1 0:21 / /proc rw,nosuid - proc proc rw
      36 22 8:1 / /mnt/with\\040space rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
      37 22 8:17 / /ro ro - ext4 /dev/sdb1 rw

      """)
    try write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
    return DeviceTable(root: root.string)
  }

  @Test func aDiskIsInUseByItsPartitions() throws {
    let table = try machine()
    let disk = DeviceNumber(major: 8, minor: 0)
    #expect(Set(table.family(disk)) == [disk, DeviceNumber(major: 8, minor: 1), DeviceNumber(major: 8, minor: 2)])
    #expect(
      table.uses(of: disk).map(\.reason) == ["it is mounted at '/mnt/with space'", "it is part of dm-0 (vg-root)"])
    #expect(table.model(disk) == Array("Fast Disk".utf8) && !table.isPartition(disk))
  }

  @Test func aPartitionIsInUseByWhatUsesIt() throws {
    let table = try machine()
    let mounted = table.uses(of: DeviceNumber(major: 8, minor: 1))
    #expect(mounted.count == 1 && mounted[0].mayWrite)
    #expect(table.uses(of: DeviceNumber(major: 8, minor: 2)).map(\.reason) == ["it is part of dm-0 (vg-root)"])
    #expect(table.isPartition(DeviceNumber(major: 8, minor: 1)))
  }

  @Test func aMountForReadingIsAUseAndNotForWriting() throws {
    let uses = try machine().uses(of: DeviceNumber(major: 8, minor: 17))
    #expect(uses.count == 1 && !uses[0].mayWrite)
  }

  @Test func aDeviceThatNobodyUsesIsFree() throws {
    let table = try machine()
    #expect(table.uses(of: DeviceNumber(major: 8, minor: 16)).isEmpty && table.exists(DeviceNumber(major: 8, minor: 16)))
    #expect(!table.exists(DeviceNumber(major: 9, minor: 9)))
  }
}
