/// One blob inside a frame. Members lie one after another in the frame's raw bytes.
package struct FrameMember: Hashable, Sendable {
  package var key: BlobKey
  package var type: BlobType
  /// Bytes before compression, 1 … 2^24-1.
  package var length: UInt32

  package init(key: BlobKey, type: BlobType, length: UInt32) {
    self.key = key
    self.type = type
    self.length = length
  }
}

/// What a pack directory says of a frame. Where it lies follows from the frames before it: there are no gaps.
package struct FrameEntry: Equatable, Sendable {
  /// Stored bytes: compressed content, nonce and tag.
  package var encodedLength: UInt32
  /// Bytes of all members together, 1 … 2^24-1.
  package var rawLength: UInt32
  /// As `Codec`.
  package var codec: UInt8
  /// 0 … 127: epoch of the key; 128 + i: key slot i of the pack.
  package var keyReference: UInt8
  package var members: [FrameMember]

  package init(encodedLength: UInt32, rawLength: UInt32, codec: UInt8, keyReference: UInt8 = 0, members: [FrameMember]) {
    self.encodedLength = encodedLength
    self.rawLength = rawLength
    self.codec = codec
    self.keyReference = keyReference
    self.members = members
  }

  /// The members' bytes within those of the frame.
  ///
  /// - Precondition: `raw` holds `rawLength` bytes, and the members' lengths add up to it, as they do in every decoded table.
  package func blobs(of raw: UnsafeRawBufferPointer) -> [(type: BlobType, bytes: UnsafeRawBufferPointer)] {
    var start = 0
    return members.map { member in
      defer { start += Int(member.length) }
      return (member.type, UnsafeRawBufferPointer(rebasing: raw[start..<start + Int(member.length)]))
    }
  }
}

/// The table of frames that pack directories and index deltas share.
///
/// varint number of frames; for each frame: varint encodedLength, varint rawLength, u8 codec, u8 key reference, varint number of members;
/// for each member: u8 type, key (16 bytes), varint length, which the last member of a frame leaves out: it takes what remains.
package enum FrameTable {
  /// - Throws: As `validate`.
  package static func encode(_ frames: [FrameEntry], packClass: PackClass, into writer: inout ByteWriter) throws(FormatError) {
    try validate(frames, packClass: packClass)
    writer.varint(frames.count)
    for frame in frames {
      writer.varint(UInt64(frame.encodedLength))
      writer.varint(UInt64(frame.rawLength))
      writer.u8(frame.codec)
      writer.u8(frame.keyReference)
      writer.varint(frame.members.count)
      for (index, member) in frame.members.enumerated() {
        writer.u8(member.type.rawValue)
        writer.identifier(member.key)
        if index < frame.members.count - 1 { writer.varint(UInt64(member.length)) }
      }
    }
  }

  /// - Throws: `FormatError` for every table that `encode` does not write.
  package static func decode(from reader: inout ByteReader, packClass: PackClass) throws(FormatError) -> [FrameEntry] {
    let count = try reader.varint(limit: Limits.packMembers, "frames of a pack")
    var frames: [FrameEntry] = []
    frames.reserveCapacity(min(count, reader.remaining / 22))
    var total = 0
    for _ in 0..<count {
      let frame = try frame(from: &reader, packClass: packClass)
      total += frame.members.count
      guard total <= Limits.packMembers else { throw .limitExceeded("blobs of a pack") }
      frames.append(frame)
    }
    return frames
  }

  private static func frame(from reader: inout ByteReader, packClass: PackClass) throws(FormatError) -> FrameEntry {
    let encoded = UInt32(try reader.varint(limit: Limits.frameEncodedBytes, "frame length"))
    let raw = UInt32(try reader.varint(limit: Limits.frameRawBytes, "frame length"))
    let codec = try reader.u8()
    let keyReference = try reader.u8()
    let count = try reader.varint(limit: Limits.packMembers, "blobs of a pack")
    guard count > 0 else { throw .invalid("frame without members") }
    var members: [FrameMember] = []
    members.reserveCapacity(min(count, reader.remaining / 17))
    var left = Int(raw)
    for index in 0..<count {
      let type = BlobType(rawValue: try reader.u8())
      guard let type, type.packClass == packClass else { throw .invalid("blob type") }
      let key: BlobKey = try reader.identifier16()
      let length = index < count - 1 ? try reader.varint(limit: Limits.blobBytes, "blob length") : left
      guard length > 0, length <= left else { throw .invalid("blob length") }
      left -= length
      members.append(FrameMember(key: key, type: type, length: UInt32(length)))
    }
    guard left == 0 else { throw .invalid("blob length") }
    let entry = FrameEntry(encodedLength: encoded, rawLength: raw, codec: codec, keyReference: keyReference, members: members)
    try entry.validateLengths()
    return entry
  }

  /// - Throws: `.invalid` for lengths that do not add up or a type of the other class, `.limitExceeded`, `.unsupportedFeature` (codec).
  package static func validate(_ frames: [FrameEntry], packClass: PackClass) throws(FormatError) {
    var total = 0
    for frame in frames {
      guard !frame.members.isEmpty else { throw .invalid("frame without members") }
      total += frame.members.count
      guard total <= Limits.packMembers else { throw .limitExceeded("blobs of a pack") }
      var sum: UInt64 = 0
      for member in frame.members {
        guard member.type.packClass == packClass else { throw .invalid("blob type") }
        guard member.length > 0 else { throw .invalid("blob length") }
        sum += UInt64(member.length)
      }
      guard sum == UInt64(frame.rawLength) else { throw .invalid("blob length") }
      try frame.validateLengths()
    }
  }
}

extension FrameEntry {
  /// A raw frame is as long as its content, a compressed one shorter; so one that claims to grow is refused before it is fetched.
  func validateLengths() throws(FormatError) {
    guard rawLength > 0, Int(rawLength) <= Limits.frameRawBytes else { throw .limitExceeded("frame length") }
    let content = Int(encodedLength) - Limits.frameOverhead
    switch codec & ~Codec.aesGCM {
    case Codec.raw: guard content == Int(rawLength) else { throw .invalid("frame length") }
    case Codec.zstd: guard content > 0, content < Int(rawLength) else { throw .invalid("frame length") }
    default: throw .unsupportedFeature
    }
  }
}

/// How the content of a frame is compressed (bits 0 … 3) and with what it is sealed (bit 4). Other bits mean nothing and are refused.
package enum Codec {
  package static let raw: UInt8 = 0
  /// One zstd frame without content size, checksum and dictionary id.
  package static let zstd: UInt8 = 1
  /// Sealed with AES-256-GCM under a key of the frame's own; without this bit with XChaCha20-Poly1305.
  package static let aesGCM: UInt8 = 0x10
}
