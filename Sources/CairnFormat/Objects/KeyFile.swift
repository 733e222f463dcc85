/// The text file that opens a key-file slot: "cairn-key-1 ", 64 lower-case hexadecimal digits, and a line feed.
package enum KeyFile {
  package static let keyBytes = 32
  /// Larger files are not read at all.
  package static let maximumBytes = 256
  private static let prefix: [UInt8] = Array("cairn-key-1 ".utf8)

  /// - Parameter key: 32 random bytes.
  package static func encode(_ key: SecretBytes) -> SecretBytes {
    SecretBytes(count: prefix.count + key.count * 2 + 1) { output in
      output.copyBytes(from: prefix)
      key.withBytes { key in
        for (index, byte) in key.enumerated() {
          for (half, nibble) in [byte >> 4, byte & 15].enumerated() {
            output[prefix.count + index * 2 + half] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
          }
        }
      }
      output[output.count - 1] = 0x0A
    }
  }

  /// The key. Spaces, tabs, carriage returns and line feeds at the end are passed over, for editors add them.
  ///
  /// - Throws: `.limitExceeded`, `.badMagic`, `.invalid` for anything but 64 lower-case digits.
  package static func decode(_ text: UnsafeRawBufferPointer) throws(FormatError) -> SecretBytes {
    guard text.count <= maximumBytes else { throw .limitExceeded("key file length") }
    guard text.starts(with: prefix) else { throw .badMagic }
    var end = text.count
    while end > prefix.count, [0x20, 0x09, 0x0D, 0x0A].contains(text[end - 1]) { end -= 1 }
    guard end - prefix.count == keyBytes * 2 else { throw .invalid("key file length") }
    return try SecretBytes(count: keyBytes) { (output) throws(FormatError) in
      for index in 0..<keyBytes {
        let high = try nibble(text[prefix.count + index * 2])
        let low = try nibble(text[prefix.count + index * 2 + 1])
        output[index] = high << 4 | low
      }
    }
  }

  private static func nibble(_ digit: UInt8) throws(FormatError) -> UInt8 {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x57
    default: throw .invalid("key file digits")
    }
  }
}
