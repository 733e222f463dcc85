/// The tags of a directory item's fields. All fit into one byte; an odd one would mean must-understand.
enum NodeField {
  static let type: UInt8 = 2
  static let mode: UInt8 = 4
  static let uid: UInt8 = 6
  static let gid: UInt8 = 8
  static let user: UInt8 = 10
  static let group: UInt8 = 12
  static let mtime: UInt8 = 14
  static let ctime: UInt8 = 16
  static let size: UInt8 = 18
  static let inode: UInt8 = 20
  static let device: UInt8 = 22
  static let links: UInt8 = 24
  static let linkTarget: UInt8 = 26
  static let rdev: UInt8 = 28
  static let extendedAttributes: UInt8 = 30
  static let content: UInt8 = 36
  static let list: UInt8 = 38
  static let subtree: UInt8 = 40
  static let subtreeSums: UInt8 = 42
  static let inodeFlags: UInt8 = 46
  static let image: UInt8 = 48
  static let btime: UInt8 = 50
  static let flags: UInt8 = 52
}

extension Node {
  /// Checks what the encoding demands and the types do not: lengths, orders, and fields that fit the type of the item.
  ///
  /// - Throws: `.limitExceeded` for long names, targets and attributes, `.invalid` and `.notCanonical` for the rest.
  package func validate() throws(FormatError) {
    guard user.count <= Limits.accountNameBytes, group.count <= Limits.accountNameBytes else { throw .limitExceeded("account name") }
    guard mode <= 0o7777 else { throw .invalid("mode") }
    guard linkTarget.count <= Limits.linkTargetBytes else { throw .limitExceeded("link target") }
    guard linkTarget.isEmpty || type == .symbolicLink, !linkTarget.contains(0) else { throw .invalid("link target") }
    if rdevMajor | rdevMinor != 0, type != .characterDevice, type != .blockDevice { throw .invalid("device number") }
    if type != .directory, subtree != nil || subtreeEntries | subtreeBytes != 0 { throw .invalid("subtree") }
    for time in [mtime, ctime ?? .zero, btime ?? .zero] where time.nanoseconds >= 1_000_000_000 { throw .invalid("nanoseconds") }
    try validateAttributes()
    try validateContent()
    guard !image.isEmpty else { return }
    guard type == .file else { throw .invalid("image record") }
    guard image.count <= Limits.imageRecordBytes else { throw .limitExceeded("image record") }
    _ = try ImageRecord.decode(image)
  }

  private func validateAttributes() throws(FormatError) {
    guard !extendedAttributes.isEmpty else { return }
    var total = 0
    var previous: [UInt8] = []
    for attribute in extendedAttributes {
      guard !attribute.name.isEmpty, !attribute.name.contains(0) else { throw .invalid("attribute name") }
      guard ByteOrder.areAscending(previous, attribute.name) else { throw .notCanonical("order of attributes") }
      total += attribute.name.count + attribute.value.count
      guard total <= Limits.extendedAttributeBytes else { throw .limitExceeded("extended attributes") }
      previous = attribute.name
    }
  }

  private func validateContent() throws(FormatError) {
    switch content {
    case .none: return
    case .items(let items):
      guard type == .file else { throw .invalid("content") }
      guard (1...Limits.inlineContentItems).contains(items.count) else { throw .limitExceeded("content items") }
      _ = try ContentItem.validate(items)
    case .list(_, let height):
      guard type == .file else { throw .invalid("content") }
      guard Int(height) < Limits.treeHeight else { throw .limitExceeded("list height") }
    }
  }
}

extension ContentItem {
  /// Checks lengths and that no two holes touch; returns the sum of the lengths.
  static func validate(_ items: [ContentItem]) throws(FormatError) -> UInt64 {
    var total: UInt64 = 0
    var afterHole = false
    for item in items {
      let limit = item.id == nil ? UInt64(Int64.max) : UInt64(Limits.blobBytes)
      guard item.length > 0, item.length <= limit else { throw .invalid("content length") }
      if item.id == nil, afterHole { throw .notCanonical("adjacent holes") }
      afterHole = item.id == nil
      let (sum, overflow) = total.addingReportingOverflow(item.length)
      guard !overflow else { throw .limitExceeded("file size") }
      total = sum
    }
    return total
  }
}

/// The order of names: as bytes, a prefix before what it begins.
enum ByteOrder {
  static func areAscending(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { compare(left, $0) < 0 } }
  }

  /// Negative, zero or positive as memcmp(3), then by length.
  static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    let common = min(left.count, right.count)
    var index = 0
    while index < common {
      let (a, b) = (left[index], right[index])
      if a != b { return a < b ? -1 : 1 }
      index += 1
    }
    return left.count - right.count
  }
}
