package import CairnFormat
package import CairnStorage

/// Reading a pack object without the index.
package enum PackFile {
  /// What of a damaged pack is accepted by those who save what they can.
  package struct Leniency: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The pack of another owner under this name.
    package static let misplaced = Leniency(rawValue: 1)
    package static let damagedTrailer = Leniency(rawValue: 2)
  }

  /// The session that wrote a pack, from its name; nil for a foreign file.
  package static func owner(of key: ObjectKey) -> SessionID? { PackName(key.name)?.owner }

  /// Reads header, trailer and directory: what the index holds of the pack.
  ///
  /// - Parameters:
  ///   - size: the object's size as listed.
  ///   - leniency: what of a damaged pack is accepted.
  /// - Throws: `CairnError(.damaged)` naming the pack.
  package static func read(
    _ key: ObjectKey, size: UInt64, storage: any Storage, keys: KeySet, _ leniency: Leniency = []
  ) throws -> IndexedPack {
    guard let name = PackName(key.name) else { throw CairnError(.damaged, "\(key.path) is not a pack.") }
    do {
      guard size >= UInt64(PackHeader.fixedLength + PackTrailer.length) else { throw FormatError.truncated }
      let tail = try range(key, from: size - UInt64(PackTrailer.length), count: PackTrailer.length, storage)
      let header = try self.header(key, size: size, storage)
      guard leniency.contains(.misplaced) || header.session == name.owner else { throw FormatError.authenticationFailed }
      let frames: [FrameEntry]
      do {
        frames = try directory(key, try PackTrailer.decode(tail, packSize: size), header, storage, keys)
      } catch let error as FormatError {
        // The trailer is only a hint: what it should say can be guessed.
        guard leniency.contains(.damagedTrailer), let found = try guessDirectory(key, size, header, storage, keys) else { throw error }
        frames = found
      }
      return IndexedPack(
        hash: name.hash, owner: name.owner, size: size, packClass: header.packClass, headerLength: UInt32(header.encodedLength),
        frames: frames)
    } catch let error as FormatError {
      throw CairnError.damaged(key.path, error)
    }
  }

  private static func directory(
    _ key: ObjectKey, _ trailer: PackTrailer, _ header: PackHeader, _ storage: any Storage, _ keys: KeySet
  ) throws -> [FrameEntry] {
    let sealed = try range(key, from: trailer.directoryOffset, count: Int(trailer.directoryLength), storage)
    return try sealed.withUnsafeBytes { bytes throws(FormatError) in
      try PackDirectory.open(bytes, header: header, offset: trailer.directoryOffset, keys: keys)
    }
  }

  /// Tries the lengths that the directory of a pack without parity may have, up to 256 KiB.
  ///
  /// - Returns: nil when none of them opens.
  private static func guessDirectory(
    _ key: ObjectKey, _ size: UInt64, _ header: PackHeader, _ storage: any Storage, _ keys: KeySet
  ) throws -> [FrameEntry]? {
    guard size <= UInt64(Limits.packBytes) else { return nil }
    let end = size - UInt64(PackTrailer.length)
    for length in Array(stride(from: 256, through: 4096, by: 256)) + Array(stride(from: 8192, through: 256 << 10, by: 4096)) {
      guard end >= UInt64(header.encodedLength + length) else { break }
      let trailer = PackTrailer(directoryOffset: end - UInt64(length), directoryLength: UInt32(length), parityOffset: end)
      do { return try directory(key, trailer, header, storage, keys) } catch is FormatError { continue }
    }
    return nil
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
