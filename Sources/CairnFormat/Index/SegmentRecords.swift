/// A frame as a segment image holds it.
package struct SegmentFrame: Equatable, Sendable {
  /// Position in the image's list of packs.
  package var pack: UInt32
  /// Bytes from the start of the pack.
  package var offset: UInt32
  package var encodedLength: UInt32
  package var rawLength: UInt32
  package var codec: UInt8
  package var keyRef: UInt8

  package init(pack: UInt32, offset: UInt32, encodedLength: UInt32, rawLength: UInt32, codec: UInt8, keyRef: UInt8) {
    self.pack = pack
    self.offset = offset
    self.encodedLength = encodedLength
    self.rawLength = rawLength
    self.codec = codec
    self.keyRef = keyRef
  }
}

/// A blob as a segment image holds it.
package struct SegmentEntry: Equatable, Sendable {
  package var key: BlobKey
  /// Position in the image's list of frames.
  package var frame: UInt32
  /// Bytes from the start of the opened frame.
  package var memberOffset: UInt32
  package var length: UInt32
  package var type: BlobType

  package init(key: BlobKey, frame: UInt32, memberOffset: UInt32, length: UInt32, type: BlobType) {
    self.key = key
    self.frame = frame
    self.memberOffset = memberOffset
    self.length = length
    self.type = type
  }

  /// By key, then by place: one order for one set of entries.
  package static func precedes(_ a: Self, _ b: Self) -> Bool {
    (a.key.word0, a.key.word1, a.frame, a.memberOffset) < (b.key.word0, b.key.word1, b.frame, b.memberOffset)
  }
}

/// A pack as a segment image holds it.
package struct SegmentPack: Hashable, Sendable {
  package var hash: ObjectHash
  package var owner: SessionID
  package var size: UInt64
  package var packClass: PackClass

  package init(hash: ObjectHash, owner: SessionID, size: UInt64, packClass: PackClass) {
    self.hash = hash
    self.owner = owner
    self.size = size
    self.packClass = packClass
  }
}

extension SegmentFrame {
  /// - Throws: `.invalid` or `.limitExceeded` for a pack that does not exist, or lengths that no pack can have.
  func validate(packs: Int) throws(FormatError) {
    guard Int(pack) < packs else { throw .invalid("pack number") }
    guard UInt64(offset) + UInt64(encodedLength) <= UInt64(Limits.packBytes) else { throw .limitExceeded("pack size") }
    guard rawLength > 0, Int(rawLength) <= Limits.frameRawBytes, Int(encodedLength) > Limits.frameOverhead,
      Int(encodedLength) <= Limits.frameEncodedBytes
    else { throw .limitExceeded("frame length") }
  }
}

extension SegmentEntry {
  /// - Throws: `.invalid` or `.limitExceeded` for a frame that does not exist, or a place that no frame has.
  func validate(frames: Int) throws(FormatError) {
    guard Int(frame) < frames else { throw .invalid("frame number") }
    guard length > 0, UInt64(memberOffset) + UInt64(length) <= UInt64(Limits.frameRawBytes) else { throw .limitExceeded("blob length") }
  }
}
