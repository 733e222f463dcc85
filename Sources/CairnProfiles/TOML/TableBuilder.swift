/// A table while its file is read: who may still add to it follows from how it came to be.
final class TableBuilder {
  enum Origin {
    /// A header, or the root.
    case header
    /// Named on the way to another header; a header of its own may follow.
    case implied
    /// A key with points; no header may name it.
    case dotted
    /// Braces; complete as it stands.
    case inline
  }

  enum Node {
    case leaf(TOMLItem)
    case table(TableBuilder)
    case tables(TableList)
  }

  /// What `[[…]]` made; it grows in place.
  final class TableList {
    var all: [TableBuilder] = []
  }

  private let line: Int
  private var origin: Origin
  private var keys: [String] = []
  private var nodes: [String: Node] = [:]
  /// How deep the table is nested in values.
  let depth: Int

  init(line: Int, _ origin: Origin, depth: Int = 0) {
    self.line = line
    self.origin = origin
    self.depth = depth
  }

  func add(_ key: String, _ node: Node, line: Int) throws(TOMLError) {
    if let old = nodes[key] {
      throw TOMLError(line: line, message: "'\(TOMLValue.key(key))' is there already, in line \(Self.line(of: old)); leave one of them")
    }
    keys.append(key)
    nodes[key] = node
  }

  /// The table that a header passes through.
  func child(_ key: String, line: Int) throws(TOMLError) -> TableBuilder {
    switch nodes[key] {
    case .table(let table) where table.origin != .inline: return table
    case .tables(let tables): if let last = tables.all.last { return last }
    case nil:
      let table = TableBuilder(line: line, .implied)
      try add(key, .table(table), line: line)
      return table
    default: break
    }
    throw TOMLError(line: line, message: "'\(TOMLValue.key(key))' has a value already, so it cannot be a section")
  }

  /// The table that `[… key]` begins.
  func define(_ key: String, line: Int) throws(TOMLError) -> TableBuilder {
    if case .table(let table) = nodes[key], table.origin == .implied {
      table.origin = .header
      return table
    }
    let table = TableBuilder(line: line, .header)
    try add(key, .table(table), line: line)
    return table
  }

  /// The table that `[[… key]]` begins.
  func append(_ key: String, line: Int) throws(TOMLError) -> TableBuilder {
    let table = TableBuilder(line: line, .header)
    if case .tables(let tables) = nodes[key] {
      tables.all.append(table)
    } else {
      let tables = TableList()
      tables.all.append(table)
      try add(key, .tables(tables), line: line)
    }
    return table
  }

  /// The table that a key with points passes through.
  func dotted(_ key: String, line: Int) throws(TOMLError) -> TableBuilder {
    if case .table(let table) = nodes[key], table.origin == .dotted { return table }
    let table = TableBuilder(line: line, .dotted, depth: depth)
    try add(key, .table(table), line: line)
    return table
  }

  private static func line(of node: Node) -> Int {
    switch node {
    case .leaf(let item): item.line
    case .table(let table): table.line
    case .tables(let tables): tables.all.first?.line ?? 0
    }
  }

  func frozen() -> TOMLTable {
    var out = TOMLTable(line: line)
    for key in keys {
      switch nodes[key] {
      case .leaf(let item): out.set(key, item)
      case .table(let table): out.set(key, TOMLItem(value: .table(table.frozen()), line: table.line))
      case .tables(let tables):
        let items = tables.all.map { TOMLItem(value: .table($0.frozen()), line: $0.line) }
        out.set(key, TOMLItem(value: .array(items), line: items.first?.line ?? line))
      case nil: break
      }
    }
    return out
  }
}
