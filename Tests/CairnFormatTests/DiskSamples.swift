import CairnFormat

/// Disks whose tables are made here, by the words of the specifications and not by the code that reads them.
enum DiskSamples {
  /// A disk of which only some places hold anything.
  struct Disk {
    let size: UInt64
    /// What lies at `places`, one behind the other.
    let table: [UInt8]
    let places: [Range<UInt64>]

    /// Reads the disk with other bytes at its places.
    func source(_ table: [UInt8]) -> PartitionTable.Source {
      { offset, count in
        let end = min(size, offset + UInt64(count))
        guard offset < end else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(end - offset))
        var start = 0
        for place in places {
          let common = place.clamped(to: offset..<end)
          for position in common {
            let index = start + Int(position - place.lowerBound)
            if index < table.count { bytes[Int(position - offset)] = table[index] }
          }
          start += place.count
        }
        return bytes
      }
    }
  }

  static let sectors: UInt64 = 20480

  static func little(_ value: UInt64, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } }

  static func put(_ value: [UInt8], _ bytes: inout [UInt8], at offset: Int) {
    bytes.replaceSubrange(offset..<(offset + value.count), with: value)
  }

  static func bootRecord(_ entries: [(type: UInt8, first: UInt64, count: UInt64)]) -> [UInt8] {
    var sector = [UInt8](repeating: 0, count: 512)
    put([0xDE, 0xAD, 0xBE, 0xEF], &sector, at: 440)
    for (index, entry) in entries.enumerated() {
      sector[446 + 16 * index + 4] = entry.type
      put(little(entry.first, 4) + little(entry.count, 4), &sector, at: 446 + 16 * index + 8)
    }
    put([0x55, 0xAA], &sector, at: 510)
    return sector
  }

  /// Sector 0 … 3 (a table of 8 entries), and the copy in the last three.
  static func gpt(sector: Int = 512) -> Disk {
    var entries = [UInt8](repeating: 0, count: 1024)
    for (index, place) in [(0, (2048, 10239)), (2, (10240, 20000))] {
      put([UInt8](repeating: UInt8(index + 1), count: 16) + [UInt8](repeating: 0xA0, count: 16), &entries, at: index * 128)
      put(little(UInt64(place.0), 8) + little(UInt64(place.1), 8) + little(UInt64(index), 8), &entries, at: index * 128 + 32)
      put("Größe\(index)".utf16.flatMap { little(UInt64($0), 2) }, &entries, at: index * 128 + 56)
    }
    entries += [UInt8](repeating: 0, count: max(0, sector - 1024))
    let tableSectors = UInt64(max(1, 1024 / sector))
    let last = sectors - 1
    let table =
      bootRecord([(0xEE, 1, sectors - 1)]) + [UInt8](repeating: 0, count: sector - 512) + header(own: 1, other: last, entries: 2, sector)
      + entries + entries + header(own: last, other: 1, entries: last - tableSectors, sector)
    let bytes = UInt64(sector)
    let places = [0..<((2 + tableSectors) * bytes), ((last - tableSectors) * bytes)..<(sectors * bytes)]
    return Disk(size: sectors * bytes, table: withChecksums(table), places: places)
  }

  private static func header(own: UInt64, other: UInt64, entries: UInt64, _ sector: Int) -> [UInt8] {
    var header = Array("EFI PART".utf8) + little(0x10000, 4) + little(92, 4) + little(0, 8) + little(own, 8) + little(other, 8)
    header += little(34, 8) + little(sectors - 34, 8) + Array(1...16) + little(entries, 8) + little(8, 4) + little(128, 4) + little(0, 4)
    return header + [UInt8](repeating: 0, count: sector - header.count)
  }

  /// Puts the checksums right in a table of sectors of 512 bytes, or of 4096 where it is as long as such a one.
  static func withChecksums(_ table: [UInt8]) -> [UInt8] {
    var table = table
    let sector = table.count > 8192 ? 4096 : 512
    let entryBytes = max(1024, sector)
    for (header, entries) in [(sector, 2 * sector), (2 * sector + 2 * entryBytes, 2 * sector + entryBytes)] {
      guard header + 92 <= table.count, entries + 1024 <= table.count else { continue }
      put(little(UInt64(CRC32.checksum(Array(table[entries..<(entries + 1024)]))), 4), &table, at: header + 88)
      put([0, 0, 0, 0], &table, at: header + 16)
      put(little(UInt64(CRC32.checksum(Array(table[header..<(header + 92)]))), 4), &table, at: header + 16)
    }
    return table
  }

  /// One primary partition, and an extended one with two inside.
  static func mbr() -> Disk {
    let table =
      bootRecord([(0x83, 2048, 4096), (0x05, 8192, 12288)])
      + bootRecord([(0x83, 63, 1000), (0x05, 4096, 4096)]) + bootRecord([(0x07, 63, 500)])
    return Disk(size: sectors * 512, table: table, places: [0..<512, (8192 * 512)..<(8193 * 512), (12288 * 512)..<(12289 * 512)])
  }

  /// Starts of volumes, each with the marks of one kind.
  static var volumes: [[UInt8]] {
    let blank = [UInt8](repeating: 0, count: VolumeProbe.wantedBytes)
    let marks: [(Int, [UInt8])] = [
      (1080, [0x53, 0xEF]), (0, Array("XFSB".utf8)), (0x10040, Array("_BHRfS_M".utf8)), (3, Array("NTFS    ".utf8)),
      (82, Array("FAT32   ".utf8)), (54, Array("FAT16   ".utf8)), (4086, Array("SWAPSPACE2".utf8)), (512, Array("LABELONE".utf8)),
      (32769, Array("CD001".utf8)), (0, [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]),
    ]
    return marks.map { offset, mark in
      var bytes = blank
      put(mark, &bytes, at: offset)
      return bytes
    }
  }
}
