/// The GUID partition table of UEFI 2.10, chapter 5.
enum GUIDTable {
  /// More entries than any program makes; beyond it the table is not believed.
  private static let largestCount = 1024
  private static let largestEntry = 4096

  private struct Header: Equatable {
    var guid: [UInt8]
    var own, alternate: UInt64
    var entries: UInt64
    var count, entryBytes: Int
    var entriesChecksum: UInt32
  }

  /// - Parameter isExpected: a protective MBR says that there is one: the copy at the end is looked for when the first is gone.
  static func read(size: UInt64, sector: UInt64, isExpected: Bool, _ source: PartitionTable.Source) throws -> PartitionTable? {
    guard size / sector >= 3 else { return nil }
    let last = size / sector - 1
    var problems: [String] = []
    let primary = try header(at: 1, sector, last, source)
    var found = try primary.flatMap { header in try entries(header, sector, last, source).map { (header, $0) } }
    let elsewhere = primary.map(\.alternate) ?? last
    let copy = isExpected || primary != nil ? try header(at: min(elsewhere, last), sector, last, source) : nil
    let copied = try copy.flatMap { header in try entries(header, sector, last, source).map { (header, $0) } }
    switch (found, copied) {
    case (nil, nil): return nil
    case (nil, let other?):
      found = other
      problems.append("the GUID partition table at the start is damaged; the copy at the end was used")
    case (.some, nil): problems.append("the copy of the GUID partition table at the end is missing or damaged")
    case (let one?, let other?):
      if one.1 != other.1 || one.0.guid != other.0.guid { problems.append("the GUID partition table and its copy differ") }
    }
    guard let (header, bytes) = found else { return nil }
    var table = PartitionTable(kind: .gpt, id: header.guid, problems: problems)
    parse(bytes, header, sector, last, into: &table)
    return table
  }

  private static func header(at block: UInt64, _ sector: UInt64, _ last: UInt64, _ source: PartitionTable.Source) throws -> Header? {
    let bytes = try source(block * sector, Int(sector))
    // `try?`: what cannot be parsed is no table.
    return try? decode(bytes, block, last)
  }

  private static func decode(_ bytes: [UInt8], _ block: UInt64, _ last: UInt64) throws(FormatError) -> Header? {
    try bytes.withReader { (reader) throws(FormatError) in
      try reader.expectMagic("EFI PART")
      _ = try reader.u32()  // revision
      let length = Int(try reader.u32())
      let checksum = try reader.u32()
      guard (92...bytes.count).contains(length) else { return nil }
      var checked = Array(bytes[..<length])
      for index in 16..<20 { checked[index] = 0 }
      guard CRC32.checksum(checked) == checksum else { return nil }
      _ = try reader.u32()
      let own = try reader.u64()
      let alternate = try reader.u64()
      _ = try reader.bytes(16)  // first and last usable block
      let guid = try reader.array(16)
      let entries = try reader.u64()
      let count = Int(try reader.u32())
      let entryBytes = Int(try reader.u32())
      let entriesChecksum = try reader.u32()
      guard own == block, entries <= last, (1...largestCount).contains(count), (128...largestEntry).contains(entryBytes) else { return nil }
      return Header(
        guid: guid, own: own, alternate: alternate, entries: entries, count: count, entryBytes: entryBytes, entriesChecksum: entriesChecksum
      )
    }
  }

  private static func entries(
    _ header: Header, _ sector: UInt64, _ last: UInt64, _ source: PartitionTable.Source
  ) throws -> [UInt8]? {
    let count = header.count * header.entryBytes
    let bytes = try source(header.entries * sector, count)
    return bytes.count == count && CRC32.checksum(bytes) == header.entriesChecksum ? bytes : nil
  }

  private static func parse(_ bytes: [UInt8], _ header: Header, _ sector: UInt64, _ last: UInt64, into table: inout PartitionTable) {
    for index in 0..<header.count {
      let entry = Array(bytes[(index * header.entryBytes)..<((index + 1) * header.entryBytes)])
      guard entry[..<16].contains(where: { $0 != 0 }) else { continue }
      let number = UInt32(index + 1)
      // `try?`: an entry has 128 bytes at least, so that nothing is missing.
      guard let (first, end, attributes) = try? numbers(entry), first <= end, end <= last else {
        table.problems.append("partition \(number) does not lie inside the disk")
        continue
      }
      table.partitions.append(
        PartitionTable.Partition(
          number: number, range: (first * sector)..<((end + 1) * sector), type: Array(entry[..<16]), id: Array(entry[16..<32]),
          name: name(entry[56..<128]), attributes: attributes))
    }
  }

  private static func numbers(_ entry: [UInt8]) throws(FormatError) -> (UInt64, UInt64, UInt64) {
    try entry.withReader { (reader) throws(FormatError) in
      _ = try reader.bytes(32)
      return (try reader.u64(), try reader.u64(), try reader.u64())
    }
  }

  /// 36 units of UTF-16, up to the first zero.
  private static func name(_ bytes: ArraySlice<UInt8>) -> String {
    let units = stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    return String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
  }
}
