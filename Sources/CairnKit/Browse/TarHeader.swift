import CairnFormat

/// Headers of a tar archive in the format that POSIX.1-2001 calls pax: a ustar header, and before it an extended header for whatever
/// does not fit: long names, big numbers, nanoseconds, extended attributes (`SCHILY.xattr.`, as GNU tar, star and libarchive have it).
enum TarHeader {
  static let blockBytes = 512

  /// An entry as the archive names it.
  struct Entry {
    /// No leading slash; directories without the trailing one, which is added.
    var path: [UInt8]
    var node: Node
    /// The path of an earlier entry that this one is another link to.
    var hardLinkTarget: [UInt8]?
  }

  /// All blocks before the content.
  static func encode(_ entry: Entry) -> [UInt8] {
    let node = entry.node
    let name = node.type == .directory ? entry.path + [0x2f] : entry.path
    let linkName = entry.hardLinkTarget ?? (node.type == .symbolicLink ? node.linkTarget : [])
    let size = node.type == .file && entry.hardLinkTarget == nil ? node.size : 0
    var records = PaxRecords()
    var header = Ustar()
    if !header.setPath(name) { records.add("path", name) }
    if linkName.count > 100 { records.add("linkpath", linkName) }
    header.text(157, 100, linkName)
    header.number(100, 8, UInt64(node.mode & 0o7777))
    if !header.number(108, 8, UInt64(node.uid)) { records.add("uid", "\(node.uid)") }
    if !header.number(116, 8, UInt64(node.gid)) { records.add("gid", "\(node.gid)") }
    if !header.number(124, 12, size) { records.add("size", "\(size)") }
    let fits = node.mtime.seconds >= 0 && header.number(136, 12, UInt64(node.mtime.seconds))
    if !fits || node.mtime.nanoseconds != 0 { records.add("mtime", decimal(node.mtime)) }
    header.byte(156, flag(entry))
    if node.user.count > 31 { records.add("uname", node.user) }
    if node.group.count > 31 { records.add("gname", node.group) }
    header.text(265, 31, node.user)
    header.text(297, 31, node.group)
    if node.type == .characterDevice || node.type == .blockDevice {
      if !header.number(329, 8, UInt64(node.rdevMajor)) { records.add("SCHILY.devmajor", "\(node.rdevMajor)") }
      if !header.number(337, 8, UInt64(node.rdevMinor)) { records.add("SCHILY.devminor", "\(node.rdevMinor)") }
    }
    if entry.hardLinkTarget == nil {
      for attribute in node.extendedAttributes { records.add("SCHILY.xattr." + attributeKeyword(attribute.name), attribute.value) }
    }
    return records.blocks(for: name) + header.finish()
  }

  /// Zeros that fill the last block of a content.
  static func padding(_ size: UInt64) -> Int { Int((UInt64(blockBytes) - size % UInt64(blockBytes)) % UInt64(blockBytes)) }

  private static func flag(_ entry: Entry) -> UInt8 {
    if entry.hardLinkTarget != nil { return 0x31 }
    switch entry.node.type {
    case .file, .socket: return 0x30
    case .symbolicLink: return 0x32
    case .characterDevice: return 0x33
    case .blockDevice: return 0x34
    case .directory: return 0x35
    case .fifo: return 0x36
    }
  }

  /// Seconds with nine decimals; times before 1970 count down from zero, as pax wants it.
  private static func decimal(_ time: Timestamp) -> String {
    var seconds = time.seconds
    var nanoseconds = Int64(time.nanoseconds)
    var sign = ""
    if seconds < 0 {
      sign = "-"
      if nanoseconds > 0 {
        seconds += 1
        nanoseconds = 1_000_000_000 - nanoseconds
      }
    }
    guard nanoseconds > 0 else { return "\(sign)\(seconds.magnitude)" }
    let digits = String(nanoseconds)
    return "\(sign)\(seconds.magnitude)." + String(repeating: "0", count: 9 - digits.count) + digits
  }

  /// `=` would end the keyword; GNU tar writes it, and its own escape, as `%3D` and `%25`.
  private static func attributeKeyword(_ name: [UInt8]) -> [UInt8] {
    name.flatMap { byte -> [UInt8] in
      switch byte {
      case 0x3d: Array("%3D".utf8)
      case 0x25: Array("%25".utf8)
      default: [byte]
      }
    }
  }
}

private func + (left: String, right: [UInt8]) -> [UInt8] { Array(left.utf8) + right }

/// The records of an extended header: "length keyword=value\n" each.
private struct PaxRecords {
  private var bytes: [UInt8] = []

  mutating func add(_ keyword: String, _ value: String) { add(Array(keyword.utf8), Array(value.utf8)) }
  mutating func add(_ keyword: String, _ value: [UInt8]) { add(Array(keyword.utf8), value) }

  mutating func add(_ keyword: [UInt8], _ value: [UInt8]) {
    let rest = keyword.count + value.count + 3
    var length = rest + 1
    while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
    bytes += Array("\(length) ".utf8)
    bytes += keyword
    bytes.append(0x3d)
    bytes += value
    bytes.append(0x0a)
  }

  /// The extended header with its own ustar header; nothing when there are no records.
  func blocks(for name: [UInt8]) -> [UInt8] {
    guard !bytes.isEmpty else { return [] }
    var header = Ustar()
    let base = name.split(separator: 0x2f).last.map(Array.init) ?? []
    _ = header.setPath(Array("PaxHeaders/".utf8) + base.prefix(80))
    header.number(100, 8, 0o644)
    header.number(108, 8, 0)
    header.number(116, 8, 0)
    header.number(124, 12, UInt64(bytes.count))
    header.number(136, 12, 0)
    header.byte(156, 0x78)
    return header.finish() + bytes + [UInt8](repeating: 0, count: TarHeader.padding(UInt64(bytes.count)))
  }
}

/// One block in the ustar format.
private struct Ustar {
  private var block = [UInt8](repeating: 0, count: TarHeader.blockBytes)

  init() { text(257, 8, Array("ustar\u{0}00".utf8)) }

  mutating func byte(_ offset: Int, _ value: UInt8) { block[offset] = value }

  /// As much of the text as fits.
  mutating func text(_ offset: Int, _ width: Int, _ value: [UInt8]) {
    for (index, byte) in value.prefix(width).enumerated() { block[offset + index] = byte }
  }

  /// Octal digits and a NUL.
  ///
  /// - Returns: false when the number does not fit; the largest that does stands there then.
  @discardableResult
  mutating func number(_ offset: Int, _ width: Int, _ value: UInt64) -> Bool {
    let limit: UInt64 = (1 << UInt64(3 * (width - 1))) - 1
    let digits = Array(String(min(value, limit), radix: 8).utf8)
    text(offset, width - 1, [UInt8](repeating: 0x30, count: width - 1 - digits.count) + digits)
    return value <= limit
  }

  /// Puts the path into the name field, if need be with its beginning in the prefix field.
  ///
  /// - Returns: false when it fits in no way; its beginning stands there then.
  mutating func setPath(_ path: [UInt8]) -> Bool {
    if path.count <= 100 {
      text(0, 100, path)
      return true
    }
    // The prefix takes up to 155 bytes before a slash, the name at most 100 and at least one behind it.
    let slashes = path.indices.filter { path[$0] == 0x2f && $0 > 0 && $0 <= 155 && path.count - $0 - 1 <= 100 && $0 < path.count - 1 }
    guard let slash = slashes.first else {
      text(0, 100, path)
      return false
    }
    text(345, 155, Array(path[..<slash]))
    text(0, 100, Array(path[(slash + 1)...]))
    return true
  }

  mutating func finish() -> [UInt8] {
    text(148, 8, Array("        ".utf8))
    let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
    let digits = Array(String(sum, radix: 8).utf8)
    text(148, 8, [UInt8](repeating: 0x30, count: 6 - digits.count) + digits + [0, 0x20])
    return block
  }
}
