/// Writes one JSON document into a byte buffer, piece by piece.
///
/// Text is escaped so that it is safe on a terminal as well: control characters, DEL and the C1 range are `\u00xx`.
struct JSONLine {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init() { bytes.reserveCapacity(256) }

  /// An object holding what `body` writes.
  static func object(_ body: (inout JSONLine) -> Void) -> JSONLine {
    var line = JSONLine()
    line.object(body)
    return line
  }

  mutating func object(_ body: (inout JSONLine) -> Void) { enclose(0x7b, 0x7d, body) }
  mutating func array(_ body: (inout JSONLine) -> Void) { enclose(0x5b, 0x5d, body) }

  // MARK: Members of an object

  mutating func member(_ name: String, _ value: String) {
    key(name)
    string(Array(value.utf8))
  }

  /// A name as bytes: text, and where it is not UTF-8 also `<name>_base64` with every byte.
  mutating func member(_ name: String, bytes value: [UInt8]) {
    key(name)
    if UTF8Text.isWellFormed(value) {
      string(value)
    } else {
      string(Array(String(decoding: value, as: UTF8.self).utf8))
      key(name + "_base64")
      string(Base64.encode(value))
    }
  }

  mutating func member(_ name: String, _ value: some BinaryInteger) {
    key(name)
    bytes += Array(String(value).utf8)
  }

  mutating func member(_ name: String, _ value: Bool) {
    key(name)
    bytes += Array((value ? "true" : "false").utf8)
  }

  /// A number that is not finite is written as null.
  mutating func member(_ name: String, _ value: Double) {
    key(name)
    bytes += Array((value.isFinite ? "\(value)" : "null").utf8)
  }

  mutating func member(null name: String) {
    key(name)
    bytes += Array("null".utf8)
  }

  /// A nested object.
  mutating func member(_ name: String, _ body: (inout JSONLine) -> Void) {
    key(name)
    object(body)
    needsComma = true
  }

  /// A nested array.
  mutating func list(_ name: String, _ body: (inout JSONLine) -> Void) {
    key(name)
    array(body)
    needsComma = true
  }

  /// An array of names; those that are not UTF-8 make a parallel array `<name>_base64` of all of them.
  mutating func member(_ name: String, names: [[UInt8]]) {
    list(name) { line in for item in names { line.element(String(decoding: item, as: UTF8.self)) } }
    guard !names.allSatisfy(UTF8Text.isWellFormed) else { return }
    list(name + "_base64") { line in for item in names { line.element(String(decoding: Base64.encode(item), as: UTF8.self)) } }
  }

  // MARK: Elements of an array

  mutating func element(_ value: String) {
    comma()
    string(Array(value.utf8))
  }

  mutating func element(_ body: (inout JSONLine) -> Void) {
    comma()
    object(body)
    needsComma = true
  }

  // MARK: Details

  private mutating func enclose(_ open: UInt8, _ close: UInt8, _ body: (inout JSONLine) -> Void) {
    bytes.append(open)
    needsComma = false
    body(&self)
    bytes.append(close)
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { bytes.append(0x2c) }
    needsComma = true
  }

  private mutating func key(_ name: String) {
    comma()
    string(Array(name.utf8))
    bytes.append(0x3a)
  }

  /// `text` is well-formed UTF-8.
  private mutating func string(_ text: [UInt8]) {
    bytes.append(0x22)
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte == 0xc2, index + 1 < text.count, text[index + 1] < 0xa0 {
        escape(text[index + 1])
        index += 1
      } else if byte < 0x20 || byte == 0x7f {
        control(byte)
      } else {
        if byte == 0x22 || byte == 0x5c { bytes.append(0x5c) }
        bytes.append(byte)
      }
      index += 1
    }
    bytes.append(0x22)
  }

  private mutating func control(_ byte: UInt8) {
    switch byte {
    case 0x0a: bytes += Array("\\n".utf8)
    case 0x0d: bytes += Array("\\r".utf8)
    case 0x09: bytes += Array("\\t".utf8)
    default: escape(byte)
    }
  }

  private mutating func escape(_ byte: UInt8) {
    let digits = Array("0123456789abcdef".utf8)
    bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
  }
}

/// Base 64 with padding (RFC 4648 §4).
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let count = min(3, bytes.count - index)
      var word = UInt32(0)
      for offset in 0..<3 { word = word << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0) }
      for position in 0..<4 { out.append(position <= count ? alphabet[Int(word >> UInt32(18 - 6 * position)) & 63] : 0x3d) }
      index += 3
    }
    return out
  }
}
