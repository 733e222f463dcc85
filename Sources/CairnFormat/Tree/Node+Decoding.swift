/// Decodes directory items; keeps the account names of the item before, which its neighbours nearly always share, so that they are not
/// allocated again.
struct NodeDecoder {
  private var lastUser: [UInt8] = []
  private var lastGroup: [UInt8] = []

  /// Reads an item's length, name and fields.
  ///
  /// - Throws: `FormatError` for everything that `Node.encode` does not write, except even tags it does not know.
  mutating func item(from reader: inout ByteReader, isRoot: Bool = false) throws(FormatError) -> Node {
    let length = try reader.varint(limit: Limits.treeNodeBytes, "item length")
    var body = ByteReader(try reader.bytes(length))
    let name = isRoot ? try NodeName.readEmpty(from: &body) : try NodeName.read(from: &body)
    var node = Node(name: name, type: .file)
    var last: UInt8 = 0
    while !body.isAtEnd {
      let tag = try body.varint()
      guard tag > UInt64(last) else { throw .notCanonical("order of fields") }
      let count = try body.varint()
      guard count <= UInt64(body.remaining) else { throw .truncated }
      let content = try body.bytes(Int(count))
      if last == 0, tag != UInt64(NodeField.type) { throw .invalid("missing field") }
      if tag > UInt64(NodeField.flags) {
        try Self.skipUnknown(&body, after: tag)
        break
      }
      last = UInt8(tag)
      try apply(last, content, to: &node)
    }
    guard last != 0 else { throw .invalid("missing field") }
    try node.validate()
    return node
  }

  /// Passes over fields of a newer version behind the last known one.
  private static func skipUnknown(_ body: inout ByteReader, after first: UInt64) throws(FormatError) {
    var last = first
    if last & 1 == 1 { throw .unsupportedFeature }
    while !body.isAtEnd {
      let tag = try body.varint()
      guard tag > last else { throw .notCanonical("order of fields") }
      if tag & 1 == 1 { throw .unsupportedFeature }
      let count = try body.varint()
      guard count <= UInt64(body.remaining) else { throw .truncated }
      _ = try body.bytes(Int(count))
      last = tag
    }
  }

  private mutating func apply(_ tag: UInt8, _ content: UnsafeRawBufferPointer, to node: inout Node) throws(FormatError) {
    var field = ByteReader(content)
    switch tag {
    case NodeField.type:
      guard let type = NodeType(rawValue: UInt8(truncatingIfNeeded: try field.number(255))) else { throw .unsupportedFeature }
      node.type = type
    case NodeField.mode: node.mode = try field.number32()
    case NodeField.uid: node.uid = try field.number32()
    case NodeField.gid: node.gid = try field.number32()
    case NodeField.user: node.user = try Self.account(&field, &lastUser)
    case NodeField.group: node.group = try Self.account(&field, &lastGroup)
    case NodeField.mtime: node.mtime = try field.modificationTime()
    case NodeField.ctime: node.ctime = try field.time(relativeTo: node.mtime)
    case NodeField.size: node.size = try field.number()
    case NodeField.inode: node.inode = try field.number()
    case NodeField.device: node.device = try field.number()
    case NodeField.links: node.links = try field.linkCount()
    default: return try applyRest(tag, &field, to: &node)
    }
    try field.expectEnd()
  }

  private func applyRest(_ tag: UInt8, _ field: inout ByteReader, to node: inout Node) throws(FormatError) {
    switch tag {
    case NodeField.linkTarget: node.linkTarget = try field.nonEmpty(Limits.linkTargetBytes, "link target")
    case NodeField.rdev:
      let (major, minor) = try field.pair()
      guard let major = UInt32(exactly: major), let minor = UInt32(exactly: minor) else { throw .limitExceeded("device number") }
      (node.rdevMajor, node.rdevMinor) = (major, minor)
    case NodeField.extendedAttributes: node.extendedAttributes = try field.attributes()
    case NodeField.content: node.content = .items(try field.contentItems())
    case NodeField.list:
      guard case .none = node.content else { throw .notCanonical("content given twice") }
      node.content = .list(root: try field.identifier32(), height: try field.u8())
    case NodeField.subtree: node.subtree = try field.identifier32()
    case NodeField.subtreeSums: (node.subtreeEntries, node.subtreeBytes) = try field.pair()
    case NodeField.inodeFlags: node.inodeFlags = try field.number32()
    case NodeField.image: node.image = try field.nonEmpty(Limits.imageRecordBytes, "image record")
    case NodeField.btime: node.btime = try field.time(relativeTo: node.ctime ?? node.mtime)
    case NodeField.flags: node.flags = NodeFlags(rawValue: try field.number())
    default:
      if tag & 1 == 1 { throw .unsupportedFeature }
      return
    }
    try field.expectEnd()
  }

  private static func account(_ field: inout ByteReader, _ last: inout [UInt8]) throws(FormatError) -> [UInt8] {
    let bytes = field.rest()
    guard !bytes.isEmpty else { throw .notCanonical("default value written out") }
    guard bytes.count <= Limits.accountNameBytes else { throw .limitExceeded("account name") }
    if !last.withUnsafeBytes({ ByteOrder.compare($0, bytes) == 0 }) { last = [UInt8](bytes) }
    return last
  }
}

extension Node {
  /// Reads what `encodeRootItem` wrote.
  ///
  /// - Throws: `FormatError` for everything that it does not write.
  package static func decodeRootItem(_ bytes: [UInt8]) throws(FormatError) -> Node {
    try bytes.withReader { (reader) throws(FormatError) in
      var decoder = NodeDecoder()
      let node = try decoder.item(from: &reader, isRoot: true)
      try reader.expectEnd()
      return node
    }
  }
}

/// Names of directory items: one path component that means itself.
package enum NodeName {
  /// 1 … 4096 bytes, without "/" and NUL, neither "." nor "..".
  package static func isValid(_ name: UnsafeRawBufferPointer) -> Bool {
    guard !name.isEmpty, name.count <= Limits.nameBytes else { return false }
    if name[0] == UInt8(ascii: "."), name.count == 1 || (name.count == 2 && name[1] == UInt8(ascii: ".")) { return false }
    for byte in name where byte == 0 || byte == UInt8(ascii: "/") { return false }
    return true
  }

  package static func isValid(_ name: [UInt8]) -> Bool { name.withUnsafeBytes { isValid($0) } }

  static func read(from reader: inout ByteReader) throws(FormatError) -> [UInt8] {
    let count = try reader.varint(limit: Limits.nameBytes, "name length")
    let bytes = try reader.bytes(count)
    guard isValid(bytes) else { throw .invalid("name") }
    return [UInt8](bytes)
  }

  static func readEmpty(from reader: inout ByteReader) throws(FormatError) -> [UInt8] {
    guard try reader.varint(limit: Limits.nameBytes, "name length") == 0 else { throw .invalid("name of the root") }
    return []
  }
}
