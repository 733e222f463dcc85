/// Reads TOML 1.0 and knows the line of every key.
///
/// The text may come from anywhere: what is no TOML throws a `TOMLError`, and nothing is nested deeper, or larger, than
/// `maximumDepth` and `maximumBytes` allow.
package struct TOMLParser {
  package static let maximumBytes = 1 << 20
  /// Of arrays, inline tables and the parts of a key.
  package static let maximumDepth = 32

  let bytes: [UInt8]
  var position = 0
  var line = 1

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  package static func parse(_ bytes: [UInt8]) throws(TOMLError) -> TOMLTable {
    guard bytes.count <= maximumBytes else { throw TOMLError(line: 1, message: "the file is larger than 1 MiB; that is no configuration") }
    try requireUTF8(bytes)
    var parser = TOMLParser(bytes)
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { parser.position = 3 }
    let root = TableBuilder(line: 1, .header)
    try parser.document(root)
    return root.frozen()
  }

  private static func requireUTF8(_ bytes: [UInt8]) throws(TOMLError) {
    guard String(validating: bytes, as: UTF8.self) == nil else { return }
    // The first line that is not.
    for (index, part) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
    where String(validating: part, as: UTF8.self) == nil {
      throw TOMLError(line: index + 1, message: "this is not UTF-8; write the file as UTF-8")
    }
    throw TOMLError(line: 1, message: "this is not UTF-8; write the file as UTF-8")
  }

  // MARK: Lines

  private mutating func document(_ root: TableBuilder) throws(TOMLError) {
    var section = root
    while true {
      skipSpaces()
      guard let byte = peek() else { return }
      switch byte {
      case 0x0a, 0x0d, 0x23: break
      case 0x5b: section = try header(root)
      default: try assignment(in: section)
      }
      try endOfLine()
    }
  }

  /// `[a.b]` or `[[a.b]]`
  private mutating func header(_ root: TableBuilder) throws(TOMLError) -> TableBuilder {
    let start = line
    position += 1
    let isArray = take(0x5b)
    let path = try keyPath()
    guard take(0x5d), !isArray || take(0x5d) else {
      throw error("the name of a section ends with \(isArray ? "]]" : "]")")
    }
    var table = root
    for key in path.dropLast() { table = try table.child(key, line: start) }
    guard let last = path.last else { throw error("a section needs a name") }
    return isArray ? try table.append(last, line: start) : try table.define(last, line: start)
  }

  /// `key = value`
  mutating func assignment(in table: TableBuilder) throws(TOMLError) {
    let start = line
    let path = try keyPath()
    guard take(0x3d) else { throw error("after the key '\(Self.shown(path))' there must be = and a value") }
    skipSpaces()
    let value = try value(depth: table.depth + path.count)
    var table = table
    for key in path.dropLast() { table = try table.dotted(key, line: start) }
    if let last = path.last { try table.add(last, .leaf(TOMLItem(value: value, line: start)), line: start) }
  }

  /// The rest of a line: spaces, a comment, the line's end.
  private mutating func endOfLine() throws(TOMLError) {
    skipSpaces()
    try comment()
    guard let byte = peek() else { return }
    guard try newline() else {
      throw error("'\(Self.shown(byte))' is not expected here; one key and one value stand on a line")
    }
  }

  // MARK: Keys

  /// One or more keys with points between, with the spaces around them.
  private mutating func keyPath() throws(TOMLError) -> [String] {
    var path: [String] = []
    repeat {
      skipSpaces()
      path.append(try key())
      skipSpaces()
      guard path.count <= Self.maximumDepth else { throw error("the key has too many parts") }
    } while take(0x2e)
    return path
  }

  private mutating func key() throws(TOMLError) -> String {
    switch peek() {
    case 0x22, 0x27:
      let quote = bytes[position]
      guard !(peek(1) == quote && peek(2) == quote) else { throw error("a key cannot span lines; use single quotation marks") }
      return quote == 0x22 ? try basicString() : try literalString()
    default:
      let start = position
      while let byte = peek(), Self.isBareKey(byte) { position += 1 }
      guard position > start else {
        let found = peek().map { "'\(Self.shown($0))'" } ?? "the end of the file"
        throw error("a key is expected here and not \(found); a key is made of letters, digits, - and _, or stands in quotation marks")
      }
      return String(decoding: bytes[start..<position], as: UTF8.self)
    }
  }

  static func isBareKey(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
    default: false
    }
  }

  // MARK: Characters

  func peek(_ ahead: Int = 0) -> UInt8? { position + ahead < bytes.count ? bytes[position + ahead] : nil }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  mutating func skipSpaces() { while let byte = peek(), byte == 0x20 || byte == 0x09 { position += 1 } }

  /// Takes one line end.
  mutating func newline() throws(TOMLError) -> Bool {
    if peek() == 0x0d {
      guard peek(1) == 0x0a else { throw error("a carriage return stands by itself; lines end with a newline") }
      position += 1
    }
    guard take(0x0a) else { return false }
    line += 1
    return true
  }

  mutating func comment() throws(TOMLError) {
    guard take(0x23) else { return }
    while let byte = peek(), byte != 0x0a, !(byte == 0x0d && peek(1) == 0x0a) {
      guard !Self.isControl(byte) else { throw error("the comment holds a control character") }
      position += 1
    }
  }

  /// Spaces, comments and line ends, as arrays may hold them.
  mutating func skipLines() throws(TOMLError) {
    repeat {
      skipSpaces()
      try comment()
    } while try newline()
  }

  /// Of the control characters only the tab may stand in a text.
  static func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 0x09) || byte == 0x7f }

  func error(_ message: String) -> TOMLError { TOMLError(line: line, message: message) }

  static func shown(_ path: [String]) -> String { path.map(TOMLValue.key).joined(separator: ".") }

  static func shown(_ byte: UInt8) -> String {
    byte < 0x80 ? String(TOMLValue.quoted(String(Unicode.Scalar(byte))).dropFirst().dropLast()) : "a letter beyond ASCII"
  }
}
