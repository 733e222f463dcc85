/// Writes fields as varint tag, varint length, bytes, in strictly ascending order of tags.
///
/// Defaults (zero, empty, nil) are left out by the typed calls, so that one value has one encoding.
package struct TLVWriter: Sendable {
  package private(set) var writer = ByteWriter()
  private var lastTag: UInt64?

  package init() {}
  package var bytes: [UInt8] { writer.bytes }

  /// Appends a field as it stands, empty or not.
  ///
  /// - Precondition: `tag` is above every tag written before (a programming error otherwise).
  package mutating func field(_ tag: UInt64, _ content: [UInt8]) {
    precondition(lastTag.map { $0 < tag } ?? true, "fields must be written in ascending order")
    lastTag = tag
    writer.varint(tag)
    writer.counted(content)
  }

  /// Appends a number as varint; zero is left out.
  package mutating func unsigned(_ tag: UInt64, _ value: UInt64) {
    guard value != 0 else { return }
    var content = ByteWriter(capacity: 10)
    content.varint(value)
    field(tag, content.bytes)
  }

  /// Appends a signed number in zigzag form; zero is left out.
  package mutating func signed(_ tag: UInt64, _ value: Int64) {
    unsigned(tag, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  /// Appends bytes; none are left out.
  package mutating func bytes(_ tag: UInt64, _ value: [UInt8]) {
    if !value.isEmpty { field(tag, value) }
  }

  package mutating func identifier<Tag>(_ tag: UInt64, _ value: Identifier16<Tag>?) {
    if let value { field(tag, value.bytes) }
  }

  package mutating func identifier<Tag>(_ tag: UInt64, _ value: Identifier32<Tag>?) {
    if let value { field(tag, value.bytes) }
  }

  /// Appends 12 bytes; nil is left out.
  package mutating func timestamp(_ tag: UInt64, _ value: Timestamp?) {
    guard let value else { return }
    var content = ByteWriter(capacity: 12)
    value.encode(into: &content)
    field(tag, content.bytes)
  }

  /// Appends a list of byte strings, each with its length as varint before it; an empty list is left out.
  package mutating func list(_ tag: UInt64, _ values: [[UInt8]]) {
    guard !values.isEmpty else { return }
    var content = ByteWriter(capacity: values.reduce(0) { $0 + $1.count + 2 })
    for value in values { content.counted(value) }
    field(tag, content.bytes)
  }

  /// Appends 16-byte identifiers one after another; an empty list is left out.
  package mutating func identifiers<Tag>(_ tag: UInt64, _ values: [Identifier16<Tag>]) {
    guard !values.isEmpty else { return }
    var content = ByteWriter(capacity: values.count * 16)
    for value in values { content.identifier(value) }
    field(tag, content.bytes)
  }
}

/// One field met by `TLVReader`. Valid as long as the reader's bytes are.
package struct TLVField {
  package let tag: UInt64
  package let content: UnsafeRawBufferPointer

  /// What a decoder does with a tag it does not know: an even one is passed over.
  ///
  /// - Throws: `.unsupportedFeature` when the tag is odd, which means must-understand.
  package func skipUnknown() throws(FormatError) {
    if tag & 1 == 1 { throw .unsupportedFeature }
  }

  /// Decodes the whole content with `body` and checks that nothing is left.
  package func read<Result>(_ body: (inout ByteReader) throws(FormatError) -> Result) throws(FormatError) -> Result {
    var reader = ByteReader(content)
    let result = try body(&reader)
    try reader.expectEnd()
    return result
  }

  /// - Throws: `.notCanonical` for zero, which must be left out; `.limitExceeded` above `maximum`.
  package func unsigned(maximum: UInt64 = .max) throws(FormatError) -> UInt64 {
    let value = try read { (reader) throws(FormatError) in try reader.varint() }
    guard value != 0 else { throw .notCanonical("default value written out") }
    guard value <= maximum else { throw .limitExceeded("field value") }
    return value
  }

  package func unsigned32() throws(FormatError) -> UInt32 { UInt32(try unsigned(maximum: UInt64(UInt32.max))) }

  package func signed() throws(FormatError) -> Int64 {
    let value = try unsigned()
    return Int64(bitPattern: value >> 1) ^ -Int64(value & 1)
  }

  /// - Throws: `.notCanonical` for an empty field, `.limitExceeded` above `maximum` bytes.
  package func bytes(maximum: Int) throws(FormatError) -> [UInt8] {
    guard !content.isEmpty else { throw .notCanonical("default value written out") }
    guard content.count <= maximum else { throw .limitExceeded("field length") }
    return [UInt8](content)
  }

  package func identifier16<Tag>(_: Tag.Type = Tag.self) throws(FormatError) -> Identifier16<Tag> {
    guard content.count == 16 else { throw .invalid("identifier length") }
    return Identifier16(bytes: content)
  }

  package func identifier32<Tag>(_: Tag.Type = Tag.self) throws(FormatError) -> Identifier32<Tag> {
    guard content.count == 32 else { throw .invalid("identifier length") }
    return Identifier32(bytes: content)
  }

  package func timestamp() throws(FormatError) -> Timestamp {
    try read { (reader) throws(FormatError) in try Timestamp(from: &reader) }
  }

  /// A list of byte strings of at most `maximumCount`, each of at most `maximumBytes`.
  package func list(maximumCount: Int, maximumBytes: Int) throws(FormatError) -> [[UInt8]] {
    guard !content.isEmpty else { throw .notCanonical("default value written out") }
    return try read { (reader) throws(FormatError) in
      var values: [[UInt8]] = []
      while !reader.isAtEnd {
        guard values.count < maximumCount else { throw .limitExceeded("list length") }
        values.append(try reader.array(try reader.varint(limit: maximumBytes, "list item length")))
      }
      return values
    }
  }

  package func identifiers16<Tag>(maximumCount: Int, _: Tag.Type = Tag.self) throws(FormatError) -> [Identifier16<Tag>] {
    guard !content.isEmpty else { throw .notCanonical("default value written out") }
    guard content.count % 16 == 0 else { throw .invalid("identifier length") }
    guard content.count / 16 <= maximumCount else { throw .limitExceeded("list length") }
    var reader = ByteReader(content)
    var values: [Identifier16<Tag>] = []
    values.reserveCapacity(content.count / 16)
    while !reader.isAtEnd { values.append(try reader.identifier16()) }
    return values
  }
}

/// Reads what `TLVWriter` writes and refuses every other encoding of it.
package struct TLVReader {
  private var reader: ByteReader
  private var lastTag: UInt64?

  package init(_ bytes: UnsafeRawBufferPointer) { reader = ByteReader(bytes) }

  /// The next field, or nil at the end of the bytes.
  ///
  /// - Throws: `.notCanonical` when tags do not strictly ascend or a varint is not minimal; `.truncated`.
  package mutating func next() throws(FormatError) -> TLVField? {
    guard !reader.isAtEnd else { return nil }
    let tag = try reader.varint()
    if let lastTag, tag <= lastTag { throw .notCanonical("order of fields") }
    lastTag = tag
    let length = try reader.varint()
    guard length <= UInt64(reader.remaining) else { throw .truncated }
    return TLVField(tag: tag, content: try reader.bytes(Int(length)))
  }

  /// Calls `body` for every field of `bytes`.
  package static func forEach(_ bytes: UnsafeRawBufferPointer, _ body: (TLVField) throws(FormatError) -> Void) throws(FormatError) {
    var fields = TLVReader(bytes)
    while let field = try fields.next() { try body(field) }
  }
}

extension [UInt8] {
  /// Calls `body` for every TLV field of the array; a field must not leave the closure.
  package func forEachField(_ body: (TLVField) throws(FormatError) -> Void) throws(FormatError) {
    try withUnsafeBufferPointer { (elements) throws(FormatError) -> Void in
      try TLVReader.forEach(UnsafeRawBufferPointer(elements), body)
    }
  }
}
