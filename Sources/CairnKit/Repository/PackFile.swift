package import CairnFormat
package import CairnStorage

/// Reading a pack object without the index.
package enum PackFile {
  /// The session that wrote a pack, from its name; nil for a foreign file.
  package static func owner(of key: ObjectKey) -> SessionID? { PackName(key.name)?.owner }

  /// Reads header, trailer and directory: what the index holds of the pack.
  ///
  /// - Parameter size: the object's size as listed.
  /// - Throws: `CairnError(.damaged)` naming the pack.
  package static func read(_ key: ObjectKey, size: UInt64, storage: any Storage, keys: KeySet) throws -> IndexedPack {
    guard let name = PackName(key.name) else { throw CairnError(.damaged, "\(key.relativePath) is not a pack.") }
    do {
      guard size >= UInt64(PackHeader.fixedBytes + PackTrailer.encodedBytes), size <= UInt64(Limits.packBytes) else { throw FormatError.truncated }
      let trailer = try PackTrailer.decode(try range(key, from: size - UInt64(PackTrailer.encodedBytes), count: PackTrailer.encodedBytes, storage))
      try trailer.validate(packSize: size)
      let fixed = try range(key, from: 0, count: PackHeader.fixedBytes, storage)
      let headerLength = try PackHeader.length(fixed)
      let headerBytes = headerLength == fixed.count ? fixed : try range(key, from: 0, count: headerLength, storage)
      let header = try PackHeader.decode(headerBytes)
      guard header.owner == name.owner else { throw FormatError.authenticationFailed }
      let sealed = try range(key, from: trailer.directoryOffset, count: Int(trailer.directoryLength), storage)
      let frames = try PackDirectory.open(sealed, header: headerBytes, directoryOffset: trailer.directoryOffset, keys: keys)
      return IndexedPack(
        hash: name.hash, owner: name.owner, size: size, packClass: header.packClass, headerLength: UInt32(headerLength), frames: frames)
    } catch let error as FormatError {
      throw CairnError.damaged(key.relativePath, error)
    }
  }

  private static func range(_ key: ObjectKey, from offset: UInt64, count: Int, _ storage: any Storage) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let got = try storageCall("reading \(key.relativePath)") {
        try storage.read(key, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard got == count else { throw FormatError.truncated }
      initialized = count
    }
  }
}
