import CCairn
import Glibc

/// What the kernel says of an open block device.
package struct BlockDevice: Sendable, Equatable {
  package let bytes: UInt64
  package let logicalSector: UInt32
  package let physicalSector: UInt32
  package let isReadOnly: Bool

  /// - Throws: ENOTTY for what is no block device; ENXIO and the like once the device is gone.
  package init(_ file: OpenFile) throws(FileError) {
    var raw = cairn_block_device()
    try checked(retrying(.metadata) { Int(cairn_block_device(file.descriptor, &raw)) }, "ask for the size of", file.path)
    bytes = raw.bytes
    logicalSector = raw.logical_sector
    physicalSector = raw.physical_sector
    isReadOnly = raw.is_read_only != 0
  }
}

extension OpenFile {
  /// Has the kernel look at the partition table of a whole disk again.
  ///
  /// - Throws: EBUSY while a partition is in use; EINVAL for a device that has no partitions.
  package func rereadPartitions() throws(FileError) {
    try checked(retrying(.metadata) { Int(cairn_reread_partitions(descriptor)) }, "read the partition table of", path)
  }
}

/// A block device as /sys and /proc know it, by its number.
package struct DeviceNumber: Hashable, Sendable {
  package var major: UInt32
  package var minor: UInt32

  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// "8:1", as the kernel writes it.
  init?(_ text: some Sequence<UInt8>) {
    let parts = String(decoding: Array(text), as: UTF8.self).split(separator: ":")
    guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
    self.init(major: major, minor: minor)
  }

  var text: String { "\(major):\(minor)" }
}

/// What uses block devices, by /proc and /sys.
package struct DeviceTable: Sendable {
  private let root: String

  /// - Parameter root: what stands before "/proc" and "/sys"; for tests.
  package init(root: String = "") { self.root = root }

  /// One thing that uses a device, in words: "it is mounted at '/home'".
  package struct Use: Sendable, Equatable {
    package var device: DeviceNumber
    package var reason: String
    /// Whether the device may be written to by it at any time.
    package var mayWrite = true
  }

  package func isPartition(_ device: DeviceNumber) -> Bool { exists("\(folder(device))/partition") }
  package func exists(_ device: DeviceNumber) -> Bool { exists(folder(device)) }

  /// The words that the maker of the disk gave it; empty when there are none.
  package func model(_ device: DeviceNumber) -> [UInt8] {
    let text = contents("\(folder(device))/device/model")
    return Array(text.prefix { $0 != 0x0a }.reversed().drop { $0 == 0x20 }.reversed())
  }

  /// The device, its partitions, and the disk that it is a partition of.
  package func family(_ device: DeviceNumber) -> [DeviceNumber] {
    let place = folder(device)
    if exists("\(place)/partition") {
      let parent = DeviceNumber(contents("\(place)/../dev").prefix { $0 != 0x0a })
      return [device] + (parent.map { [$0] } ?? [])
    }
    let children = names(in: place).filter { exists("\(place)/\($0)/partition") }
    return [device] + children.compactMap { DeviceNumber(contents("\(place)/\($0)/dev").prefix { $0 != 0x0a }) }
  }

  /// Everything that uses the device or one of its partitions: mounts, swap, and devices made of them (dm, md, LVM, bcache).
  package func uses(of device: DeviceNumber) -> [Use] {
    let family = family(device)
    var mine = Set(family)
    // Mounts and swap of the disk's other partitions are no concern of a partition.
    if isPartition(device) { mine = [device] }
    var uses = mounts(mine) + swaps(mine)
    for member in family {
      for name in names(in: "\(folder(member))/holders") {
        let title = contents("\(root)/sys/class/block/\(name)/dm/name").prefix { $0 != 0x0a }
        let more = title.isEmpty ? "" : " (\(FileError.escaped(Array(title))))"
        uses.append(Use(device: member, reason: "it is part of \(FileError.escaped(Array(name.utf8)))\(more)"))
      }
    }
    return uses
  }

  /// The loop device whose content is this file, if there is one.
  package func loopDevice(of file: OpenFile) -> String? {
    guard let status = try? file.status() else { return nil }
    for name in names(in: "\(root)/sys/block") where name.hasPrefix("loop") {
      let path = Array(contents("\(root)/sys/block/\(name)/loop/backing_file").prefix { $0 != 0x0a })
      // `try?`: a file that is not there any more cannot be this one.
      guard !path.isEmpty, let other = try? OpenFile.open(path, .path), let there = try? other.status() else { continue }
      if there.inode == status.inode, there.device == status.device { return name }
    }
    return nil
  }

  // MARK: - Reading

  private func folder(_ device: DeviceNumber) -> String { "\(root)/sys/dev/block/\(device.text)" }

  /// Lines of `36 35 98:0 /root /mount/point options … - type source options`.
  private func mounts(_ devices: Set<DeviceNumber>) -> [Use] {
    lines("\(root)/proc/self/mountinfo").compactMap { line in
      let fields = line.split(separator: 0x20)
      guard fields.count > 6, let number = DeviceNumber(fields[2]) else { return nil }
      guard let dash = fields.firstIndex(of: [0x2d]), dash + 3 < fields.count else { return nil }
      // Some file systems, btrfs for one, have a number of their own; their source tells the device.
      guard let device = devices.contains(number) ? number : number.major == 0 ? self.device(at: fields[dash + 2]) : nil,
        devices.contains(device)
      else { return nil }
      let isWritable = [fields[5], fields[dash + 3]].allSatisfy { $0.split(separator: 0x2c).first.map(Array.init) == Array("rw".utf8) }
      let place = FileError.escaped(Self.unescaped(fields[4]))
      return Use(device: device, reason: "it is mounted at '\(place)'", mayWrite: isWritable)
    }
  }

  private func swaps(_ devices: Set<DeviceNumber>) -> [Use] {
    lines("\(root)/proc/swaps").dropFirst().compactMap { line in
      guard let path = line.split(separator: 0x20).first, let device = device(at: path), devices.contains(device) else { return nil }
      return Use(device: device, reason: "it is used as swap")
    }
  }

  private func device(at path: ArraySlice<UInt8>) -> DeviceNumber? {
    guard path.first == 0x2f, let file = try? OpenFile.open(Self.unescaped(path), .path), let status = try? file.status(),
      status.type == .blockDevice
    else { return nil }
    return DeviceNumber(major: status.rdevMajor, minor: status.rdevMinor)
  }

  /// The kernel writes spaces and the like as `\040`.
  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    var rest = text
    while let first = rest.popFirst() {
      let digits = rest.prefix(3)
      if first == 0x5c, digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
        out.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }))
        rest = rest.dropFirst(3)
      } else {
        out.append(first)
      }
    }
    return out
  }

  private func exists(_ path: String) -> Bool { (try? OpenFile.open(Array(path.utf8), .path)) != nil }

  private func names(in path: String) -> [String] {
    // `try?`, here and below: what /sys and /proc do not tell is not known; opening the device exclusively is the other check.
    guard let listing = try? OpenFile.open(Array(path.utf8), [.read, .directory]).list() else { return [] }
    return (0..<listing.count).map { String(decoding: listing.name($0), as: UTF8.self) }.sorted()
  }

  private func lines(_ path: String) -> [ArraySlice<UInt8>] { contents(path).split(separator: 0x0a) }

  private func contents(_ path: String) -> [UInt8] {
    guard let file = try? OpenFile.open(Array(path.utf8), .read) else { return [] }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0, bytes.count < 16 << 20 {
      bytes += buffer[..<count]
    }
    return bytes
  }
}
