extension TOMLParser {
  /// `"…"` on one line.
  mutating func basicString() throws(TOMLError) -> String {
    position += 1
    var out: [UInt8] = []
    while true {
      guard let byte = peek(), byte != 0x0a, byte != 0x0d else { throw error("the text has no \" at its end") }
      position += 1
      switch byte {
      case 0x22: return String(decoding: out, as: UTF8.self)
      case 0x5c: try escape(&out)
      default:
        guard !Self.isControl(byte) else { throw controlCharacter }
        out.append(byte)
      }
    }
  }

  /// `'…'` on one line; nothing is escaped.
  mutating func literalString() throws(TOMLError) -> String {
    position += 1
    let start = position
    while let byte = peek(), byte != 0x27, byte != 0x0a, byte != 0x0d {
      guard !Self.isControl(byte) else { throw controlCharacter }
      position += 1
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard take(0x27) else { throw error("the text has no ' at its end") }
    return text
  }

  /// `"""…"""`
  mutating func multilineBasicString() throws(TOMLError) -> String {
    let start = line
    position += 3
    _ = try newline()
    var out: [UInt8] = []
    while true {
      if try newline() {
        out.append(0x0a)
        continue
      }
      guard let byte = peek() else { throw TOMLError(line: start, message: "the text that begins here has no \"\"\" at its end") }
      if byte == 0x22, closes(0x22, &out) { return String(decoding: out, as: UTF8.self) }
      position += 1
      if byte == 0x5c {
        if try !continuesLine() { try escape(&out) }
      } else {
        guard !Self.isControl(byte) else { throw controlCharacter }
        out.append(byte)
      }
    }
  }

  /// `'''…'''`
  mutating func multilineLiteralString() throws(TOMLError) -> String {
    let start = line
    position += 3
    _ = try newline()
    var out: [UInt8] = []
    while true {
      if try newline() {
        out.append(0x0a)
        continue
      }
      guard let byte = peek() else { throw TOMLError(line: start, message: "the text that begins here has no ''' at its end") }
      if byte == 0x27, closes(0x27, &out) { return String(decoding: out, as: UTF8.self) }
      guard !Self.isControl(byte) else { throw controlCharacter }
      position += 1
      out.append(byte)
    }
  }

  /// Whether three quotation marks end the text here; up to two more before them belong to it.
  private mutating func closes(_ quote: UInt8, _ out: inout [UInt8]) -> Bool {
    var count = 0
    while count < 5, peek(count) == quote { count += 1 }
    guard count >= 3 else { return false }
    position += count
    out += Array(repeating: quote, count: count - 3)
    return true
  }

  /// After a backslash: whether the line ends here, so that it and the white space that follows are left out.
  private mutating func continuesLine() throws(TOMLError) -> Bool {
    let before = position
    skipSpaces()
    guard try newline() else {
      position = before
      return false
    }
    repeat { skipSpaces() } while try newline()
    return true
  }

  /// After a backslash.
  private mutating func escape(_ out: inout [UInt8]) throws(TOMLError) {
    guard let byte = peek() else { throw error("the text has no \" at its end") }
    position += 1
    switch byte {
    case 0x62: out.append(0x08)
    case 0x74: out.append(0x09)
    case 0x6e: out.append(0x0a)
    case 0x66: out.append(0x0c)
    case 0x72: out.append(0x0d)
    case 0x22, 0x5c: out.append(byte)
    case 0x75: try unicode(digits: 4, &out)
    case 0x55: try unicode(digits: 8, &out)
    default: throw error("\\\(Self.shown(byte)) means nothing in a text; write \\\\ for a backslash, or put the text in single quotes")
    }
  }

  private mutating func unicode(digits: Int, _ out: inout [UInt8]) throws(TOMLError) {
    let field = bytes[position..<min(position + digits, bytes.count)]
    let isHex = field.allSatisfy { $0 < 0x80 && Character(Unicode.Scalar($0)).isHexDigit }
    guard field.count == digits, isHex, let value = UInt32(String(decoding: field, as: UTF8.self), radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw error("\\u is followed by four digits of a character's number, \\U by eight") }
    position += digits
    out += Array(String(Character(scalar)).utf8)
  }

  private var controlCharacter: TOMLError { error("the text holds a control character; write it as \\u00XX") }
}
