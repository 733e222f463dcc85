/// A decoded node of a directory tree or of a content list.
package enum TreeNode: Equatable, Sendable {
  case leaf([Node])
  case inner([InnerItem])
  case listLeaf([ContentItem])
  case listInner([ListInnerItem])

  /// - Throws: `FormatError` for every encoding but the one that the encoders of this folder write.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> TreeNode {
    var reader = ByteReader(bytes)
    let header = try NodeHeader(from: &reader, totalBytes: bytes.count)
    let node: TreeNode
    switch header.kind {
    case .treeLeaf: node = .leaf(try DirectoryLeaf.items(&reader, header.count))
    case .treeInner: node = .inner(try DirectoryInner.items(&reader, header.count))
    case .listLeaf: node = .listLeaf(try ListLeaf.items(&reader, header.count))
    case .listInner: node = .listInner(try ListInner.items(&reader, header.count))
    case .data: throw .invalid("node kind")
    }
    try reader.expectEnd()
    return node
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> TreeNode {
    try bytes.withReader { (reader) throws(FormatError) in try decode(reader.rest()) }
  }

  /// The blob type that the first byte of a node claims, which is what its id has to be verified with; nil when it is no node.
  package static func blobType(of bytes: UnsafeRawBufferPointer) -> BlobType? {
    bytes.isEmpty || bytes[0] > 3 ? nil : BlobType(rawValue: bytes[0] + 2)
  }
}

/// The eight bytes every node begins with: kind, version, flags, number of items.
struct NodeHeader {
  static let length = 8
  static let version: UInt8 = 1

  let kind: BlobType
  let count: Int

  init(from reader: inout ByteReader, totalBytes: Int) throws(FormatError) {
    guard totalBytes <= Limits.treeNodeBytes else { throw .limitExceeded("tree node size") }
    let kind = try reader.u8()
    guard kind <= 3, let type = BlobType(rawValue: kind + 2) else { throw .invalid("node kind") }
    let version = try reader.u8()
    guard version == Self.version else { throw .unsupportedVersion(UInt64(version)) }
    guard try reader.u16() == 0 else { throw .unsupportedFeature }
    let count = try reader.u32()
    guard count <= UInt32(Limits.nodeItems) else { throw .limitExceeded("items of a node") }
    guard count > 0 || type == .treeLeaf else { throw .invalid("node without items") }
    self.kind = type
    self.count = Int(count)
  }

  /// - Precondition: `type` is not `.data`.
  static func encode(_ type: BlobType, count: Int, into writer: inout ItemWriter) {
    writer.u8(type.rawValue - 2)
    writer.u8(version)
    writer.u8(0)
    writer.u8(0)
    withUnsafeBytes(of: UInt32(count).littleEndian) { writer.raw($0) }
  }

  /// Decodes the items of a node whose kind must be `expected`.
  static func items<Item>(
    _ bytes: UnsafeRawBufferPointer, _ expected: BlobType, _ body: (inout ByteReader, Int) throws(FormatError) -> [Item]
  ) throws(FormatError) -> [Item] {
    var reader = ByteReader(bytes)
    let header = try NodeHeader(from: &reader, totalBytes: bytes.count)
    guard header.kind == expected else { throw .invalid("node kind") }
    let items = try body(&reader, header.count)
    try reader.expectEnd()
    return items
  }
}
