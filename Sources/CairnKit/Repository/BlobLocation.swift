package import CairnFormat
package import CairnStorage

/// A pack that a valid delta names.
package struct PackIdentity: Hashable, Sendable {
  package let hash: ObjectHash
  /// The session that wrote it; part of the object's name.
  package let owner: SessionID
  package let packClass: PackClass
  /// Stored bytes.
  package let size: UInt64

  package init(hash: ObjectHash, owner: SessionID, packClass: PackClass, size: UInt64) {
    self.hash = hash
    self.owner = owner
    self.packClass = packClass
    self.size = size
  }

  /// The object's name: `<sha256>-<session>`.
  package var name: String { "\(hash.hexadecimal)-\(owner.hexadecimal)" }

  /// - Throws: `CairnError` never in practice: the name is made of hexadecimal digits.
  package func key() throws -> ObjectKey {
    guard let key = ObjectKey(kind: .packs, name: name) else { throw CairnError(.failed, "Impossible pack name \(name).") }
    return key
  }

  package static func == (a: Self, b: Self) -> Bool { a.hash == b.hash && a.owner == b.owner }
  package func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// A frame in a pack: where it lies and how it is to be opened.
package struct FrameLocation: Hashable, Sendable {
  package let pack: PackIdentity
  /// Bytes from the start of the pack.
  package let offset: UInt32
  package let encodedLength: UInt32
  package let rawLength: UInt32
  package let codec: UInt8
  package let keyReference: UInt8

  package init(pack: PackIdentity, offset: UInt32, encodedLength: UInt32, rawLength: UInt32, codec: UInt8, keyReference: UInt8) {
    self.pack = pack
    self.offset = offset
    self.encodedLength = encodedLength
    self.rawLength = rawLength
    self.codec = codec
    self.keyReference = keyReference
  }

  package static func == (a: Self, b: Self) -> Bool { a.pack == b.pack && a.offset == b.offset }
  package func hash(into hasher: inout Hasher) {
    hasher.combine(pack)
    hasher.combine(offset)
  }
}

/// Where a blob lies.
package struct BlobLocation: Sendable {
  package let frame: FrameLocation
  /// Bytes from the start of the opened frame.
  package let memberOffset: Int
  package let length: Int
  package let type: BlobType
  /// A dense number 0 ..< `BlobIndex.count`, the same for every look-up of one key in one view: for bitmaps.
  package let ordinal: Int

  package init(frame: FrameLocation, memberOffset: Int, length: Int, type: BlobType, ordinal: Int) {
    self.frame = frame
    self.memberOffset = memberOffset
    self.length = length
    self.type = type
    self.ordinal = ordinal
  }
}
