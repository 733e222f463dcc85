/// The partition table of the first sector, as the IBM PC had it, with its chain of extended boot records.
struct MasterBootRecord {
  private struct Entry {
    var type: UInt8
    var first, count: UInt64
  }

  private static let extendedTypes: Set<UInt8> = [0x05, 0x0F, 0x85]
  private static let protective: UInt8 = 0xEE
  /// A chain that is longer is taken for one without end.
  private static let largestChain = 128

  private let id: [UInt8]
  private let entries: [Entry]

  /// - Returns: nil unless the sector holds a table: boot sectors of file systems end in the same two bytes.
  init?(_ sector: [UInt8]) {
    guard sector.count >= 512, let entries = Self.entries(sector) else { return nil }
    guard !entries.allSatisfy({ $0.type == 0 }) else { return nil }
    guard VolumeProbe.bootSector(sector) == nil else { return nil }
    id = Array(sector[440..<444])
    self.entries = entries
  }

  /// A GUID partition table is said to follow.
  var isProtective: Bool { entries.contains { $0.type == Self.protective } }

  func table(size: UInt64, sector: UInt64, _ source: PartitionTable.Source) throws -> PartitionTable? {
    var table = PartitionTable(kind: .mbr, id: id)
    if isProtective { table.problems.append("the GUID partition table that is announced is missing or damaged") }
    for (index, entry) in entries.enumerated() where entry.type != 0 {
      append(entry, at: 0, number: UInt32(index + 1), size, sector, to: &table)
    }
    for entry in entries where Self.extendedTypes.contains(entry.type) {
      try followChain(entry.first, size, sector, source, &table)
    }
    return table.partitions.isEmpty && table.problems.isEmpty ? nil : table
  }

  private func append(
    _ entry: Entry, at base: UInt64, number: UInt32, _ size: UInt64, _ sector: UInt64, to table: inout PartitionTable
  ) {
    let first = base + entry.first
    guard entry.count > 0, first > 0, first + entry.count <= size / sector else {
      table.problems.append("partition \(number) does not lie inside the disk")
      return
    }
    let range = (first * sector)..<((first + entry.count) * sector)
    table.partitions.append(PartitionTable.Partition(number: number, range: range, type: [entry.type]))
  }

  /// Each record of the chain holds a partition, counted from the record itself, and the next record, counted from the first.
  private func followChain(
    _ start: UInt64, _ size: UInt64, _ sector: UInt64, _ source: PartitionTable.Source, _ table: inout PartitionTable
  ) throws {
    var block = start
    var visited: Set<UInt64> = []
    while true {
      guard block < size / sector, visited.insert(block).inserted, visited.count <= Self.largestChain else {
        table.problems.append("the chain of extended partitions leads nowhere")
        return
      }
      let bytes = try source(block * sector, 512)
      guard bytes.count >= 512, let entries = Self.entries(bytes) else {
        table.problems.append("an extended partition has no table of its own")
        return
      }
      let number = max(5, (table.partitions.last?.number ?? 0) + 1)
      if let own = entries.first(where: { $0.type != 0 && !Self.extendedTypes.contains($0.type) }) {
        append(own, at: block, number: number, size, sector, to: &table)
      }
      guard let next = entries.first(where: { Self.extendedTypes.contains($0.type) }) else { return }
      block = start + next.first
    }
  }

  private static func entries(_ sector: [UInt8]) -> [Entry]? {
    guard sector[510] == 0x55, sector[511] == 0xAA else { return nil }
    var entries: [Entry] = []
    for start in stride(from: 446, to: 510, by: 16) {
      guard sector[start] & 0x7F == 0 else { return nil }
      let number = { (at: Int) in (0..<4).reduce(UInt64(0)) { $0 | UInt64(sector[at + $1]) << UInt64(8 * $1) } }
      entries.append(Entry(type: sector[start + 4], first: number(start + 8), count: number(start + 12)))
    }
    return entries
  }
}
