/// What a partition or disk holds, told by the marks that file systems and the like leave at fixed places.
package struct VolumeProbe: Equatable, Sendable {
  /// Such as "ext4", "vfat" or "crypto_LUKS": the words of blkid(8).
  package var kind: String
  package var label: [UInt8] = []
  package var id: [UInt8] = []

  /// Bytes from the start that are looked at: up to the end of btrfs' label.
  package static let wantedBytes = 0x1022B

  /// - Parameter bytes: the first `wantedBytes` of the volume, or what there is.
  package init?(_ bytes: [UInt8]) {
    guard let found = Self.fileSystem(bytes) ?? Self.bootSector(bytes) ?? Self.container(bytes) else { return nil }
    self = found
  }

  private init(_ kind: String, label: [UInt8] = [], id: [UInt8] = []) {
    self.kind = kind
    self.label = Array(label.prefix { $0 != 0 })
    self.id = id
  }

  private static func has(_ bytes: [UInt8], _ mark: String, at offset: Int) -> Bool {
    let mark = Array(mark.utf8)
    return bytes.count >= offset + mark.count && bytes[offset..<(offset + mark.count)].elementsEqual(mark)
  }

  private static func part(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
    range.upperBound <= bytes.count ? Array(bytes[range]) : []
  }

  private static func fileSystem(_ bytes: [UInt8]) -> VolumeProbe? {
    if bytes.count >= 2048, bytes[1080] == 0x53, bytes[1081] == 0xEF { return ext(bytes) }
    if has(bytes, "XFSB", at: 0) { return VolumeProbe("xfs", label: part(bytes, 108..<120), id: part(bytes, 32..<48)) }
    if has(bytes, "_BHRfS_M", at: 0x10040) {
      return VolumeProbe("btrfs", label: part(bytes, 0x1012B..<0x1022B), id: part(bytes, 0x10020..<0x10030))
    }
    if has(bytes, "hsqs", at: 0) { return VolumeProbe("squashfs") }
    if bytes.count >= 1028, bytes[1024..<1028].elementsEqual([0x10, 0x20, 0xF5, 0xF2]) { return VolumeProbe("f2fs") }
    if has(bytes, "CD001", at: 32769) { return VolumeProbe("iso9660", label: trimmed(part(bytes, 32808..<32840))) }
    return nil
  }

  private static func ext(_ bytes: [UInt8]) -> VolumeProbe {
    let word = { (at: Int) in (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[1024 + at + $1]) << UInt32(8 * $1) } }
    let (compatible, incompatible, readOnly) = (word(92), word(96), word(100))
    let hasJournal = compatible & 0x4 != 0
    // What ext3 has not: extents, 64 bit, flexible groups, and everything read-only compatible above the first three.
    let isNewer = incompatible & ~0x1F != 0 || readOnly & ~0x7 != 0
    let kind = isNewer ? "ext4" : hasJournal ? "ext3" : "ext2"
    return VolumeProbe(kind, label: part(bytes, 1144..<1160), id: part(bytes, 1128..<1144))
  }

  /// File systems whose first sector is a boot sector, and so ends as a partition table does.
  static func bootSector(_ bytes: [UInt8]) -> VolumeProbe? {
    if has(bytes, "NTFS    ", at: 3) { return VolumeProbe("ntfs", id: part(bytes, 72..<80)) }
    if has(bytes, "EXFAT   ", at: 3) { return VolumeProbe("exfat", id: part(bytes, 100..<104)) }
    if has(bytes, "FAT32   ", at: 82) {
      return VolumeProbe("vfat", label: trimmed(part(bytes, 71..<82)), id: part(bytes, 67..<71))
    }
    if has(bytes, "FAT12   ", at: 54) || has(bytes, "FAT16   ", at: 54) {
      return VolumeProbe("vfat", label: trimmed(part(bytes, 43..<54)), id: part(bytes, 39..<43))
    }
    return nil
  }

  private static func container(_ bytes: [UInt8]) -> VolumeProbe? {
    if bytes.count >= 6, bytes[..<6].elementsEqual([0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]) { return VolumeProbe("crypto_LUKS") }
    for sector in 0..<4 where has(bytes, "LABELONE", at: sector * 512) { return VolumeProbe("LVM2_member") }
    if has(bytes, "SWAPSPACE2", at: 4086) { return VolumeProbe("swap", label: part(bytes, 1052..<1068), id: part(bytes, 1036..<1052)) }
    for place in [0, 4096] where bytes.count >= place + 4 && bytes[place..<(place + 4)].elementsEqual([0xFC, 0x4E, 0x2B, 0xA9]) {
      return VolumeProbe("linux_raid_member")
    }
    return nil
  }

  private static func trimmed(_ label: [UInt8]) -> [UInt8] {
    let text = Array(label.reversed().drop { $0 == 0x20 }.reversed())
    return text == Array("NO NAME".utf8) ? [] : text
  }
}
