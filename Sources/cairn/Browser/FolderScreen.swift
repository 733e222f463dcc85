import CairnFormat
import CairnKit

/// The entries of a folder of a snapshot. Only those near the cursor are at hand.
struct FolderScreen: BrowserScreen {
  let snapshot: Snapshot
  let path: [[UInt8]]
  /// Where entries come from; nil until the folder has been opened.
  var listing: FolderListing?
  var order = FolderListing.Order.name
  /// Entries in this order; fewer than `total` for a very large folder in an order by size or time.
  var count = 0
  var total = 0
  var isComplete = false
  /// Why the folder, or a part of it, cannot be shown.
  var problem: String?
  var position = ListPosition()
  /// The entries at hand, and the row of the first.
  var window: [FolderEntry] = []
  var windowStart = 0
  /// The largest entry, for the bars; 0 where it is not known.
  var largest: UInt64 = 0

  /// Entries at hand around the rows on the screen.
  static let windowRows = 200

  init(snapshot: Snapshot, path: [[UInt8]]) {
    self.snapshot = snapshot
    self.path = path
  }

  var chosen: FolderEntry? { entry(position.cursor) }
  func entry(_ row: Int) -> FolderEntry? {
    row >= windowStart && row - windowStart < window.count && row < count ? window[row - windowStart] : nil
  }
  func path(of entry: FolderEntry) -> [[UInt8]] { path + [entry.name] }

  /// Rows that are missing for a screen of this height; nil if none is.
  func missingRows(height: Int) -> Range<Int>? {
    let wanted = position.top..<min(count, position.top + max(1, height))
    guard !wanted.isEmpty, wanted.lowerBound < windowStart || wanted.upperBound > windowStart + window.count else { return nil }
    let start = max(0, position.top - Self.windowRows / 2)
    return start..<min(count, start + Self.windowRows + height)
  }

  var title: ScreenTitle {
    let row = count == 0 ? 0 : position.cursor + 1
    return ScreenTitle(
      label: "\(LocalTime.minutes(snapshot.manifest.time.seconds)) \(snapshot.shortID)", path: Escaping.path(path),
      right: "\(Human.grouped(row))/\(Human.grouped(count))\(isComplete ? "" : "+")")
  }

  var hints: [String] { ["Enter open", "Space mark", "r restore", "v versions", "p preview", "s sort", "d changes", "/ search", "q quit"] }

  private struct Layout {
    let hasTime, hasShortTime, hasMode, hasSize: Bool

    init(_ columns: Int) {
      hasSize = columns >= 24
      hasShortTime = columns >= 36 && columns < 52
      hasTime = columns >= 52
      hasMode = columns >= 70
    }
  }

  func header(columns: Int) -> ScreenLine? {
    let layout = Layout(columns)
    let heading = { (text: String, order: FolderListing.Order) in order == self.order ? text + (order == .name ? " ↑" : " ↓") : text }
    var line = ScreenLine(" ")
    if layout.hasSize { line.add(heading("Size", .size), .faint, columns: 8, isRight: true) }
    if layout.hasTime || layout.hasShortTime { line.add(heading("Modified", .time), .faint, columns: layout.hasTime ? 16 : 10) }
    if layout.hasMode { line.add(order == .size ? "Share" : "Mode", .faint, columns: 10) }
    line.add(heading("Name", .name), .faint)
    return line
  }

  func line(_ row: Int, _ context: LineContext) -> ScreenLine {
    guard let entry = entry(row) else { return ScreenLine(" …", .faint) }
    let layout = Layout(context.columns)
    let place = path(of: entry)
    var line = ScreenLine()
    let isMarked = context.marks.contains(place, in: snapshot.id)
    line.add(isMarked ? "*" : context.marks.covers(place, in: snapshot.id) ? "+" : " ", .marked)
    if layout.hasSize {
      let size = entry.type == .file || entry.type == .directory ? Human.roundBytes(entry.size) : ""
      line.add(size, columns: 8, isRight: true)
    }
    if layout.hasTime { line.add(LocalTime.minutes(entry.mtime.seconds), columns: 16) }
    if layout.hasShortTime { line.add(String(LocalTime.minutes(entry.mtime.seconds).prefix(10)), columns: 10) }
    if layout.hasMode { line.add(order == .size ? bar(entry.size) : Self.permissions(entry), .faint, columns: 10) }
    let isFound = context.search.map { $0.matches(entry.name) } ?? false
    let style: Style = isMarked ? .marked : isFound ? .found : Self.style(entry)
    line.add(Escaping.terminal(entry.name), style)
    switch entry.type {
    case .directory: line.add("/", style)
    case .symbolicLink: line.add(" → " + Escaping.terminal(Array(entry.linkTarget.prefix(512))), .faint)
    default: break
    }
    return line
  }

  /// The size against that of the largest entry.
  private func bar(_ size: UInt64) -> String {
    guard largest > 0 else { return "" }
    return String(repeating: "#", count: Int((Double(size) / Double(largest) * 10).rounded()).clamped(to: 0...10))
  }

  private static func permissions(_ entry: FolderEntry) -> String {
    var node = Node(name: [], type: entry.type)
    node.mode = entry.mode
    return NodeRecord.permissions(node)
  }

  private static func style(_ entry: FolderEntry) -> Style {
    switch entry.type {
    case .directory: .folder
    case .symbolicLink: .link
    case .file: entry.mode & 0o111 != 0 ? .added : .plain
    default: .special
    }
  }

  var emptyText: ScreenLine? {
    guard isComplete else { return nil }
    return problem.map { ScreenLine($0, .problem) } ?? ScreenLine("This folder is empty.", .faint)
  }

  func detail(_ context: LineContext) -> ScreenLine {
    var line = ScreenLine()
    if !context.marks.isEmpty, context.marks.snapshot == snapshot.id {
      line.add("\(context.marks.count) marked, \(Human.roundBytes(context.marks.bytes))  ", .marked)
    }
    if let problem, count > 0 { line.add(problem + "  ", .problem) }
    if isComplete, total > count { line.add("the first \(Human.grouped(count)) of \(Human.grouped(total))  ", .faint) }
    guard let entry = chosen else { return line }
    if entry.type == .directory {
      let isKnown = entry.subtree != nil
      line.add(
        isKnown
          ? "\(Human.grouped(Int(clamping: entry.entries))) \(entry.entries == 1 ? "entry" : "entries") below"
          : "its content is not in the snapshot: it could not be read", isKnown ? .faint : .problem)
    } else if entry.type == .file {
      line.add(entry.size < 1000 ? "" : "\(Human.grouped(Int(clamping: entry.size))) bytes", .faint)
    } else {
      line.add(NodeRecord.typeName(entry.type), .faint)
    }
    return line
  }
}

extension Int {
  func clamped(to range: ClosedRange<Int>) -> Int { Swift.min(Swift.max(self, range.lowerBound), range.upperBound) }
}
