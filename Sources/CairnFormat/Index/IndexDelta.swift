/// A pack as an index delta lists it.
package struct IndexedPack: Equatable, Sendable {
  package var hash: ObjectHash
  /// The session whose id is part of the pack's name.
  package var owner: SessionID
  /// The object's length in bytes.
  package var size: UInt64
  package var packClass: PackClass
  /// Where the first frame begins.
  package var headerLength: UInt32
  package var frames: [FrameEntry]

  package init(hash: ObjectHash, owner: SessionID, size: UInt64, packClass: PackClass, headerLength: UInt32, frames: [FrameEntry]) {
    self.hash = hash
    self.owner = owner
    self.size = size
    self.packClass = packClass
    self.headerLength = headerLength
    self.frames = frames
  }

  /// Stored bytes of the longest frame.
  package var largestFrame: Int { frames.reduce(0) { max($0, Int($1.encodedLength)) } }

  /// Calls `body` with each frame and its offset in the pack.
  package func forEachFrame<Failure>(_ body: (FrameEntry, UInt32) throws(Failure) -> Void) throws(Failure) {
    var offset = headerLength
    for frame in frames {
      try body(frame, offset)
      offset &+= frame.encodedLength
    }
  }
}

/// The index of some packs of one session: the plaintext of a delta envelope.
///
/// session (16) ‖ u32 sequence ‖ varint number of packs; for each pack: hash (32) ‖ owner (16) ‖ varint size ‖ u8 class ‖ varint header
/// length ‖ frame table.
package struct IndexDelta: Equatable, Sendable {
  package var session: SessionID
  package var sequence: UInt32
  /// In the writer's order, each once.
  package var packs: [IndexedPack]

  package init(session: SessionID, sequence: UInt32, packs: [IndexedPack]) {
    self.session = session
    self.sequence = sequence
    self.packs = packs
  }

  /// - Throws: `.limitExceeded` above 64 MiB, else as `IndexedPack.validate` and `FrameTable.validate`.
  package func encode() throws(FormatError) -> [UInt8] {
    try validateDistinct()
    var writer = ByteWriter(capacity: 1 << 16)
    writer.identifier(session)
    writer.u32(sequence)
    writer.varint(packs.count)
    for pack in packs {
      try pack.validate()
      writer.identifier(pack.hash)
      writer.identifier(pack.owner)
      writer.varint(pack.size)
      writer.u8(pack.packClass.rawValue)
      writer.varint(UInt64(pack.headerLength))
      try FrameTable.encode(pack.frames, packClass: pack.packClass, into: &writer)
    }
    guard writer.count <= Limits.deltaBytes else { throw .limitExceeded("index delta size") }
    return writer.bytes
  }

  /// - Throws: `FormatError` for everything that `encode` does not write.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> IndexDelta {
    guard bytes.count <= Limits.deltaBytes else { throw .limitExceeded("index delta size") }
    var reader = ByteReader(bytes)
    let session: SessionID = try reader.identifier16()
    let sequence = try reader.u32()
    var delta = IndexDelta(session: session, sequence: sequence, packs: [])
    let count = try reader.varint(limit: Limits.deltaBytes / minimumPackBytes, "packs of a delta")
    delta.packs.reserveCapacity(min(count, reader.remaining / minimumPackBytes))
    for _ in 0..<count { delta.packs.append(try pack(from: &reader)) }
    try reader.expectEnd()
    try delta.validateDistinct()
    return delta
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> IndexDelta {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }

  private static let minimumPackBytes = 32 + 16 + 4

  private static func pack(from reader: inout ByteReader) throws(FormatError) -> IndexedPack {
    let hash: ObjectHash = try reader.identifier32()
    let owner: SessionID = try reader.identifier16()
    let size = UInt64(try reader.varint(limit: Limits.packBytes, "pack size"))
    guard let packClass = PackClass(rawValue: try reader.u8()) else { throw .invalid("pack class") }
    let headerLength = UInt32(try reader.varint(limit: PackHeader.maximumLength, "pack header length"))
    let frames = try FrameTable.decode(from: &reader, packClass: packClass)
    let pack = IndexedPack(hash: hash, owner: owner, size: size, packClass: packClass, headerLength: headerLength, frames: frames)
    try pack.validate()
    return pack
  }

  private func validateDistinct() throws(FormatError) {
    var seen = Set<ObjectHash>(minimumCapacity: packs.count)
    for pack in packs {
      guard seen.insert(pack.hash).inserted else { throw .notCanonical("pack listed twice") }
    }
  }
}

extension IndexedPack {
  /// - Throws: `.invalid` unless header and frames fit into the pack.
  func validate() throws(FormatError) {
    guard size <= UInt64(Limits.packBytes) else { throw .limitExceeded("pack size") }
    let fixed = UInt32(PackHeader.fixedLength)
    guard headerLength >= fixed, headerLength <= UInt32(PackHeader.maximumLength),
      (headerLength - fixed) % UInt32(PackHeader.keySlotLength) == 0
    else { throw .invalid("pack header length") }
    var end = UInt64(headerLength) + UInt64(PackTrailer.length)
    for frame in frames { end += UInt64(frame.encodedLength) }
    guard end <= size else { throw .invalid("frames beyond the pack") }
  }
}
