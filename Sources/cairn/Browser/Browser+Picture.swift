import CairnFormat
import CairnKit

/// What the screen shows.
extension Browser {
  /// Rows of the list: without the bar, the headings where there is room for them, the detail and the hints.
  static func listHeight(_ size: ScreenSize, hasHeader: Bool) -> Int {
    max(1, size.rows - 2 - (size.rows >= 6 ? 1 : 0) - (hasHeader && size.rows >= 8 ? 1 : 0))
  }

  /// The picture for the present size, exactly as large.
  func picture() -> ScreenPicture {
    let columns = max(1, size.columns)
    guard let screen = top else { return ScreenPicture(lines: Array(repeating: ScreenLine(), count: max(1, size.rows))) }
    let context = LineContext(columns: columns, marks: marks, search: search)
    var lines = [titleLine(screen, columns)]
    if size.rows >= 8, let header = screen.header(columns: columns) { lines.append(header.fitted(columns: columns)) }
    let empty = screen.count == 0 ? screen.emptyText?.wrapped(columns: columns) ?? [] : []
    for row in screen.position.top..<(screen.position.top + listHeight) {
      guard row < screen.count else {
        lines.append(row < empty.count ? empty[row].fitted(columns: columns) : ScreenLine())
        continue
      }
      var line = screen.line(row, context)
      if !screen.isText, row == screen.position.cursor { line.isSelected = true }
      lines.append(line.fitted(columns: columns, filled: line.isSelected ? .plain : nil))
    }
    if size.rows >= 6 { lines.append(screen.detail(context).fitted(columns: columns)) }
    let bottom = bottomLine(screen, columns)
    lines.append(bottom.line.fitted(columns: columns))
    lines = Array(lines.prefix(max(1, size.rows)))
    let row = lines.count - 1
    return ScreenPicture(lines: lines, cursor: bottom.cursor.map { (row, min($0, columns - 1)) })
  }

  private func titleLine(_ screen: any BrowserScreen, _ columns: Int) -> ScreenLine {
    let title = screen.title
    var room = columns - 2 - (title.right.isEmpty ? 0 : DisplayWidth.of(title.right) + 1)
    var line = ScreenLine(" ", .title)
    // Where there is no room for all, the place counts.
    guard room >= 12 else {
      line.add(ScreenLine.tail(title.path.isEmpty ? title.label : title.path, columns: max(0, columns - 1)), .title)
      return line.fitted(columns: columns, filled: .title)
    }
    var left = title.label
    if !title.path.isEmpty {
      if DisplayWidth.of(left) + 12 > room { left = "" }
      if !left.isEmpty { left += " " }
      left += ScreenLine.tail(title.path, columns: room - DisplayWidth.of(left))
    }
    left = ScreenLine.fitted(left, columns: room)
    room -= DisplayWidth.of(left)
    line.add(left + String(repeating: " ", count: room + 1) + title.right, .title)
    return line.fitted(columns: columns, filled: .title)
  }

  private func bottomLine(_ screen: any BrowserScreen, _ columns: Int) -> (line: ScreenLine, cursor: Int?) {
    switch prompt {
    case .search(let editor, _): return typed("/", editor, columns)
    case .target(_, let editor): return typed("to folder: ", editor, columns)
    case .destination(let request):
      var line = ScreenLine("Restore \(Self.text(of: request)): ", .strong)
      line.add("f to a folder  i in place  Esc not at all")
      return (line, nil)
    case nil: break
    }
    if let running = task ?? scan, let progress = running.progress {
      var line = ScreenLine("Esc stops  ", .faint)
      line.add(running.title + (progress.isEmpty ? "" : ": " + progress), .strong)
      return (line, nil)
    }
    if let notice { return (ScreenLine(notice.text, notice.isProblem ? .problem : .strong), nil) }
    return (Self.hints(screen.hints, columns), nil)
  }

  /// As many as fit, and how to learn of the others.
  private static func hints(_ all: [String], _ columns: Int) -> ScreenLine {
    let last = "? help"
    var shown: [String] = []
    var width = DisplayWidth.of(last)
    for hint in all {
      width += DisplayWidth.of(hint) + 2
      guard width <= columns else { break }
      shown.append(hint)
    }
    return ScreenLine((shown + [last]).joined(separator: "  "), .faint)
  }

  private func typed(_ label: String, _ editor: LineEditor, _ columns: Int) -> (line: ScreenLine, cursor: Int?) {
    let (text, cursor) = editor.shown(columns: columns - label.utf8.count - 1)
    var line = ScreenLine(label, .strong)
    line.add(text)
    // A search that leads to nothing says so while it is typed.
    if let notice { line.add("  " + notice.text, .problem) }
    return (line, label.utf8.count + cursor)
  }

  static func text(of request: RestoreRequest) -> String {
    switch request.items.count {
    case 0: "the whole snapshot"
    case 1: "'\(Escaping.terminal(request.items[0].path.last ?? []))'"
    default: Human.count(UInt64(request.items.count), "entry", "entries")
    }
  }

  // MARK: - Texts

  static func screen(of plan: RestorePlan) -> TextScreen {
    var lines: [ScreenLine] = []
    let report = plan.report
    let new = Int(clamping: report.filesRestored) - plan.replaced
    var head = ScreenLine("Restore \(text(of: plan.request)) of snapshot \(plan.request.snapshot.hexadecimal.prefix(8)) to ", .strong)
    head.add(Escaping.terminal(plan.target), .folder)
    lines += [head, ScreenLine()]
    lines.append(ScreenLine("  written anew    \(Human.grouped(max(0, new)))", new > 0 ? .added : .plain))
    lines.append(ScreenLine("  overwritten     \(Human.grouped(plan.replaced))", plan.replaced > 0 ? .problem : .plain))
    lines.append(ScreenLine("  metadata only   \(report.filesUpdated)"))
    lines.append(ScreenLine("  right already   \(report.filesUnchanged)"))
    if report.filesSkipped > 0 { lines.append(ScreenLine("  left alone      \(report.filesSkipped)")) }
    lines.append(ScreenLine("  bytes           \(Human.bytes(report.bytesRestored))"))
    lines.append(ScreenLine())
    for problem in plan.problems { lines.append(ScreenLine(problem, .problem)) }
    for item in plan.items { lines.append(line(of: item)) }
    if plan.changes > plan.items.count { lines.append(ScreenLine("and \(Human.grouped(plan.changes - plan.items.count)) more", .faint)) }
    if plan.changes == 0, plan.problems.isEmpty {
      lines.append(ScreenLine("Everything is there already; there is nothing to do.", .strong))
    }
    return TextScreen(name: "plan of a restore: nothing is written yet", lines: lines, kind: .plan(plan.request))
  }

  private static func line(of item: RestorePlan.Item) -> ScreenLine {
    let (word, style): (String, Style) =
      switch item.action {
      case .restored: item.replaces ? ("overwrite", .problem) : ("new", .added)
      case .updated: ("metadata", .plain)
      case .skipped: ("leave", .faint)
      default: (item.action.rawValue, .plain)
      }
    var line = ScreenLine()
    line.add(word, style, columns: 9)
    line.add(item.isDirectory ? "" : Human.roundBytes(item.bytes), columns: 8, isRight: true)
    line.add(Escaping.terminal(item.path) + (item.isDirectory ? "/" : ""), item.isDirectory ? .folder : .plain)
    return line
  }

  static func screen(of report: RestoreReport, target: [UInt8], problems: [String]) -> TextScreen {
    var lines = RestoreSummary(report: report, isDryRun: false).lines.map { ScreenLine($0, .strong) }
    lines.append(ScreenLine("in " + Escaping.terminal(target), .folder))
    if report.problems > 0 {
      lines.append(ScreenLine())
      lines.append(ScreenLine("\(Human.count(report.problems, "problem")); everything else is restored:", .problem))
      for problem in problems { lines.append(ScreenLine(problem)) }
      if UInt64(problems.count) < report.problems {
        lines.append(ScreenLine("and \(report.problems - UInt64(problems.count)) more", .faint))
      }
    }
    return TextScreen(name: "restored", lines: lines)
  }

  static let help: [ScreenLine] = {
    let groups: [(String, [(String, String)])] = [
      (
        "Moving",
        [
          ("↑ ↓  k j", "one up, one down"), ("PgUp PgDn  ^B ^F", "a page; ^U ^D half of one"),
          ("g G  Home End", "to the first, to the last"),
          ("Enter →  l", "open a series, a snapshot, a folder, a file"), ("← Backspace  h", "back"),
          ("/  n N", "search; the next, the one before"),
        ]
      ),
      (
        "Looking",
        [
          ("p", "what is in a file"), ("x", "in a preview: as text, as bytes"), ("v", "all versions of an entry"),
          ("s", "sort by name, by size, by time"), ("d", "what changed since the snapshot before"),
        ]
      ),
      (
        "Restoring",
        [
          ("Space", "mark an entry, a folder with its contents; * marked, + with its folder"), ("u", "take all marks back"),
          ("r", "restore what is marked, else the chosen entry"), ("", "A plan is shown first; nothing is written before you say y."),
        ]
      ),
      (
        "The program",
        [
          ("Esc", "stop what is going on; leave a text"), ("^L", "draw the screen anew"), ("^Z", "suspend"),
          ("q", "quit; leave versions, changes, a text"), ("Q  ^C", "quit at once"),
        ]
      ),
    ]
    var lines: [ScreenLine] = []
    for (title, keys) in groups {
      lines.append(ScreenLine(title, .strong))
      for (key, meaning) in keys {
        var line = ScreenLine("  ")
        line.add(key, .folder, columns: 17)
        line.add(meaning)
        lines.append(line)
      }
      lines.append(ScreenLine())
    }
    return lines
  }()
}
