import CairnFormat
import CairnKit

/// What keys do.
extension Browser {
  mutating func handleKey(_ key: Keystroke) {
    notice = nil
    if prompt != nil { return handlePrompt(key) }
    switch key {
    case .control("z"): effects.append(.suspend)
    case .control("l"):
      effects.append(.redraw)
      if let folder = top as? FolderScreen, !folder.isComplete, scan == nil { open(folder, selecting: folder.chosen?.name) }
    case .escape: escape()
    case .character("q") where isAside: pop()
    case .character("q"), .character("Q"): effects.append(.quit(isInterrupted: false))
    case .character("?"): push(TextScreen(name: "keys", lines: Self.help))
    case .character("/"): prompt = .search(LineEditor(), from: top?.position ?? ListPosition())
    case .character("n"): repeatSearch(isForward: true)
    case .character("N"): repeatSearch(isForward: false)
    default:
      if !move(key) { act(key) }
    }
  }

  private mutating func escape() {
    if scan != nil {
      stopScan()
      return notice = Notice(text: "Stopped: this folder is not read to its end. ^L reads it again.")
    }
    if search != nil { return search = nil }
    if isAside { pop() }
  }

  /// Whether this is something looked at on the way, which is left as easily as it was opened.
  private var isAside: Bool {
    switch top {
    case is FolderScreen, is SeriesScreen, nil: false
    case let screen as SnapshotsScreen: screen.place != nil
    default: true
    }
  }

  // MARK: - Moving

  private mutating func move(_ key: Keystroke) -> Bool {
    guard let screen = top else { return false }
    let page = max(1, listHeight - 1)
    var cursor = screen.position.cursor
    switch key {
    case .up, .character("k"), .control("p"): cursor -= 1
    case .down, .character("j"), .control("n"): cursor += 1
    case .pageUp, .control("b"): cursor -= page
    case .pageDown, .control("f"): cursor += page
    case .control("u"): cursor -= max(1, page / 2)
    case .control("d"): cursor += max(1, page / 2)
    case .character(" ") where screen.isText: cursor += page
    case .home, .character("g"): cursor = 0
    case .end, .character("G"): cursor = screen.count - 1
    default: return false
    }
    stack[stack.count - 1].position.cursor = cursor
    // A page moves the picture too, so that the cursor does not only go to its edge.
    if key == .pageDown || key == .control("f") { stack[stack.count - 1].position.top += page }
    if key == .pageUp || key == .control("b") { stack[stack.count - 1].position.top = max(0, screen.position.top - page) }
    return true
  }

  // MARK: - Doing

  private mutating func act(_ key: Keystroke) {
    switch key {
    case .left, .backspace, .character("h"): return pop()
    case .character("u"): return marks.clear()
    default: break
    }
    switch top {
    case let screen as SeriesScreen:
      if Self.opens(key), screen.groups.indices.contains(screen.position.cursor) { openSeries(screen.groups[screen.position.cursor]) }
    case let screen as SnapshotsScreen: act(key, screen)
    case let screen as FolderScreen: act(key, screen)
    case let screen as VersionsScreen: act(key, screen)
    case let screen as ChangesScreen:
      if Self.opens(key), let entry = screen.chosen { go(to: entry.path, in: entry.isRemoved ? screen.old : screen.new) }
    case is PreviewScreen:
      if key == .character("x") { change(PreviewScreen.self) { $0.toggle() } }
    case let screen as TextScreen: act(key, screen)
    default: break
    }
  }

  private static func opens(_ key: Keystroke) -> Bool { [.enter, .right, .character("l")].contains(key) }

  private mutating func act(_ key: Keystroke, _ screen: SnapshotsScreen) {
    guard let snapshot = screen.chosen else { return }
    switch key {
    case _ where Self.opens(key):
      if let place = screen.place { return go(to: place, in: snapshot) }
      let folder = FolderScreen(snapshot: snapshot, path: [])
      push(folder)
      open(folder, tree: snapshot.manifest.root)
    case .character("d"): showChanges([], snapshot)
    case .character("r"): restore(snapshot, screen.place.map { [BrowserMarks.Item(path: $0, isDirectory: false, bytes: 0)] } ?? [])
    default: break
    }
  }

  private mutating func act(_ key: Keystroke, _ screen: FolderScreen) {
    switch key {
    case .character("s"):
      order = screen.order == .name ? .size : screen.order == .size ? .time : .name
      // The cursor stays on its entry, unless nobody has moved it: then what is first now is what is wanted.
      let name = screen.position.cursor == 0 ? nil : screen.chosen?.name
      if name == nil { change(FolderScreen.self) { $0.position = ListPosition() } }
      // A folder that is still being read is ordered when that is done.
      return screen.isComplete ? sort(screen, selecting: name) : open(screen, selecting: name)
    case .character("d"): return showChanges(screen.path, screen.snapshot)
    case .character("r") where !marks.isEmpty:
      guard marks.snapshot == screen.snapshot.id else {
        return notice = Notice(text: "The marks are in another snapshot; u takes them back.")
      }
      return restore(screen.snapshot, marks.all)
    default: break
    }
    guard let entry = screen.chosen else { return }
    let path = screen.path(of: entry)
    switch key {
    case .enter, .right, .character("l"):
      if entry.type == .directory { enter(entry, screen) } else { showPreview(path, entry, screen.snapshot) }
    case .character("p"):
      if entry.type == .directory { enter(entry, screen) } else { showPreview(path, entry, screen.snapshot) }
    case .character("v"): showVersions(path, screen.snapshot)
    case .character(" "):
      let item = BrowserMarks.Item(path: path, isDirectory: entry.type == .directory, bytes: entry.size)
      if let reason = marks.toggle(item, in: screen.snapshot) { return notice = Notice(text: reason) }
      stack[stack.count - 1].position.cursor += 1
    case .character("r"):
      restore(screen.snapshot, [BrowserMarks.Item(path: path, isDirectory: entry.type == .directory, bytes: entry.size)])
    default: break
    }
  }

  private mutating func act(_ key: Keystroke, _ screen: VersionsScreen) {
    guard let version = screen.chosen, let newest = version.snapshots.last else { return }
    let isDirectory = version.node.type == .directory
    switch key {
    case _ where Self.opens(key):
      let name = "version of \(LocalTime.minutes(version.node.mtime.seconds)) of"
      push(SnapshotsScreen(name: name, snapshots: version.snapshots, lineage: lineage, place: screen.path))
    case .character("p"):
      if isDirectory { go(into: screen.path, in: newest) } else { showPreview(screen.path, FolderEntry(version.node), newest) }
    case .character("r"):
      restore(newest, [BrowserMarks.Item(path: screen.path, isDirectory: isDirectory, bytes: version.node.totalBytes)])
    default: break
    }
  }

  private mutating func act(_ key: Keystroke, _ screen: TextScreen) {
    guard case .plan(var request) = screen.kind else { return }
    switch key {
    case .character("y"): start(Self.restoring, keepsKeys: false) { .restore(ticket: $0, request) }
    case .character("o"):
      let all: [RestoreOptions.Overwrite] = [.always, .ifNewer, .never]
      request.overwrite = all[((all.firstIndex(of: request.overwrite) ?? 0) + 1) % all.count]
      plan(request)
    default: break
    }
  }

  private mutating func enter(_ entry: FolderEntry, _ screen: FolderScreen) {
    search = nil
    guard let tree = entry.subtree else {
      return notice = Notice(text: "Its content is not in the snapshot: it could not be read when that was made.", isProblem: true)
    }
    let folder = FolderScreen(snapshot: screen.snapshot, path: screen.path(of: entry))
    push(folder)
    open(folder, tree: tree)
  }

  /// Shows an entry in its folder.
  private mutating func go(to path: [[UInt8]], in snapshot: Snapshot) {
    guard let name = path.last else { return go(into: [], in: snapshot) }
    let folder = FolderScreen(snapshot: snapshot, path: path.dropLast())
    push(folder)
    open(folder, selecting: name)
  }

  private mutating func go(into path: [[UInt8]], in snapshot: Snapshot) {
    let folder = FolderScreen(snapshot: snapshot, path: path)
    push(folder)
    open(folder)
  }

  private mutating func showPreview(_ path: [[UInt8]], _ entry: FolderEntry, _ snapshot: Snapshot) {
    switch entry.type {
    case .file:
      previewed = (path, snapshot)
      start("reading \(Escaping.terminal(entry.name))") { .preview(ticket: $0, path, snapshot) }
    case .symbolicLink: notice = Notice(text: "A link to \(Escaping.terminal(entry.linkTarget))")
    default: notice = Notice(text: "There is nothing to show of a \(NodeRecord.typeName(entry.type)).")
    }
  }

  private mutating func showVersions(_ path: [[UInt8]], _ snapshot: Snapshot) {
    versionsPath = path
    start("looking through the snapshots") { .versions(ticket: $0, path, of: snapshot) }
  }

  private mutating func showChanges(_ path: [[UInt8]], _ snapshot: Snapshot) {
    guard predecessor(of: snapshot) != nil else { return notice = Notice(text: "There is no snapshot before this one in its series.") }
    start("comparing") { .changes(ticket: $0, path, snapshot) }
  }

  /// The snapshot before this one in its series.
  func predecessor(of snapshot: Snapshot) -> Snapshot? {
    let series = snapshots.filter { $0.manifest.series == snapshot.manifest.series }
    guard let index = series.firstIndex(where: { $0.id == snapshot.id }), index > 0 else { return nil }
    return series[index - 1]
  }

  // MARK: - Restoring

  private mutating func restore(_ snapshot: Snapshot, _ items: [BrowserMarks.Item]) {
    prompt = .destination(RestoreRequest(snapshot: snapshot.id, items: items))
  }

  private mutating func plan(_ request: RestoreRequest) {
    start("comparing with what is there", keepsKeys: false) { .plan(ticket: $0, request) }
  }

  // MARK: - Prompts

  private mutating func handlePrompt(_ key: Keystroke) {
    switch prompt {
    case .search(let line, let from): handleSearch(key, line, from)
    case .destination(var request):
      prompt = nil
      switch key {
      case .character("f"), .character("t"): prompt = .target(request, LineEditor(lastTarget))
      case .character("i"):
        request.destination = .inPlace
        plan(request)
      case .escape, .left, .backspace, .character("q"), .character("h"): break
      default: prompt = .destination(request)
      }
    case .target(var request, var line):
      if line.handle(key) { return prompt = .target(request, line) }
      switch key {
      case .escape: prompt = nil
      case .enter where !line.text.isEmpty:
        prompt = nil
        lastTarget = line.text
        request.destination = .folder(Array(line.text.utf8))
        plan(request)
      default: break
      }
    case nil: break
    }
  }

  // MARK: - Searching

  private mutating func handleSearch(_ key: Keystroke, _ line: LineEditor, _ from: ListPosition) {
    var line = line
    switch key {
    case .escape:
      (prompt, search) = (nil, nil)
      stack[stack.count - 1].position = from
    case .enter: prompt = nil
    case .backspace where line.scalars.isEmpty: prompt = nil
    default:
      guard line.handle(key) else { return }
      prompt = .search(line, from: from)
      search = line.text.isEmpty ? nil : NameSearch(line.text)
      find(from: from.cursor - 1, isForward: true)
    }
  }

  private mutating func repeatSearch(isForward: Bool) {
    guard let screen = top, search != nil else { return notice = Notice(text: "Nothing is searched for; / begins.") }
    find(from: screen.position.cursor, isForward: isForward)
  }

  private mutating func find(from row: Int, isForward: Bool) {
    guard let search, let screen = top, screen.count > 0 else { return }
    if let folder = screen as? FolderScreen {
      guard let listing = folder.listing else { return }
      return start("searching") { .find(ticket: $0, listing, search, from: row, isForward: isForward) }
    }
    let count = screen.count
    let found = (1...count).lazy.map { (row + (isForward ? $0 : count - $0) + count) % count }
      .first { screen.searchText($0).map(search.matches) ?? false }
    if let found { stack[stack.count - 1].position.cursor = found } else { notFound() }
  }
}
