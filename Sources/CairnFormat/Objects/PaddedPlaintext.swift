/// The plaintext of an envelope, config or key slot: u32 length, the bytes, zeros up to the size class.
enum PaddedPlaintext {
  static func length(of count: Int) -> Int { SizeClass.envelope(4 + count) }

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: length(of: bytes.count))
    writer.u32(UInt32(bytes.count))
    writer.append(bytes)
    writer.zeros(length(of: bytes.count) - writer.count)
    return writer.bytes
  }

  /// The true content, valid as long as `plaintext` is.
  ///
  /// - Throws: `.truncated` for a length beyond the end, `.notCanonical` unless padded with zeros to exactly the size class.
  static func content(of plaintext: UnsafeRawBufferPointer) throws(FormatError) -> UnsafeRawBufferPointer {
    var reader = ByteReader(plaintext)
    let count = Int(try reader.u32())
    guard count <= reader.remaining else { throw .truncated }
    guard length(of: count) == plaintext.count else { throw .notCanonical("padding") }
    let content = try reader.bytes(count)
    try reader.expectZeros(reader.remaining, "padding")
    return content
  }
}
