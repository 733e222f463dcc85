/// A line that is being typed.
struct LineEditor: Equatable, Sendable {
  private(set) var scalars: [Unicode.Scalar] = []
  /// Where the next character goes.
  private(set) var cursor = 0
  private static let longest = 4096

  init(_ text: String = "") {
    scalars = Array(text.unicodeScalars.prefix(Self.longest))
    cursor = scalars.count
  }

  var text: String { Self.text(scalars) }

  /// - Returns: whether the key belongs to the line.
  mutating func handle(_ key: Keystroke) -> Bool {
    switch key {
    case .character(let scalar): insert([scalar])
    case .pasted(let text): insert(text)
    case .backspace where cursor > 0:
      cursor -= 1
      scalars.remove(at: cursor)
    case .delete where cursor < scalars.count: scalars.remove(at: cursor)
    case .left where cursor > 0: cursor -= 1
    case .right where cursor < scalars.count: cursor += 1
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = scalars.count
    case .control("u"):
      scalars.removeSubrange(..<cursor)
      cursor = 0
    case .control("k"): scalars.removeSubrange(cursor...)
    case .control("w"): removeWord()
    case .backspace, .delete, .left, .right: break
    default: return false
    }
    return true
  }

  /// The part of the line around the cursor that fits, and the column of the cursor in it.
  func shown(columns: Int) -> (text: String, cursor: Int) {
    var start = cursor
    var width = 0
    while start > 0 {
      let next = DisplayWidth.of(Self.text([scalars[start - 1]]))
      guard width + next < columns else { break }
      width += next
      start -= 1
    }
    return (DisplayWidth.prefix(Self.text(scalars[start...]), columns: max(0, columns)), width)
  }

  private mutating func insert(_ new: [Unicode.Scalar]) {
    let new = new.prefix(max(0, Self.longest - scalars.count))
    scalars.insert(contentsOf: new, at: cursor)
    cursor += new.count
  }

  /// Back to the slash or space before the word at the cursor.
  private mutating func removeWord() {
    let isEnd: (Unicode.Scalar) -> Bool = { $0 == "/" || $0 == " " }
    var start = cursor
    while start > 0, isEnd(scalars[start - 1]) { start -= 1 }
    while start > 0, !isEnd(scalars[start - 1]) { start -= 1 }
    scalars.removeSubrange(start..<cursor)
    cursor = start
  }

  private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
