import CairnKit

extension TOMLParser {
  /// - Parameter depth: how deep the value is nested.
  mutating func value(depth: Int) throws(TOMLError) -> TOMLValue {
    guard depth <= Self.maximumDepth * 2 else { throw error("lists and tables are nested too deeply") }
    guard let byte = peek() else { throw error("a value is missing at the end of the file") }
    switch byte {
    case 0x22: return .string(try peek(1) == 0x22 && peek(2) == 0x22 ? multilineBasicString() : basicString())
    case 0x27: return .string(try peek(1) == 0x27 && peek(2) == 0x27 ? multilineLiteralString() : literalString())
    case 0x5b: return try array(depth: depth)
    case 0x7b: return try inlineTable(depth: depth)
    case 0x0a, 0x0d, 0x23: throw error("a value is missing after the =")
    default: return try scalar()
    }
  }

  private mutating func array(depth: Int) throws(TOMLError) -> TOMLValue {
    let start = line
    position += 1
    var items: [TOMLItem] = []
    while true {
      try skipLines()
      if take(0x5d) { return .array(items) }
      guard peek() != nil else { throw TOMLError(line: start, message: "the list that begins here has no ] at its end") }
      let first = line
      items.append(TOMLItem(value: try value(depth: depth + 1), line: first))
      try skipLines()
      guard peek() == 0x5d || take(0x2c) else {
        throw peek() == nil
          ? TOMLError(line: start, message: "the list that begins here has no ] at its end")
          : error("between the items of a list there must be commas, and ] at its end")
      }
    }
  }

  private mutating func inlineTable(depth: Int) throws(TOMLError) -> TOMLValue {
    position += 1
    let table = TableBuilder(line: line, .inline, depth: depth + 1)
    skipSpaces()
    if take(0x7d) { return .table(table.frozen()) }
    repeat {
      skipSpaces()
      guard peek() != 0x0a, peek() != 0x0d else { throw error("a table in braces stands on one line; or write it as a section [name]") }
      try assignment(in: table)
      skipSpaces()
    } while take(0x2c)
    guard take(0x7d) else { throw error("a table in braces stands on one line, with commas between its keys and } at its end") }
    return .table(table.frozen())
  }

  // MARK: Numbers, dates, true and false

  private mutating func scalar() throws(TOMLError) -> TOMLValue {
    let start = position
    while let byte = peek(), Self.isScalar(byte) { position += 1 }
    // A date and a time may have a space between them.
    if position - start == 10, peek() == 0x20, let next = peek(1), (0x30...0x39).contains(next), bytes[start + 4] == 0x2d {
      position += 1
      while let byte = peek(), Self.isScalar(byte) { position += 1 }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    switch text {
    case "": throw error("a value is expected here and not '\(peek().map(Self.shown) ?? "")'; texts stand in quotation marks")
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    default: break
    }
    if let number = try TOMLNumber.value(text, line: line) { return number }
    if TOMLMoment.isValid(text) { return .moment(text) }
    let shown = Self.short(text)
    if (text.utf8.first.map { (0x30...0x39).contains($0) }) == true {
      throw error("'\(shown)' is neither a number nor a date; a text stands in quotation marks: \(TOMLValue.quoted(shown))")
    }
    throw error("'\(shown)' is not a value; a text stands in quotation marks: \(TOMLValue.quoted(shown))")
  }

  /// What fits a message.
  static func short(_ text: String) -> String { text.utf8.count <= 80 ? text : text.prefix(76) + "…" }

  private static func isScalar(_ byte: UInt8) -> Bool { isBareKey(byte) || byte == 0x2b || byte == 0x2e || byte == 0x3a }
}

/// Numbers by TOML's rules, which are stricter than those of most.
enum TOMLNumber {
  /// - Returns: nil for what is no number.
  static func value(_ text: String, line: Int) throws(TOMLError) -> TOMLValue? {
    switch text {
    case "inf", "+inf": return .float(.infinity)
    case "-inf": return .float(-.infinity)
    case "nan", "+nan", "-nan": return .float(.nan)
    default: break
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
      guard let digits = digits(text.dropFirst(2), radix: radix) else { return nil }
      guard let number = Int64(digits, radix: radix) else { throw tooLarge(text, line) }
      return .integer(number)
    }
    let hasSign = text.hasPrefix("+") || text.hasPrefix("-")
    let sign = text.hasPrefix("-") ? "-" : ""
    let unsigned = hasSign ? text.dropFirst() : text[...]
    if let digits = whole(unsigned) {
      guard let number = Int64(sign + digits) else { throw tooLarge(text, line) }
      return .integer(number)
    }
    return float(unsigned).map { .float(sign.isEmpty ? $0 : -$0) }
  }

  private static func tooLarge(_ text: String, _ line: Int) -> TOMLError {
    TOMLError(line: line, message: "the number \(TOMLParser.short(text)) is too large")
  }

  /// Digits without a leading zero.
  private static func whole(_ text: Substring) -> String? {
    guard let digits = digits(text, radix: 10), digits == "0" || !digits.hasPrefix("0") else { return nil }
    return digits
  }

  private static func float(_ text: Substring) -> Double? {
    let halves = text.split(whereSeparator: { $0 == "e" || $0 == "E" })
    let hasExponent = text.contains { $0 == "e" || $0 == "E" }
    guard let mantissa = halves.first, text.first == mantissa.first, halves.count == (hasExponent ? 2 : 1) else { return nil }
    let exponents = text.utf8.count { $0 == 0x65 || $0 == 0x45 }
    guard exponents <= 1 else { return nil }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.count == 2 || hasExponent, let integer = whole(parts[0]) else { return nil }
    var plain = integer
    if parts.count == 2 {
      guard let fraction = digits(parts[1], radix: 10) else { return nil }
      plain += "." + fraction
    }
    if hasExponent {
      var exponent = halves[1]
      let sign = exponent.first == "-" ? "-" : ""
      if exponent.first == "-" || exponent.first == "+" { exponent.removeFirst() }
      guard let digits = digits(exponent, radix: 10) else { return nil }
      plain += "e" + sign + digits
    }
    return Double(plain)
  }

  /// Digits with single underscores between them, without those.
  private static func digits(_ text: Substring, radix: Int) -> String? {
    var out = ""
    var before: UInt8 = 0x5f
    for byte in text.utf8 {
      if byte == 0x5f {
        guard before != 0x5f else { return nil }
      } else {
        guard byte < 0x80, Character(Unicode.Scalar(byte)).hexDigitValue.map({ $0 < radix }) == true else { return nil }
        out.unicodeScalars.append(Unicode.Scalar(byte))
      }
      before = byte
    }
    return before == 0x5f ? nil : out
  }
}

/// Dates and times.
enum TOMLMoment {
  /// Whether the text is a date, a time, or both with or without an offset (RFC 3339), and a possible one.
  static func isValid(_ text: String) -> Bool {
    var rest = Array(text.utf8)[...]
    if rest.count >= 5, rest[rest.startIndex + 2] == 0x3a { return time(&rest) && rest.isEmpty }
    guard date(&rest) else { return false }
    if rest.isEmpty { return true }
    guard let separator = rest.popFirst(), [0x54, 0x74, 0x20].contains(separator), time(&rest) else { return false }
    return rest.isEmpty || (offset(&rest) && rest.isEmpty)
  }

  private static func date(_ rest: inout ArraySlice<UInt8>) -> Bool {
    guard let year = number(&rest, 4), take(&rest, 0x2d), let month = number(&rest, 2), take(&rest, 0x2d), let day = number(&rest, 2)
    else { return false }
    return (1...12).contains(month) && day >= 1 && day <= CalendarDay.daysIn(month: Int64(month), year: Int64(year))
  }

  private static func time(_ rest: inout ArraySlice<UInt8>) -> Bool {
    guard let hour = number(&rest, 2), take(&rest, 0x3a), let minute = number(&rest, 2), take(&rest, 0x3a),
      let second = number(&rest, 2), hour < 24, minute < 60, second <= 60
    else { return false }
    guard take(&rest, 0x2e) else { return true }
    let fraction = rest.prefix { (0x30...0x39).contains($0) }
    rest = rest.dropFirst(fraction.count)
    return !fraction.isEmpty
  }

  private static func offset(_ rest: inout ArraySlice<UInt8>) -> Bool {
    if take(&rest, 0x5a) || take(&rest, 0x7a) { return true }
    guard take(&rest, 0x2b) || take(&rest, 0x2d), let hour = number(&rest, 2), take(&rest, 0x3a), let minute = number(&rest, 2)
    else { return false }
    return hour < 24 && minute < 60
  }

  private static func take(_ rest: inout ArraySlice<UInt8>, _ byte: UInt8) -> Bool {
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  private static func number(_ rest: inout ArraySlice<UInt8>, _ digits: Int) -> Int? {
    let field = rest.prefix(digits)
    guard field.count == digits, field.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    rest = rest.dropFirst(digits)
    return field.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }
}
