import CairnFormat
import CairnKit

/// The size of a terminal.
struct ScreenSize: Equatable, Sendable {
  var columns: Int
  var rows: Int
}

/// A picture of the whole screen.
struct ScreenPicture: Equatable, Sendable {
  var lines: [ScreenLine]
  /// Where something is being typed.
  var cursor: (row: Int, column: Int)?

  static func == (a: ScreenPicture, b: ScreenPicture) -> Bool {
    a.lines == b.lines && a.cursor?.row == b.cursor?.row && a.cursor?.column == b.cursor?.column
  }
}

/// Where somebody is in a list.
struct ListPosition: Equatable, Sendable {
  /// The chosen row; in a text, the first one on the screen.
  var cursor = 0
  /// The first row on the screen.
  var top = 0

  /// Keeps the cursor inside of the list and on the screen.
  mutating func settle(count: Int, height: Int, isText: Bool) {
    let height = max(1, height)
    if isText {
      cursor = max(0, min(cursor, count - height))
      top = cursor
      return
    }
    cursor = max(0, min(cursor, count - 1))
    if cursor < top { top = cursor }
    if cursor >= top + height { top = cursor - height + 1 }
    top = max(0, min(top, count - height))
  }
}

/// What the lines of a screen depend on besides the screen.
struct LineContext {
  let columns: Int
  let marks: BrowserMarks
  let search: NameSearch?
}

/// What the bar at the top says.
struct ScreenTitle: Sendable {
  var label: String
  /// A path, of which the end is shown where there is no room for all of it.
  var path = ""
  /// At the right end.
  var right = ""
}

/// One of the screens that lie above each other.
protocol BrowserScreen: Sendable {
  var position: ListPosition { get set }
  /// Rows.
  var count: Int { get }
  /// A text, which has no chosen row.
  var isText: Bool { get }
  /// The bar at the top.
  var title: ScreenTitle { get }
  /// The headings of the columns.
  func header(columns: Int) -> ScreenLine?
  func line(_ row: Int, _ context: LineContext) -> ScreenLine
  /// What stands in the place of rows where there are none.
  var emptyText: ScreenLine? { get }
  /// What is said below the list about the chosen row.
  func detail(_ context: LineContext) -> ScreenLine
  /// What the keys do here, the most important first.
  var hints: [String] { get }
  /// The text that a search looks at; nil where searching takes reading.
  func searchText(_ row: Int) -> [UInt8]?
  /// Prepares lines for a screen of another width.
  mutating func lay(columns: Int)
}

extension BrowserScreen {
  var isText: Bool { false }
  func header(columns: Int) -> ScreenLine? { nil }
  var emptyText: ScreenLine? { nil }
  func detail(_ context: LineContext) -> ScreenLine { ScreenLine() }
  func searchText(_ row: Int) -> [UInt8]? { nil }
  mutating func lay(columns: Int) {}
}

/// Entries of one snapshot chosen for a restore.
struct BrowserMarks: Equatable, Sendable {
  struct Item: Equatable, Sendable {
    let path: [[UInt8]]
    let isDirectory: Bool
    let bytes: UInt64
  }

  static let limit = 10_000
  private(set) var snapshot: SessionID?
  private var items: [[UInt8]: Item] = [:]

  var count: Int { items.count }
  var isEmpty: Bool { items.isEmpty }
  var bytes: UInt64 { items.values.reduce(0) { $0.addingSaturated($1.bytes) } }
  /// In the order of their paths.
  var all: [Item] { items.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value) }

  func contains(_ path: [[UInt8]], in snapshot: SessionID) -> Bool {
    !items.isEmpty && snapshot == self.snapshot && items[SnapshotPath.joined(path)] != nil
  }

  /// Whether a directory above is marked, and this with it.
  func covers(_ path: [[UInt8]], in snapshot: SessionID) -> Bool {
    guard !items.isEmpty, snapshot == self.snapshot else { return false }
    return path.indices.dropFirst().contains { items[SnapshotPath.joined(Array(path[..<$0]))] != nil }
  }

  /// - Returns: why not, as a sentence.
  mutating func toggle(_ item: Item, in snapshot: Snapshot) -> String? {
    if let other = self.snapshot, other != snapshot.id, !items.isEmpty {
      return
        "\(Human.count(UInt64(count), "entry is", "entries are")) marked in snapshot \(other.hexadecimal.prefix(8)); u takes that back."
    }
    let key = SnapshotPath.joined(item.path)
    self.snapshot = snapshot.id
    if items.removeValue(forKey: key) != nil { return nil }
    if covers(item.path, in: snapshot.id) { return "A folder above is marked, and this with it." }
    guard items.count < Self.limit else { return "No more than \(Self.limit) entries can be marked; mark a folder instead." }
    items[key] = item
    return nil
  }

  mutating func clear() { items = [:] }
}
