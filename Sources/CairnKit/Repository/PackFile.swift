package import CairnFormat
package import CairnStorage

/// Reading a pack object without the index.
package enum PackFile {
  /// The session that wrote a pack, from its name; nil for a foreign file.
  package static func owner(of key: ObjectKey) -> SessionID? { PackName(key.name)?.owner }

  /// Reads header, trailer and directory: what the index holds of the pack.
  ///
  /// - Parameters:
  ///   - size: the object's size as listed.
  ///   - mayBeMisplaced: accept the pack of another owner under this name.
  /// - Throws: `CairnError(.damaged)` naming the pack.
  package static func read(
    _ key: ObjectKey, size: UInt64, storage: any Storage, keys: KeySet, mayBeMisplaced: Bool = false
  ) throws -> IndexedPack {
    guard let name = PackName(key.name) else { throw CairnError(.damaged, "\(key.path) is not a pack.") }
    do {
      guard size >= UInt64(PackHeader.fixedLength + PackTrailer.length) else { throw FormatError.truncated }
      let tail = try range(key, from: size - UInt64(PackTrailer.length), count: PackTrailer.length, storage)
      let trailer = try PackTrailer.decode(tail, packSize: size)
      let header = try self.header(key, size: size, storage)
      guard mayBeMisplaced || header.session == name.owner else { throw FormatError.authenticationFailed }
      let sealed = try range(key, from: trailer.directoryOffset, count: Int(trailer.directoryLength), storage)
      let frames = try sealed.withUnsafeBytes { bytes throws(FormatError) in
        try PackDirectory.open(bytes, header: header, offset: trailer.directoryOffset, keys: keys)
      }
      return IndexedPack(
        hash: name.hash, owner: name.owner, size: size, packClass: header.packClass, headerLength: UInt32(header.encodedLength),
        frames: frames)
    } catch let error as FormatError {
      throw CairnError.damaged(key.path, error)
    }
  }

  private static func header(_ key: ObjectKey, size: UInt64, _ storage: any Storage) throws -> PackHeader {
    let fixed = try range(key, from: 0, count: PackHeader.fixedLength, storage)
    // The count of key slots lies at offset 14 and says how much longer the header is.
    let slots = Int(fixed[14]) | Int(fixed[15]) << 8
    guard slots <= Limits.packKeySlots else { throw FormatError.limitExceeded("pack key slots") }
    let length = PackHeader.fixedLength + slots * PackHeader.keySlotLength
    guard UInt64(length) <= size else { throw FormatError.truncated }
    return try PackHeader.decode(slots == 0 ? fixed : try range(key, from: 0, count: length, storage))
  }

  private static func range(_ key: ObjectKey, from offset: UInt64, count: Int, _ storage: any Storage) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let got = try storageCall("reading \(key.path)") {
        try storage.read(key, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard got == count else { throw FormatError.truncated }
      initialized = count
    }
  }
}
