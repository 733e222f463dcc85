import CairnFormat
import CairnKit

/// What somebody wants back.
struct RestoreRequest: Equatable, Sendable {
  enum Destination: Equatable, Sendable {
    case folder([UInt8])
    case inPlace
  }

  let snapshot: SessionID
  /// Entries with their contents; none: the whole snapshot.
  let items: [BrowserMarks.Item]
  var destination = Destination.inPlace
  var overwrite = RestoreOptions.Overwrite.always
}

/// What a restore would do.
struct RestorePlan: Sendable {
  struct Item: Sendable {
    let path: [UInt8]
    let action: ItemAction
    /// Something that differs lies there now.
    let replaces: Bool
    let isDirectory: Bool
    let bytes: UInt64
  }

  static let limit = 2000
  let request: RestoreRequest
  let target: [UInt8]
  let report: RestoreReport
  /// How many of the restored replace something.
  let replaced: Int
  /// The first of what would change.
  let items: [Item]
  let changes: Int
  let problems: [String]
}

/// The browser without a terminal and without a repository: what is on the screen, what a key makes of it, and what has to be read or
/// done for that. Whoever runs it carries the effects out and hands back what came of them.
struct Browser {
  /// Something to be done outside. What has a ticket is answered by `Event.finished` with the same.
  enum Effect: Sendable {
    case quit(isInterrupted: Bool)
    case suspend
    /// The screen may show anything: draw it anew.
    case redraw
    case stop(ticket: Int)
    case open(ticket: Int, FolderRequest)
    case window(ticket: Int, FolderListing, Range<Int>)
    case sort(ticket: Int, FolderListing, FolderListing.Order, selecting: [UInt8]?)
    case find(ticket: Int, FolderListing, NameSearch, from: Int, isForward: Bool)
    case versions(ticket: Int, [[UInt8]], of: Snapshot)
    case preview(ticket: Int, [[UInt8]], Snapshot)
    case changes(ticket: Int, [[UInt8]], Snapshot)
    case plan(ticket: Int, RestoreRequest)
    case restore(ticket: Int, RestoreRequest)
  }

  struct FolderRequest: Sendable {
    let snapshot: Snapshot
    let path: [[UInt8]]
    /// Nil where it has to be looked up.
    let tree: BlobID?
    let order: FolderListing.Order
    /// The entry that the cursor goes to.
    let selecting: [UInt8]?
  }

  enum Event: Sendable {
    case key(Keystroke)
    case resize(ScreenSize)
    /// How far the task with this ticket is.
    case progress(ticket: Int, String)
    case finished(ticket: Int, Outcome)
    /// Something that the program would have written to standard error.
    case said(String)
  }

  /// What a folder has, with the entries from some row on.
  struct FolderContent: Sendable {
    let listing: FolderListing?
    var order = FolderListing.Order.name
    var count = 0
    var total = 0
    var isComplete = false
    var problem: String?
    var window: [FolderEntry] = []
    var windowStart = 0
    var largest: UInt64 = 0
    /// The row to go to.
    var row: Int?
  }

  enum Outcome: Sendable {
    /// More of it follows unless it is complete.
    case folder(FolderContent)
    /// Fewer than were asked for where they cannot be read.
    case window([FolderEntry], Range<Int>, problem: String?)
    case found(Int?)
    case versions(FileHistory)
    case preview(bytes: [UInt8], size: UInt64, problem: String?)
    case changes(ChangesScreen)
    case plan(RestorePlan)
    case restored(RestoreReport, target: [UInt8], problems: [String])
    case failed(String)
    case stopped
  }

  enum Prompt {
    /// Where the cursor was when the search began.
    case search(LineEditor, from: ListPosition)
    case destination(RestoreRequest)
    case target(RestoreRequest, LineEditor)
  }

  /// Something that is being done outside.
  struct Task {
    let ticket: Int
    let title: String
    /// Keys wait until it is done.
    var isBlocking: Bool
    /// What is typed meanwhile was meant for what comes then.
    var keepsKeys = true
    var progress: String?
  }

  struct Notice: Equatable {
    var text: String
    var isProblem = false
  }

  let repository: String
  /// All snapshots that are looked at, oldest first.
  let snapshots: [Snapshot]
  let lineage: SnapshotLineage
  private(set) var size: ScreenSize
  var stack: [any BrowserScreen]
  var marks = BrowserMarks()
  var prompt: Prompt?
  var search: NameSearch?
  var notice: Notice?
  var order = FolderListing.Order.name
  var task: Task?
  /// The scan of a large folder that goes on while the keys work.
  var scan: Task?
  /// Keys for when the task is done.
  var typedAhead: [Keystroke] = []
  var lastTarget = ""
  /// What the preview, or the history, that is being read is of.
  var previewed: ([[UInt8]], Snapshot)?
  var versionsPath: [[UInt8]] = []
  /// What is to be done outside, as far as the present event has come.
  var effects: [Effect] = []
  private var nextTicket = 1
  private var firstEntry: [UInt8]?
  private static let mostTypedAhead = 256
  /// What the task is called that writes.
  static let restoring = "restoring"

  /// - Parameters:
  ///   - snapshots: oldest first; at least one.
  ///   - start: the snapshot, the folder in it, and the entry there, that are shown first.
  ///   - problem: what could not be read.
  init(
    repository: String, snapshots: [Snapshot], all: [Snapshot], size: ScreenSize,
    start: (snapshot: Snapshot, path: [[UInt8]], selecting: [UInt8]?)? = nil, problem: String? = nil
  ) {
    self.repository = repository
    self.snapshots = snapshots
    self.size = size
    lineage = SnapshotLineage(all)
    let groups = SnapshotGrouping.series.groups(of: snapshots)
    stack = []
    notice = problem.map { Notice(text: $0, isProblem: true) }
    if groups.count > 1 { stack.append(SeriesScreen(repository: repository, groups: groups)) }
    guard let start else {
      if groups.count == 1 { openSeries(groups[0]) }
      return
    }
    if let row = groups.firstIndex(where: { $0.snapshots.contains { $0.id == start.snapshot.id } }) {
      if groups.count > 1 { stack[0].position.cursor = row }
      openSeries(groups[row])
      if let screen = top as? SnapshotsScreen {
        stack[stack.count - 1].position.cursor = screen.snapshots.firstIndex { $0.id == start.snapshot.id } ?? 0
      }
    }
    for depth in 0..<start.path.count { stack.append(FolderScreen(snapshot: start.snapshot, path: Array(start.path[..<depth]))) }
    stack.append(FolderScreen(snapshot: start.snapshot, path: start.path))
    firstEntry = start.selecting
    settle()
  }

  // MARK: - What happens

  /// What has to be done before the first key.
  mutating func begin() -> [Effect] {
    showTop(selecting: firstEntry)
    return takeEffects()
  }

  mutating func handle(_ event: Event) -> [Effect] {
    switch event {
    case .key(let key): press(key)
    case .resize(let size):
      self.size = size
      for index in stack.indices { stack[index].lay(columns: size.columns) }
      effects.append(.redraw)
    case .progress(let ticket, let text):
      if task?.ticket == ticket { task?.progress = text }
      if scan?.ticket == ticket { scan?.progress = text }
    case .finished(let ticket, let outcome): finish(ticket, outcome)
    case .said(let text): notice = Notice(text: text, isProblem: true)
    }
    while task?.isBlocking != true, !typedAhead.isEmpty { press(typedAhead.removeFirst()) }
    settle()
    loadWindow()
    return takeEffects()
  }

  private mutating func takeEffects() -> [Effect] {
    defer { effects = [] }
    return effects
  }

  private mutating func press(_ key: Keystroke) {
    if key == .control("c") { return effects.append(.quit(isInterrupted: true)) }
    if let task, task.isBlocking {
      if key == .escape {
        typedAhead = []
        effects.append(.stop(ticket: task.ticket))
      } else if task.keepsKeys, typedAhead.count < Self.mostTypedAhead {
        typedAhead.append(key)
      }
      return
    }
    handleKey(key)
    settle()
    loadWindow()
  }

  // MARK: - Tasks

  /// Begins something outside that the keys wait for.
  mutating func start(_ title: String, keepsKeys: Bool = true, _ effect: (Int) -> Effect) {
    task = Task(ticket: nextTicket, title: title, isBlocking: true, keepsKeys: keepsKeys)
    effects.append(effect(nextTicket))
    nextTicket += 1
  }

  /// Ends the reading of a folder that is left.
  mutating func stopScan() {
    if let scan { effects.append(.stop(ticket: scan.ticket)) }
    scan = nil
  }

  private mutating func finish(_ ticket: Int, _ outcome: Outcome) {
    if case .folder(let content) = outcome { return take(content, ticket) }
    if ticket == scan?.ticket {
      scan = nil
      if case .failed(let text) = outcome { notice = Notice(text: text, isProblem: true) }
      if case .stopped = outcome { notice = Notice(text: "Stopped: this folder is not read to its end. ^L reads it again.") }
      return
    }
    guard ticket == task?.ticket else { return }
    let isRestore = task?.title == Self.restoring
    task = nil
    take(outcome, isRestore: isRestore)
  }

  private mutating func take(_ outcome: Outcome, isRestore: Bool) {
    switch outcome {
    case .folder: break
    case .window(let entries, let rows, let problem):
      change(FolderScreen.self) { screen in
        screen.window = entries
        screen.windowStart = rows.lowerBound
        if let problem { screen.problem = problem }
        // What is not to be had is not asked for again.
        if entries.count < rows.count { screen.count = min(screen.count, rows.lowerBound + entries.count) }
      }
    case .found(let row):
      if let row { stack[stack.count - 1].position.cursor = row } else { notFound() }
    case .versions(let history):
      guard !history.versions.isEmpty || !history.unreadable.isEmpty else { return notice = Notice(text: "No snapshot holds it.") }
      push(VersionsScreen(path: versionsPath, history: history))
    case .preview(let bytes, let size, let problem):
      guard let (path, snapshot) = previewed else { return }
      push(PreviewScreen(path: path, snapshot: snapshot, bytes: bytes, size: size, problem: problem))
    case .changes(let screen): push(screen)
    case .plan(let plan):
      // Another plan takes the place of the first.
      if let text = top as? TextScreen, case .plan = text.kind { stack.removeLast() }
      push(Self.screen(of: plan))
    case .restored(let report, let target, let problems):
      if let text = top as? TextScreen, case .plan = text.kind { stack.removeLast() }
      push(Self.screen(of: report, target: target, problems: problems))
      if report.problems == 0 { marks.clear() }
    case .failed(let text):
      // What does not fit into a line is a text of its own.
      if DisplayWidth.of(text) <= size.columns { return notice = Notice(text: text, isProblem: true) }
      push(TextScreen(name: "this could not be done", lines: [ScreenLine(text, .problem)]))
    case .stopped:
      notice = Notice(text: isRestore ? "Stopped: what is restored so far stays; y goes on." : "Stopped.")
      if let folder = top as? FolderScreen, folder.listing == nil { pop() }
    }
  }

  private mutating func take(_ content: FolderContent, _ ticket: Int) {
    guard ticket == task?.ticket || ticket == scan?.ticket else { return }
    let isFirst = ticket == task?.ticket
    if isFirst { (task, scan) = (nil, content.isComplete ? scan : task) }
    if !isFirst, content.isComplete { scan = nil }
    scan?.isBlocking = false
    change(FolderScreen.self) { screen in
      if let listing = content.listing { screen.listing = listing }
      screen.order = content.order
      screen.count = content.count
      screen.total = content.total
      screen.isComplete = content.isComplete
      screen.problem = content.problem
      if content.largest > 0 { screen.largest = content.largest }
      // Somebody may be anywhere in it by now.
      if isFirst {
        screen.window = content.window
        screen.windowStart = content.windowStart
      }
      if let row = content.row { screen.position.cursor = row }
    }
  }

  mutating func notFound() { notice = Notice(text: "Not found.") }

  // MARK: - Screens

  var top: (any BrowserScreen)? { stack.last }

  /// Changes the uppermost screen if it is of that kind.
  mutating func change<S: BrowserScreen>(_ type: S.Type, _ body: (inout S) -> Void) {
    guard var screen = stack.last as? S else { return }
    body(&screen)
    stack[stack.count - 1] = screen
  }

  mutating func push(_ screen: some BrowserScreen) {
    change(FolderScreen.self) { screen in
      // A long way down must not hold every folder's entries.
      screen.window = []
    }
    var screen = screen
    screen.lay(columns: size.columns)
    stack.append(screen)
    settle()
  }

  mutating func pop() {
    guard stack.count > 1 else { return notice = Notice(text: "q quits.") }
    let left = stack.removeLast() as? FolderScreen
    if left != nil { stopScan() }
    search = nil
    // Up from a folder the cursor goes to it, also where the folder above was never shown.
    showTop(selecting: left?.path.last)
  }

  /// Reads what the uppermost screen needs.
  mutating func showTop(selecting name: [UInt8]?) {
    guard let folder = top as? FolderScreen else { return }
    if folder.listing == nil || (!folder.isComplete && folder.count == 0) { return open(folder, selecting: name) }
    if folder.order != order { return sort(folder, selecting: name) }
    loadWindow()
  }

  mutating func open(_ folder: FolderScreen, tree: BlobID? = nil, selecting name: [UInt8]? = nil) {
    stopScan()
    let request = FolderRequest(snapshot: folder.snapshot, path: folder.path, tree: tree, order: order, selecting: name)
    start("reading \(Escaping.path(folder.path))") { .open(ticket: $0, request) }
  }

  mutating func sort(_ folder: FolderScreen, selecting name: [UInt8]?) {
    guard let listing = folder.listing else { return }
    start("sorting by \(order.rawValue)") { [order] in .sort(ticket: $0, listing, order, selecting: name) }
  }

  mutating func openSeries(_ group: SnapshotGrouping.Group) {
    let last = group.snapshots.last?.manifest
    let series = last.map { $0.seriesName.isEmpty ? "series \($0.series.hexadecimal.prefix(8))" : Escaping.terminal($0.seriesName) } ?? ""
    push(SnapshotsScreen(name: series, snapshots: group.snapshots, lineage: lineage))
  }

  /// Rows that a list has on the screen.
  var listHeight: Int { Self.listHeight(size, hasHeader: top?.header(columns: size.columns) != nil) }

  private mutating func settle() {
    guard let screen = stack.last else { return }
    stack[stack.count - 1].position.settle(count: screen.count, height: listHeight, isText: screen.isText)
  }

  private mutating func loadWindow() {
    guard task == nil, let folder = top as? FolderScreen, let listing = folder.listing,
      let rows = folder.missingRows(height: listHeight)
    else { return }
    start("reading") { .window(ticket: $0, listing, rows) }
  }
}
