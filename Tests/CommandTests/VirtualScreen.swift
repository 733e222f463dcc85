import Testing

/// A terminal as far as the browser uses one: places the cursor, prints, clears; anything else that it is sent is kept as strange.
struct VirtualScreen {
  let columns: Int
  private var cells: [[Character]]
  private var cursor = (row: 0, column: 0)
  private var pending: [UInt8] = []
  /// Sequences that are not known here.
  private(set) var strange: [String] = []
  private(set) var isAlternate = false
  private(set) var showsCursor = true

  init(columns: Int, rows: Int) {
    self.columns = columns
    cells = Array(repeating: Array(repeating: " ", count: columns), count: rows)
  }

  /// Without spaces at the ends.
  var lines: [String] {
    cells.map { row in
      var text = String(row.filter { $0 != "\0" })
      while text.last == " " { text.removeLast() }
      return text
    }
  }

  var text: String { lines.joined(separator: "\n") }
  func contains(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

  mutating func write(_ bytes: some Collection<UInt8>) {
    pending += bytes
    while let length = next() { pending.removeFirst(length) }
  }

  /// Handles what is at the front; nil when it is not all there yet.
  private mutating func next() -> Int? {
    guard let first = pending.first else { return nil }
    if first == 0x1b { return sequence() }
    if first < 0x20 || first == 0x7f {
      if first == 0x0d { cursor.column = 0 } else if first != 0x0a { strange.append("byte \(first)") }
      return 1
    }
    let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    guard pending.count >= length else { return nil }
    if let scalar = String(decoding: pending[..<length], as: UTF8.self).unicodeScalars.first { put(scalar) }
    return length
  }

  private mutating func sequence() -> Int? {
    guard pending.count > 1 else { return nil }
    guard pending[1] == 0x5b else {
      strange.append("escape \(pending[1])")
      return 2
    }
    guard let end = pending[2...].firstIndex(where: { (0x40...0x7e).contains($0) }) else { return nil }
    control(String(decoding: pending[2..<end], as: UTF8.self), pending[end])
    return end + 1
  }

  private mutating func control(_ text: String, _ final: UInt8) {
    let numbers = text.split(separator: ";", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    switch (final, text) {
    case (0x48, _): cursor = ((numbers.first ?? 1) - 1, (numbers.count > 1 ? numbers[1] : 1) - 1)
    case (0x4a, "2"): for row in cells.indices { cells[row] = Array(repeating: " ", count: columns) }
    case (0x4b, ""):
      if cells.indices.contains(cursor.row) {
        for column in cells[cursor.row].indices.dropFirst(cursor.column) { cells[cursor.row][column] = " " }
      }
    case (0x6d, _): break
    case (0x68, "?1049"), (0x6c, "?1049"): isAlternate = final == 0x68
    case (0x68, "?25"), (0x6c, "?25"): showsCursor = final == 0x68
    case (0x68, "?7"), (0x6c, "?7"), (0x68, "?2004"), (0x6c, "?2004"): break
    default: strange.append(text + String(UnicodeScalar(final)))
    }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    let width = width(of: scalar)
    guard cells.indices.contains(cursor.row), cursor.column < columns else { return }
    if width == 0 {
      let before = max(0, cursor.column - 1)
      cells[cursor.row][before] = Character(String(cells[cursor.row][before]) + String(scalar))
      return
    }
    cells[cursor.row][cursor.column] = Character(scalar)
    if width == 2, cursor.column + 1 < columns { cells[cursor.row][cursor.column + 1] = "\0" }
    cursor.column += width
  }

  private func width(of scalar: Unicode.Scalar) -> Int {
    if scalar.properties.generalCategory == .nonspacingMark { return 0 }
    return (0x3041...0x9fff).contains(scalar.value) || scalar.properties.isEmojiPresentation ? 2 : 1
  }
}
