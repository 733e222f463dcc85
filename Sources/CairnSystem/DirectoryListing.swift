import CCairn
import Glibc

/// The names in one directory, sorted by their bytes, without "." and "..".
///
/// All names lie in one arena, each followed by a NUL; an entry costs 16 bytes beside its name, a million entries about 40 MB.
package struct DirectoryListing: Sendable {
  private struct Entry {
    /// The first eight bytes, big endian and zero filled: decides nearly every comparison without touching the arena.
    var prefix: UInt64
    var offset: UInt32
    var length: UInt16
    var type: UInt8
  }

  private var arena: [UInt8] = []
  private var entries: [Entry] = []

  package var count: Int { entries.count }
  package var isEmpty: Bool { entries.isEmpty }

  package func name(_ index: Int) -> [UInt8] {
    let entry = entries[index]
    return Array(arena[Int(entry.offset)..<Int(entry.offset) + Int(entry.length)])
  }

  /// What the directory says the entry is; nil when the file system does not say. It may be outdated: the status decides.
  @inline(__always)
  package func typeHint(_ index: Int) -> FileType? { FileType(directoryEntryType: entries[index].type) }

  /// The name as a C string, without a copy. `body` must not keep the pointer.
  @inline(__always)
  package func withCName<R>(_ index: Int, _ body: (UnsafePointer<CChar>) -> R) -> R {
    let offset = Int(entries[index].offset)
    return arena.withUnsafeBytes { bytes in
      // An entry exists only when its name was appended, so the arena is not empty and has a base address.
      body((bytes.baseAddress.unsafelyUnwrapped + offset).assumingMemoryBound(to: CChar.self))
    }
  }

  /// The name's bytes, without a copy. `body` must not keep the pointer.
  @inline(__always)
  package func withName<R>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let entry = entries[index]
    return arena.withUnsafeBytes { bytes in
      body(UnsafeRawBufferPointer(start: bytes.baseAddress.unsafelyUnwrapped + Int(entry.offset), count: Int(entry.length)))
    }
  }

  /// Where a name stands, by binary search.
  package func index(of name: [UInt8]) -> Int? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let order = withName(middle) { candidate in name.withUnsafeBytes { Self.order(candidate, $0) } }
      if order == 0 { return middle }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  private static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let common = min(a.count, b.count)
    if common > 0, let left = a.baseAddress, let right = b.baseAddress {
      let order = memcmp(left, right, common)
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }

  /// Takes over the records of one `getdents64` buffer; false when the arena's 4 GiB are used up.
  fileprivate mutating func append(_ buffer: UnsafeRawBufferPointer) -> Bool {
    guard let base = buffer.baseAddress else { return true }
    var entry = cairn_entry()
    var offset = 0
    while true {
      offset = cairn_next_entry(base, offset, buffer.count, &entry)
      guard offset >= 0, let characters = entry.name else { return true }
      let name = UnsafeRawBufferPointer(start: characters, count: Int(entry.name_length))
      guard !name.isEmpty, !Self.isDotOrDotDot(name) else { continue }
      guard let position = UInt32(exactly: arena.count) else { return false }
      var prefix: UInt64 = 0
      withUnsafeMutableBytes(of: &prefix) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: name.prefix(8))) }
      entries.append(Entry(prefix: prefix.bigEndian, offset: position, length: UInt16(truncatingIfNeeded: name.count), type: entry.type))
      arena.append(contentsOf: name)
      arena.append(0)
    }
  }

  fileprivate mutating func sort() {
    arena.withUnsafeBytes { arena in
      guard let base = arena.baseAddress else { return }
      entries.sort { a, b in
        if a.prefix != b.prefix { return a.prefix < b.prefix }
        return Self.order(
          UnsafeRawBufferPointer(start: base + Int(a.offset), count: Int(a.length)),
          UnsafeRawBufferPointer(start: base + Int(b.offset), count: Int(b.length))) < 0
      }
    }
  }

  private static func isDotOrDotDot(_ name: UnsafeRawBufferPointer) -> Bool {
    name[0] == 0x2e && (name.count == 1 || (name.count == 2 && name[1] == 0x2e))
  }
}

extension OpenFile {
  /// Reads the whole directory, from its start, with `getdents64(2)`. Not for two threads at once on one descriptor.
  ///
  /// - Throws: ENOTDIR when it is no directory; EOVERFLOW when its names exceed 4 GiB.
  package func list() throws(FileError) -> DirectoryListing {
    // 32 KiB hold about a thousand entries: one call and its empty successor for nearly every directory.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32768, alignment: 8)
    defer { buffer.deallocate() }
    var listing = DirectoryListing()
    try checked(outcome(lseek(descriptor, 0, SEEK_SET)), "read the directory", path)
    while true {
      let count = retrying(.list) { cairn_getdents(descriptor, buffer.baseAddress, buffer.count) }
      try checked(count, "read the directory", path)
      if count == 0 { break }
      guard listing.append(UnsafeRawBufferPointer(start: buffer.baseAddress, count: count)) else {
        throw failure(-Int(EOVERFLOW), "read the directory", path)
      }
    }
    listing.sort()
    return listing
  }
}
