/// How the bytes of a pack are spread over data and parity shards, and where the parity lies (FORMAT.md, "Parity").
///
/// The first P bytes of the pack are cut into k data shards of S bytes, the last one shorter. A **row** is the part of all shards, the
/// parity ones too, between two multiples of the block size; in each row any m blocks can be lost.
package struct ParityLayout: Equatable, Sendable {
  /// k and m.
  package let dataShards: Int
  package let parityShards: Int
  /// Bytes of a block; the last of a shard is shorter.
  package let blockLength: Int
  /// S: bytes of a shard.
  package let shardLength: Int
  /// P: bytes from the header to the end of the directory.
  package let coveredLength: Int
  /// L: the sealed directory is the last of the bytes covered.
  package let directoryLength: Int

  /// Everything lies at multiples of this.
  package static let alignment = 64

  /// - Throws: `.limitExceeded`; `.invalid` for numbers that no pack has.
  package init(
    dataShards: Int, parityShards: Int, blockLength: Int, shardLength: Int, coveredLength: Int, directoryLength: Int
  ) throws(FormatError) {
    (self.dataShards, self.parityShards, self.blockLength) = (dataShards, parityShards, blockLength)
    (self.shardLength, self.coveredLength, self.directoryLength) = (shardLength, coveredLength, directoryLength)
    guard (1...Limits.parityDataShards).contains(dataShards), (1...Limits.parityShards).contains(parityShards) else {
      throw .limitExceeded("parity shards")
    }
    guard blockLength <= Limits.parityBlockBytes, shardLength <= Limits.packBytes, coveredLength <= Limits.packBytes else {
      throw .limitExceeded("parity block")
    }
    guard directoryLength <= Limits.packDirectoryBytes else { throw .limitExceeded("pack directory size") }
    for length in [blockLength, shardLength, coveredLength] {
      guard length > 0, length % Self.alignment == 0 else { throw .invalid("parity length") }
    }
    guard (dataShards - 1) * shardLength < coveredLength, coveredLength <= dataShards * shardLength else { throw .invalid("parity length") }
    guard directoryLength > 0, directoryLength + PackHeader.fixedLength <= coveredLength else { throw .invalid("parity length") }
    guard blockCount <= Limits.parityBlocks else { throw .limitExceeded("parity blocks") }
    guard packLength <= Limits.packBytes else { throw .limitExceeded("pack size") }
  }

  package var shards: Int { dataShards + parityShards }
  package var rows: Int { (shardLength + blockLength - 1) / blockLength }
  /// Blocks of all shards: the checksums of the table.
  package var blockCount: Int { shards * rows }
  /// Bytes of one copy of the table.
  package var tableLength: Int {
    (ParityTable.fixedLength + 8 * blockCount + 8 + Self.alignment - 1) / Self.alignment * Self.alignment
  }
  package var packLength: Int { coveredLength + 3 * tableLength + parityShards * shardLength + PackTrailer.length }

  /// Where the three copies of the table lie: before, between and behind the parity shards.
  package var tableOffsets: [Int] {
    let middle = parityShards / 2 * shardLength
    return [
      coveredLength, coveredLength + tableLength + middle, coveredLength + 2 * tableLength + parityShards * shardLength,
    ]
  }

  /// Where a shard begins in the pack; parity shards follow the data shards.
  package func offset(ofShard shard: Int) -> Int {
    guard shard >= dataShards else { return shard * shardLength }
    let parity = shard - dataShards
    return coveredLength + (parity < parityShards / 2 ? 1 : 2) * tableLength + parity * shardLength
  }

  /// Bytes of every block in a row, as coded.
  package func length(ofRow row: Int) -> Int { min(blockLength, shardLength - row * blockLength) }

  /// What is stored of a block; in the last data shard less than the row is long: zeros are taken for the rest, and are not stored.
  package func range(shard: Int, row: Int) -> Range<Int> {
    let start = offset(ofShard: shard) + row * blockLength
    let end = start + length(ofRow: row)
    guard shard < dataShards else { return start..<end }
    return min(start, coveredLength)..<min(end, coveredLength)
  }

  package var trailer: PackTrailer {
    PackTrailer(
      directoryOffset: UInt64(coveredLength - directoryLength), directoryLength: UInt32(directoryLength),
      parityOffset: UInt64(coveredLength))
  }
}

/// What a repository wants: k data and m parity shards a pack.
package struct ParityChoice: Equatable, Sendable {
  package var data: Int
  package var parity: Int

  package init(data: Int, parity: Int) {
    self.data = data
    self.parity = parity
  }

  /// Shards are no shorter than this where the pack allows: one burst of 64 KiB then costs at most one block a row.
  private static let minimumShard = 68 << 10
  /// Parity of one pack is kept in memory while it is written.
  private static let memory = 34 << 20

  /// How many bytes a pack may have before its parity, so that both stay within their limits.
  package var targetLimit: Int { min(Limits.packBytes / 16 * 15 * data / (data + parity), Self.memory / parity * data) }

  /// The layout for a pack: small packs get fewer and longer shards than asked for.
  ///
  /// - Throws: As `ParityLayout.init`.
  package func layout(coveredLength: Int, directoryLength: Int) throws(FormatError) -> ParityLayout {
    let wanted = max(1, min(data, coveredLength / Self.minimumShard))
    let length = Self.aligned((coveredLength + wanted - 1) / wanted)
    var block = 4096
    while block < 16384, block * 64 < length { block *= 2 }
    return try ParityLayout(
      dataShards: (coveredLength + length - 1) / length, parityShards: max(1, min(parity, Self.memory / length)), blockLength: block,
      shardLength: length, coveredLength: coveredLength, directoryLength: directoryLength)
  }

  /// The padding that makes header, frames, padding and directory together as long as a size class.
  package func paddingLength(currentLength: Int, directoryLength: Int) -> Int {
    SizeClass.padded(currentLength + directoryLength) - currentLength - directoryLength
  }

  private static func aligned(_ length: Int) -> Int {
    (length + ParityLayout.alignment - 1) / ParityLayout.alignment * ParityLayout.alignment
  }
}
