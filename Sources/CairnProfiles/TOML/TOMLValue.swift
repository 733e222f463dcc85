/// A value of a TOML file, and where it begins.
package struct TOMLItem: Sendable, Equatable {
  package var value: TOMLValue
  /// The line of its key, or of itself in an array; from 1.
  package var line: Int
  /// Which of several files it stands in; the reader of one file leaves it 0.
  package var file = 0

  /// Equal values are equal wherever they stand.
  package static func == (a: TOMLItem, b: TOMLItem) -> Bool { a.value == b.value }
}

package indirect enum TOMLValue: Sendable, Equatable {
  case string(String)
  case integer(Int64)
  case float(Double)
  case boolean(Bool)
  /// A date, a time or both, as written; it is a possible one.
  case moment(String)
  case array([TOMLItem])
  case table(TOMLTable)

  /// What a person calls such a value.
  package var kindName: String {
    switch self {
    case .string: "a text"
    case .integer: "a number"
    case .float: "a number with a fraction"
    case .boolean: "true or false"
    case .moment: "a date or time"
    case .array: "a list"
    case .table: "a table"
    }
  }
}

/// Keys and values in the order of the file.
package struct TOMLTable: Sendable, Equatable {
  package private(set) var keys: [String] = []
  private var items: [String: TOMLItem] = [:]
  /// Where the table begins.
  package var line: Int

  package init(line: Int = 1) { self.line = line }

  package subscript(key: String) -> TOMLItem? { items[key] }

  /// Adds a value, or puts it in the place of the one that is there.
  package mutating func set(_ key: String, _ item: TOMLItem) {
    if items.updateValue(item, forKey: key) == nil { keys.append(key) }
  }

  /// The same with every value marked as one of a file.
  package func marked(file: Int) -> TOMLTable {
    var out = TOMLTable(line: line)
    for key in keys { if let item = items[key] { out.set(key, item.marked(file: file)) } }
    return out
  }

  package static func == (a: TOMLTable, b: TOMLTable) -> Bool { a.items == b.items }
}

extension TOMLItem {
  fileprivate func marked(file: Int) -> TOMLItem {
    var out = TOMLItem(value: value, line: line, file: file)
    switch value {
    case .array(let items): out.value = .array(items.map { $0.marked(file: file) })
    case .table(let table): out.value = .table(table.marked(file: file))
    default: break
    }
    return out
  }
}

/// A text that is no TOML.
package struct TOMLError: Error, Equatable, CustomStringConvertible {
  package let line: Int
  /// What is wrong and what to do; no stop at the end.
  package let message: String

  package var description: String { "line \(line): \(message)" }
}

// MARK: - Writing

extension TOMLValue: CustomStringConvertible {
  /// As it may stand in a file, on one line.
  package var description: String {
    switch self {
    case .string(let text): Self.quoted(text)
    case .integer(let number): "\(number)"
    case .float(let number): number.isNaN ? "nan" : number.isInfinite ? (number < 0 ? "-inf" : "inf") : "\(number)"
    case .boolean(let flag): flag ? "true" : "false"
    case .moment(let text): text
    case .array(let items): "[" + items.map(\.value.description).joined(separator: ", ") + "]"
    case .table(let table):
      "{" + table.keys.map { " \(Self.key($0)) = \(table[$0]?.value.description ?? "")" }.joined(separator: ",") + " }"
    }
  }

  /// A key, in quotes where it needs them.
  package static func key(_ name: String) -> String {
    !name.isEmpty && name.utf8.allSatisfy(TOMLParser.isBareKey) ? name : quoted(name)
  }

  /// A text in double quotes; control and other invisible characters are escaped, so that it is safe on a terminal too.
  package static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      default:
        if isVisible(scalar) { out.unicodeScalars.append(scalar) } else { out += escape(scalar) }
      }
    }
    return out + "\""
  }

  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: false
    default: true
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let width = scalar.value > 0xffff ? 8 : 4
    return (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.count) + digits
  }
}
