package import CairnSystem
import Glibc

/// Everything that Linux shows of a directory tree, for comparing two of them.
package struct TreeSnapshot: Sendable {
  /// One entry; what is the same in two trees that are equal.
  package struct Entry: Sendable, Equatable {
    package var type: FileType
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    package var mtime: FileTime
    package var size: UInt64 = 0
    package var content: [UInt8] = []
    package var linkTarget: [UInt8] = []
    package var device: [UInt32] = []
    package var attributes: [ExtendedAttribute] = []
    package var flags: UInt32 = 0
    /// The first path, in byte order, of the same inode; empty for an entry with one name.
    package var linkedTo: String = ""
  }

  /// By path relative to the root, which itself is ".". Bytes that are no UTF-8 are shown as Latin-1.
  package var entries: [String: Entry] = [:]
  /// Bytes that each regular file occupies.
  package var allocated: [String: UInt64] = [:]

  /// Reads a tree. Files are read whole, so they should be small.
  package init(_ root: [UInt8]) throws {
    let directory = try OpenFile.open(root, [.read, .directory])
    var inodes: [UInt64: [String]] = [:]
    entries["."] = try Self.entry(try directory.status(), directory, nil)
    try scan(directory, "", &inodes)
    for paths in inodes.values where paths.count > 1 {
      for path in paths { entries[path]?.linkedTo = paths.min() ?? "" }
    }
  }

  private mutating func scan(_ directory: OpenFile, _ prefix: String, _ inodes: inout [UInt64: [String]]) throws {
    let listing = try directory.list()
    for index in 0..<listing.count {
      let name = listing.name(index)
      let path = prefix + Self.text(name)
      let status = try FileSystem.status(at: directory, name: name)
      entries[path] = try Self.entry(status, directory, name)
      if status.type == .regular { allocated[path] = status.blocks512 * 512 }
      if status.type == .directory {
        try scan(try OpenFile.open(name, at: directory, [.read, .directory, .noFollow]), path + "/", &inodes)
      } else if status.linkCount > 1 {
        inodes[status.inode, default: []].append(path)
      }
    }
  }

  private static func text(_ name: [UInt8]) -> String {
    String(validating: name, as: UTF8.self) ?? String(String.UnicodeScalarView(name.map { Unicode.Scalar($0) }))
  }

  private static func entry(_ status: FileStatus, _ directory: OpenFile, _ name: [UInt8]?) throws -> Entry {
    var entry = Entry(
      type: status.type, mode: status.type == .symbolicLink ? 0 : status.mode, uid: status.uid, gid: status.gid, mtime: status.mtime)
    guard let name else {
      entry.attributes = try directory.extendedAttributes()
      return entry
    }
    entry.attributes = try FileSystem.extendedAttributes(at: directory, name: name)
    switch status.type {
    case .regular:
      entry.size = status.size
      let file = try OpenFile.open(name, at: directory, .source)
      entry.content = [UInt8](repeating: 0, count: Int(status.size))
      _ = try entry.content.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
      entry.flags = try file.inodeFlags() & 0xf0
    case .symbolicLink: entry.linkTarget = try FileSystem.readLink(at: directory, name: name)
    case .characterDevice, .blockDevice: entry.device = [status.rdevMajor, status.rdevMinor]
    default: break
    }
    return entry
  }

  /// What differs, one line each; empty when the trees are equal.
  ///
  /// - Parameters:
  ///   - ignoringRoot: leave out the two root directories themselves.
  ///   - only: paths to compare; nil for all.
  package func differences(
    from other: TreeSnapshot, ignoringRoot: Bool = false, ignoringExtra: Set<String> = [], where wanted: (String) -> Bool = { _ in true }
  ) -> [String] {
    var lines: [String] = []
    for (path, entry) in entries.sorted(by: { $0.key < $1.key }) where wanted(path) && !(ignoringRoot && path == ".") {
      guard let there = other.entries[path] else {
        lines.append("missing: \(path)")
        continue
      }
      lines += Self.differences(path, entry, there)
    }
    for path in other.entries.keys.sorted() where entries[path] == nil && wanted(path) && !ignoringExtra.contains(path) {
      lines.append("extra: \(path)")
    }
    return lines
  }

  private static func differences(_ path: String, _ a: Entry, _ b: Entry) -> [String] {
    guard a != b else { return [] }
    var lines: [String] = []
    func note(_ what: String, _ x: some Equatable, _ y: some Equatable) { lines.append("\(what) of \(path): \(x) became \(y)") }
    if a.type != b.type { note("type", a.type, b.type) }
    if a.mode != b.mode { note("mode", String(a.mode, radix: 8), String(b.mode, radix: 8)) }
    if a.uid != b.uid || a.gid != b.gid { note("owner", [a.uid, a.gid], [b.uid, b.gid]) }
    if a.mtime != b.mtime { note("mtime", a.mtime, b.mtime) }
    if a.size != b.size { note("size", a.size, b.size) }
    if a.content != b.content { lines.append("content of \(path)") }
    if a.linkTarget != b.linkTarget { lines.append("link target of \(path)") }
    if a.device != b.device { note("device", a.device, b.device) }
    if a.attributes != b.attributes { note("attributes", a.attributes.map { text($0.name) }, b.attributes.map { text($0.name) }) }
    if a.flags != b.flags { note("flags", a.flags, b.flags) }
    if a.linkedTo != b.linkedTo { note("link group", a.linkedTo, b.linkedTo) }
    return lines
  }
}
