package enum BlobTag {}
package enum ObjectTag {}
package enum BlobKeyTag {}
package enum SessionTag {}
package enum SeriesTag {}
package enum RepositoryTag {}
package enum SlotTag {}
package enum ClientTag {}

/// HMAC-SHA-256 of a blob's type and plaintext under the repository's id key.
package typealias BlobID = Identifier32<BlobTag>
/// SHA-256 of an object's stored bytes.
package typealias ObjectHash = Identifier32<ObjectTag>
/// The first half of a `BlobID`: what indexes and pack directories hold. Two blobs may share one, so a reader verifies the whole id.
package typealias BlobKey = Identifier16<BlobKeyTag>
/// Twelve random bytes, then the epoch as a big-endian u32.
package typealias SessionID = Identifier16<SessionTag>
/// Names the snapshots of one source set.
package typealias SeriesID = Identifier16<SeriesTag>
package typealias RepositoryID = Identifier16<RepositoryTag>
/// SHA-256 of the key slot's bytes.
package typealias SlotID = Identifier32<SlotTag>
/// Random, made once for each machine and user that writes to the repository.
package typealias ClientID = Identifier16<ClientTag>

extension Identifier32 where Tag == BlobTag {
  /// The first 16 bytes.
  @inlinable package var key: BlobKey { BlobKey(word0: word0, word1: word1) }
}

extension Identifier16 where Tag == SessionTag {
  /// - Parameters:
  ///   - random: Twelve bytes from the system's random source.
  ///   - epoch: Number of log records known before the session is announced (index of the newest record plus one, 0 for an empty log).
  /// - Precondition: `random` holds exactly twelve bytes.
  package init(random: [UInt8], epoch: UInt32) {
    precondition(random.count == 12)
    let bytes = random + withUnsafeBytes(of: epoch.bigEndian) { [UInt8]($0) }
    self = bytes.withUnsafeBytes { Self(bytes: $0) }
  }

  /// The log position the session was announced with.
  package var epoch: UInt32 { UInt32(truncatingIfNeeded: word1) }

  /// The id under whose register this session's run makes its hand-over of a number, counted from 1: bytes that follow from the
  /// session, and its epoch.
  package func handOver(_ number: UInt32) -> Self {
    var text = ByteWriter()
    text.append("cairn-handover")
    text.identifier(self)
    text.u32(number)
    return Self(random: Array(SHA256Digest.hash(text.bytes).bytes.prefix(12)), epoch: epoch)
  }
}

/// What a blob's plaintext is; part of what its id is computed over, so that one type cannot pass for another.
package enum BlobType: UInt8, Sendable, CaseIterable {
  /// A chunk of file content.
  case data = 1
  case treeLeaf = 2
  case treeInner = 3
  case listLeaf = 4
  case listInner = 5

  package var packClass: PackClass { self == .data ? .data : .tree }
}

/// Data and metadata lie in packs of their own.
package enum PackClass: UInt8, Sendable, CaseIterable {
  case data = 1
  case tree = 2
}
