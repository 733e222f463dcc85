/// The hard limits of the format. Each is checked before memory of that size is asked for.
package enum Limits {
  package static let configBytes = 64 << 10
  package static let keySlotBytes = 64 << 10
  /// Slots a program tries before it gives up.
  package static let keySlots = 64
  package static let sessionBytes = 64 << 10
  package static let commitBytes = 4 << 20
  package static let manifestBytes = 16 << 20
  package static let logRecordBytes = 64 << 20
  package static let deltaBytes = 64 << 20
  /// A tree node before compression.
  package static let treeNodeBytes = 4 << 20
  /// A blob before compression: what a 24-bit length can say.
  package static let blobBytes = (1 << 24) - 1
  /// A frame before compression. A group is closed before it exceeds this.
  package static let frameRawBytes = (1 << 24) - 1
  /// What sealing adds to a frame: nonce and tag.
  package static let frameOverhead = 40
  /// A stored frame: raw length, the codec's worst growth, nonce and tag.
  package static let frameEncodedBytes = frameRawBytes + (1 << 17) + frameOverhead
  package static let packBytes = 256 << 20
  package static let packDirectoryBytes = 64 << 20
  package static let packMembers = 1 << 20
  package static let packKeySlots = 127
  /// Data and parity shards of a pack, bytes of a block, and blocks of all shards together.
  package static let parityDataShards = 128
  package static let parityShards = 16
  package static let parityBlockBytes = 64 << 10
  package static let parityBlocks = 65_536
  package static let nameBytes = 4096
  package static let linkTargetBytes = 64 << 10
  /// All extended attributes of one item together.
  package static let extendedAttributeBytes = 1 << 20
  package static let accountNameBytes = 256
  /// What a file item says of the image that it is.
  package static let imageRecordBytes = 256 << 10
  package static let imageVolumes = 256
  package static let imageUnreadableRanges = 4096
  /// Names and labels in it.
  package static let imageTextBytes = 256
  package static let pathDepth = 4096
  package static let treeHeight = 8
  package static let tlvNesting = 8
  package static let inlineContentItems = 64
  package static let nodeItems = 1024
  /// zstd window of a frame: 16 MiB.
  package static let zstdWindowLog: Int32 = 24

  /// Host, user, zone and other short texts in records.
  package static let shortTextBytes = 1024
  /// One path, argument, tag or pattern in a manifest: what Linux allows for one argument.
  package static let longTextBytes = 128 << 10
  package static let manifestListItems = 65_536
  package static let descriptionBytes = 1 << 20
  package static let labelBytes = 256
  package static let objectNameBytes = 200
  package static let commitDeltas = 16_384
  package static let logPacks = 1 << 20
  package static let logSessions = 1 << 21
  package static let logSweeps = 65_536
  package static let logIndexObjects = 65_536
  package static let logAmendments = 65_536
}
