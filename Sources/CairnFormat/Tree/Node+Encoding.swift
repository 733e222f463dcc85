extension Node {
  /// Bytes that `encode` certainly needs for this node, and a number that it never exceeds.
  var encodedBounds: (least: Int, most: Int) {
    var least = name.count + user.count + group.count + linkTarget.count + image.count
    var slack = 384
    for attribute in extendedAttributes {
      least += attribute.name.count + attribute.value.count
      slack += 20
    }
    if case .items(let items) = content { slack += items.count * 42 }
    return (least, least + slack)
  }

  /// Appends the item: its length, its name, its fields in ascending order of tags.
  ///
  /// - Precondition: `validate` did not throw, and the writer has room for `encodedBounds.most` bytes.
  func encode(into writer: inout ItemWriter) {
    writer.prefixed(reserve: 4) { writer in
      writer.varint(UInt64(name.count))
      writer.bytes(name)
      encodeStatus(into: &writer)
      encodeRest(into: &writer)
    }
  }

  @inline(__always) private func encodeStatus(into writer: inout ItemWriter) {
    writer.number(NodeField.type, UInt64(type.rawValue))
    writer.number(NodeField.mode, UInt64(mode))
    writer.number(NodeField.uid, UInt64(uid))
    writer.number(NodeField.gid, UInt64(gid))
    writer.counted(NodeField.user, user)
    writer.counted(NodeField.group, group)
    if mtime != .zero {
      writer.u8(NodeField.mtime)
      let seconds = mtime.seconds.zigzag
      writer.u8(UInt8(ByteWriter.varintLength(seconds) + ByteWriter.varintLength(UInt64(mtime.nanoseconds))))
      writer.varint(seconds)
      writer.varint(UInt64(mtime.nanoseconds))
    }
    if let ctime { writer.time(NodeField.ctime, ctime, relativeTo: mtime) }
    writer.number(NodeField.size, size)
    writer.number(NodeField.inode, inode)
    writer.number(NodeField.device, device)
    if links != 1 {
      writer.u8(NodeField.links)
      writer.u8(UInt8(ByteWriter.varintLength(UInt64(links))))
      writer.varint(UInt64(links))
    }
  }

  @inline(__always) private func encodeRest(into writer: inout ItemWriter) {
    writer.counted(NodeField.linkTarget, linkTarget)
    if rdevMajor | rdevMinor != 0 { writer.pair(NodeField.rdev, UInt64(rdevMajor), UInt64(rdevMinor)) }
    if !extendedAttributes.isEmpty {
      writer.u8(NodeField.extendedAttributes)
      writer.prefixed(reserve: 4) { encodeAttributes(into: &$0) }
    }
    switch content {
    case .none: break
    case .items(let items):
      writer.u8(NodeField.content)
      writer.prefixed(reserve: 2) { writer in
        for item in items { writer.contentItem(item) }
      }
    case .list(let root, let height):
      writer.u8(NodeField.list)
      writer.u8(33)
      writer.identifier(root)
      writer.u8(height)
    }
    if let subtree {
      writer.u8(NodeField.subtree)
      writer.u8(32)
      writer.identifier(subtree)
    }
    if subtreeEntries | subtreeBytes != 0 { writer.pair(NodeField.subtreeSums, subtreeEntries, subtreeBytes) }
    writer.number(NodeField.inodeFlags, UInt64(inodeFlags))
    writer.counted(NodeField.image, image)
    if let btime { writer.time(NodeField.btime, btime, relativeTo: ctime ?? mtime) }
    writer.number(NodeField.flags, flags.rawValue)
  }

  private func encodeAttributes(into writer: inout ItemWriter) {
    for attribute in extendedAttributes {
      writer.varint(UInt64(attribute.name.count))
      writer.bytes(attribute.name)
      writer.varint(UInt64(attribute.value.count))
      writer.bytes(attribute.value)
    }
  }

  /// The item that describes the root of a snapshot itself, as the manifest holds it. Its name is left empty whatever `name` says.
  ///
  /// - Throws: As `validate`.
  package func encodeRootItem() throws(FormatError) -> [UInt8] {
    var root = self
    root.name = []
    try root.validate()
    return [UInt8](unsafeUninitializedCapacity: root.encodedBounds.most) { memory, count in
      var writer = ItemWriter(UnsafeMutableRawBufferPointer(memory))
      root.encode(into: &writer)
      count = writer.offset
    }
  }
}

extension ItemWriter {
  /// A time as zigzag differences of seconds and nanoseconds to a time before it in the item; nothing at all where the two are equal.
  ///
  /// The difference of seconds wraps around, so that every pair of times has exactly one encoding.
  @inline(__always) mutating func time(_ tag: UInt8, _ time: Timestamp, relativeTo reference: Timestamp) {
    u8(tag)
    if time == reference { return u8(0) }
    let seconds = (time.seconds &- reference.seconds).zigzag
    let nanoseconds = (Int64(time.nanoseconds) - Int64(reference.nanoseconds)).zigzag
    u8(UInt8(ByteWriter.varintLength(seconds) + ByteWriter.varintLength(nanoseconds)))
    varint(seconds)
    varint(nanoseconds)
  }

  mutating func pair(_ tag: UInt8, _ first: UInt64, _ second: UInt64) {
    u8(tag)
    u8(UInt8(ByteWriter.varintLength(first) + ByteWriter.varintLength(second)))
    varint(first)
    varint(second)
  }

  /// length << 1, and the id; for a hole length << 1 | 1 alone.
  @inline(__always) mutating func contentItem(_ item: ContentItem) {
    if let id = item.id {
      varint(item.length << 1)
      identifier(id)
    } else {
      varint(item.length << 1 | 1)
    }
  }
}
