/// The one place that makes names safe to print.
public enum Escaping {
  /// `bytes` as text for a terminal or log: well-formed UTF-8 stays; control characters, bytes that are no UTF-8,
  /// direction overrides, zero-width characters and the backslash become C-style escapes, so that what is printed is
  /// one line, moves no cursor, and differs where the names differ.
  public static func terminal(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != 0x5c }) { return String(decoding: bytes, as: UTF8.self) }
    var out = ""
    var rest = bytes[...]
    while let first = rest.first {
      if first < 0x80 {
        out += ascii(first)
        rest = rest.dropFirst()
      } else if let (scalar, length) = decodeScalar(rest) {
        if isDeceptive(scalar) { out += "\\u{\(String(scalar.value, radix: 16))}" } else { out.unicodeScalars.append(scalar) }
        rest = rest.dropFirst(length)
      } else {
        out += hex(first)
        rest = rest.dropFirst()
      }
    }
    return out
  }

  /// A line of a text for reading: as `terminal`, but the backslash stays what it is and tabs lead to columns.
  public static func line(_ bytes: some Sequence<UInt8>) -> String {
    var parts: [[UInt8]] = [[]]
    var column = 0
    for byte in bytes {
      switch byte {
      case 0x09:
        let spaces = 8 - column % 8
        parts[parts.count - 1] += repeatElement(0x20, count: spaces)
        column += spaces
      case 0x5c:
        parts.append([])
        column += 1
      default:
        parts[parts.count - 1].append(byte)
        if byte & 0xc0 != 0x80 { column += 1 }
      }
    }
    return parts.map(terminal).joined(separator: "\\")
  }

  /// A path made of components, with a leading slash.
  public static func path(_ components: [[UInt8]]) -> String {
    components.isEmpty ? "/" : components.map { "/" + terminal($0) }.joined()
  }

  private static func ascii(_ byte: UInt8) -> String {
    switch byte {
    case 0x0a: "\\n"
    case 0x0d: "\\r"
    case 0x09: "\\t"
    case 0x5c: "\\\\"
    case 0x20..<0x7f: String(UnicodeScalar(byte))
    default: hex(byte)
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = Array("0123456789abcdef")
    return "\\x" + String(digits[Int(byte >> 4)]) + String(digits[Int(byte & 15)])
  }

  /// C1 controls, zero-width and direction-changing characters, separators that break lines, tags, the byte-order mark.
  private static func isDeceptive(_ s: Unicode.Scalar) -> Bool {
    switch s.value {
    case 0x80...0x9f, 0xad, 0x61c, 0x180e, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0xfeff, 0xfff9...0xfffb, 0xe0000...0xe007f:
      true
    default: false
    }
  }

  /// The scalar that starts `bytes`, if it is well-formed UTF-8 (shortest form, no surrogates).
  private static func decodeScalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
    guard let lead = bytes.first else { return nil }
    let length = lead > 0xf4 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0
    guard length > 0, bytes.count >= length else { return nil }
    var value = UInt32(lead) & (0xff >> UInt32(length + 1))
    for byte in bytes.dropFirst().prefix(length - 1) {
      guard byte & 0xc0 == 0x80 else { return nil }
      value = value << 6 | UInt32(byte & 0x3f)
    }
    let minimum: [UInt32] = [0, 0, 0x80, 0x800, 0x10000]
    guard value >= minimum[length], let scalar = Unicode.Scalar(value) else { return nil }
    return (scalar, length)
  }
}
