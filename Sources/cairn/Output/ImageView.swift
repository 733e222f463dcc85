import CairnFormat
import CairnKit

/// What the image of a disk says of itself, for people and programs.
struct ImageView {
  private let record: ImageRecord
  private let size: UInt64

  /// - Returns: nil for a node that is no image.
  init?(_ node: Node) {
    // `try?`: a node with a record that cannot be read does not get here.
    guard !node.image.isEmpty, let record = try? ImageRecord.decode(node.image) else { return nil }
    self.record = record
    size = node.size
  }

  // MARK: - Text

  var lines: [String] {
    var title = "image of a \(record.source == .file ? "disk in a file" : Self.name(record.source))"
    if let table = record.table { title += ", \(Self.name(table).uppercased()) \(identifier(record.tableID))" }
    if record.logicalSector != 0 { title += ", sectors of \(record.logicalSector) bytes" }
    title += ", chunks of \(Human.bytes(UInt64(record.chunkBytes)))"
    var lines = [title]
    if !record.volumes.isEmpty {
      var table = TextTable([
        ("No", .right), ("Start", .right), ("Size", .right), ("Type", .left), ("Name", .left), ("Holds", .left), ("Read", .left),
      ])
      for volume in record.volumes { table.add(cells(volume)) }
      lines += table.lines()
    }
    for range in record.unreadable.prefix(100) { lines.append("not readable: bytes \(range.lowerBound) to \(range.upperBound - 1)") }
    if record.unreadable.count > 100 { lines.append("and \(record.unreadable.count - 100) more ranges") }
    return lines
  }

  private func cells(_ volume: ImageRecord.Volume) -> [String] {
    var holds = Escaping.terminal(Array(volume.fileSystem.utf8))
    if !volume.label.isEmpty { holds += " '\(Escaping.terminal(volume.label))'" }
    return [
      volume.number == 0 ? "" : String(volume.number), Human.bytes(volume.range.lowerBound),
      Human.bytes(volume.range.upperBound - volume.range.lowerBound), typeName(volume.type), Escaping.terminal(Array(volume.name.utf8)),
      holds,
      volume.holdsUsedBlocksOnly ? "blocks in use" : "all",
    ]
  }

  private static func name(_ source: ImageRecord.Source) -> String {
    switch source {
    case .disk: "disk"
    case .partition: "partition"
    case .file: "file"
    }
  }

  private static func name(_ table: ImageRecord.Table) -> String { table == .gpt ? "gpt" : "mbr" }

  private func typeName(_ type: [UInt8]) -> String {
    let text = identifier(type)
    return (record.table == .mbr ? Self.mbrTypes[text] : Self.gptTypes[text]) ?? text
  }

  /// A GUID as it is written, its first three parts in little endian; the number of an MBR; else the bytes.
  private func identifier(_ bytes: [UInt8]) -> String {
    if record.table == .mbr, bytes.count == 4 { return Hexadecimal.encode(Array(bytes.reversed())) }
    guard bytes.count == 16 else { return Hexadecimal.encode(bytes) }
    let parts = [bytes[0..<4].reversed(), bytes[4..<6].reversed(), bytes[6..<8].reversed(), Array(bytes[8..<10]), Array(bytes[10..<16])]
    return parts.map { Hexadecimal.encode(Array($0)) }.joined(separator: "-").uppercased()
  }

  private static let mbrTypes = [
    "05": "Extended", "07": "NTFS or exFAT", "0b": "FAT32", "0c": "FAT32", "0e": "FAT16", "0f": "Extended", "82": "Linux swap",
    "83": "Linux",
    "85": "Extended", "8e": "Linux LVM", "ee": "GPT", "ef": "EFI System", "fd": "Linux RAID",
  ]

  private static let gptTypes = [
    "C12A7328-F81F-11D2-BA4B-00A0C93EC93B": "EFI System", "0FC63DAF-8483-4772-8E79-3D69D8477DE4": "Linux",
    "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F": "Linux swap", "E6D6D379-F507-44C2-A23C-238F2A3DF928": "Linux LVM",
    "A19D880F-05FC-4D3B-A006-743F0F84911E": "Linux RAID", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": "Microsoft basic data",
    "E3C9E316-0B5C-4DB8-817D-F92DF00215AE": "Microsoft reserved", "21686148-6449-6E6F-744E-656564454649": "BIOS boot",
    "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709": "Linux root (x86-64)", "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": "Linux home",
    "BC13C2FF-59E6-4262-A352-B275FD6F7172": "Linux boot",
  ]

  // MARK: - JSON

  func write(to line: inout JSONLine) {
    line.member("source", Self.name(record.source))
    line.member("chunk_bytes", UInt64(record.chunkBytes))
    if record.logicalSector != 0 {
      line.member("logical_sector", record.logicalSector)
      line.member("physical_sector", record.physicalSector)
    }
    if let table = record.table {
      line.member("table", Self.name(table))
      line.member("table_id", identifier(record.tableID))
    }
    line.list("partitions") { line in
      for volume in record.volumes { line.element { write(volume, to: &$0) } }
    }
    guard !record.unreadable.isEmpty else { return }
    line.list("unreadable") { line in
      for range in record.unreadable {
        line.element { line in
          line.member("start", range.lowerBound)
          line.member("size", range.upperBound - range.lowerBound)
        }
      }
    }
  }

  private func write(_ volume: ImageRecord.Volume, to line: inout JSONLine) {
    line.member("number", volume.number)
    line.member("start", volume.range.lowerBound)
    line.member("size", volume.range.upperBound - volume.range.lowerBound)
    if !volume.type.isEmpty { line.member("type", identifier(volume.type)) }
    if !volume.id.isEmpty { line.member("id", identifier(volume.id)) }
    if !volume.name.isEmpty { line.member("name", volume.name) }
    if volume.attributes != 0 { line.member("attributes", volume.attributes) }
    if !volume.fileSystem.isEmpty { line.member("filesystem", volume.fileSystem) }
    if !volume.label.isEmpty { line.member("label", bytes: volume.label) }
    if !volume.fileSystemID.isEmpty { line.member("filesystem_id", Hexadecimal.encode(volume.fileSystemID)) }
    line.member("used_blocks_only", volume.holdsUsedBlocksOnly)
  }
}
