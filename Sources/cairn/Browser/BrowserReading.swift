import CairnFormat
import CairnKit
import CairnSystem
import Glibc
import Synchronization

/// Carries out what the browser asks for, in a repository. Used by worker threads.
final class BrowserReading: Sendable {
  private let repository: Repository
  private let view: RepositoryView
  /// All that are looked at, oldest first.
  private let snapshots: [Snapshot]
  private let memoryBytes: Int
  private let home: String?

  init(repository: Repository, view: RepositoryView, snapshots: [Snapshot], memoryBytes: Int, home: String?) {
    self.repository = repository
    self.view = view
    self.snapshots = snapshots
    self.memoryBytes = memoryBytes
    self.home = home
  }

  /// What a task has at hand.
  struct Work: Sendable {
    let cancellation = Cancellation()
    let counters = ProgressCounters()
    /// Hands over a part of the result ahead of the rest.
    let report: @Sendable (Browser.Outcome) -> Void
  }

  /// - Returns: what came of it; nil for an effect that is not for here.
  func perform(_ effect: Browser.Effect, _ work: Work) -> Browser.Outcome? {
    do {
      switch effect {
      case .quit, .suspend, .redraw, .stop: return nil
      case .open(_, let request): return try open(request, work)
      case .window(_, let listing, let rows): return window(listing, rows)
      case .sort(_, let listing, let order, let name): return try sort(listing, order, name, work)
      case .find(_, let listing, let search, let row, let isForward):
        return .found(try listing.find(search, from: row, isForward: isForward, cancellation: work.cancellation))
      case .versions(_, let path, let snapshot):
        let series = snapshots.filter { $0.manifest.series == snapshot.manifest.series }
        work.counters.filesTotal.set(UInt64(series.count))
        return .versions(try view.history(path, in: series, context: context(work)))
      case .preview(_, let path, let snapshot): return try preview(path, snapshot, work)
      case .changes(_, let path, let snapshot): return try changes(path, snapshot, work)
      case .plan(_, let request): return try plan(request, work)
      case .restore(_, let request): return try restore(request, work)
      }
    } catch is CancellationError {
      return .stopped
    } catch {
      let failure = ErrorReport.translate(error)
      return .failed(failure.message)
    }
  }

  /// What the bottom line says of a task that takes a while.
  static func progress(_ effect: Browser.Effect, _ counters: ProgressCounters, seconds: Double) -> String {
    let (done, total) = (Int(clamping: counters.filesDone.value), Int(clamping: counters.filesTotal.value))
    switch effect {
    case .open, .sort: return done > 0 ? "\(Human.grouped(done)) entries" : ""
    case .versions: return "\(done) of \(total)"
    case .changes: return done > 0 ? "\(Human.grouped(done)) changes" : ""
    case .plan, .restore:
      var text =
        "\(Human.grouped(done))\(total > 0 ? " of \(Human.grouped(total))" : "") files, \(Human.roundBytes(counters.bytesDone.value))"
      if seconds > 1 { text += ", \(Human.roundBytes(UInt64(Double(counters.bytesDone.value) / seconds)))/s" }
      if counters.errors.value > 0 { text += ", \(Human.count(counters.errors.value, "problem"))" }
      return text + "  " + Escaping.terminal(counters.current)
    default: return ""
    }
  }

  private func context(_ work: Work, sink: any ProgressSink = NoProgress()) -> RunContext {
    RunContext(sink: sink, counters: work.counters, cancellation: work.cancellation, memoryBytes: memoryBytes)
  }

  // MARK: - Folders

  private func open(_ request: Browser.FolderRequest, _ work: Work) throws -> Browser.Outcome {
    var content = Browser.FolderContent(listing: nil, order: request.order, isComplete: true)
    do {
      var tree = request.tree
      if tree == nil {
        let node = try view.node(at: request.path, in: request.snapshot)
        guard node.type == .directory else { throw CairnError(.notFound, "\(Escaping.path(request.path)) is no folder in this snapshot.") }
        tree = node.subtree
      }
      guard let tree else { throw CairnError(.damaged, "Its content is not in the snapshot: it could not be read when that was made.") }
      return try scan(FolderListing(view, tree: tree), request, work)
    } catch let error as CairnError {
      content.problem = error.message
      return .folder(content)
    }
  }

  private func scan(_ listing: FolderListing, _ request: Browser.FolderRequest, _ work: Work) throws -> Browser.Outcome {
    // A folder that takes longer can be looked at while the rest is read, unless that decides what comes first.
    let isShownEarly = request.order == .name && request.selecting == nil
    var shown = SystemClock.monotonicNanoseconds()
    try listing.scan(cancellation: work.cancellation) { count in
      work.counters.filesDone.set(UInt64(count))
      guard isShownEarly, SystemClock.monotonicNanoseconds() - shown > 150_000_000 else { return }
      work.report(.folder(self.content(listing, nil)))
      shown = SystemClock.monotonicNanoseconds()
    }
    if request.order != .name { try listing.rank(by: request.order, cancellation: work.cancellation) }
    return .folder(content(listing, request.selecting))
  }

  private func sort(
    _ listing: FolderListing, _ order: FolderListing.Order, _ name: [UInt8]?, _ work: Work
  ) throws -> Browser.Outcome {
    try listing.rank(by: order, cancellation: work.cancellation) { work.counters.filesDone.set(UInt64($0)) }
    return .folder(content(listing, name))
  }

  private func content(_ listing: FolderListing, _ name: [UInt8]?) -> Browser.FolderContent {
    var content = Browser.FolderContent(listing: listing, order: listing.order, count: listing.rows, total: listing.count)
    content.isComplete = listing.isComplete
    content.problem = listing.damage
    do {
      content.row = try name.flatMap { try listing.row(of: $0) }
      content.windowStart = max(0, (content.row ?? 0) - FolderScreen.windowRows / 2)
      content.window = try listing.entries(content.windowStart..<(content.windowStart + FolderScreen.windowRows))
      if listing.order == .size { content.largest = try listing.entries(0..<1).first?.size ?? 0 }
    } catch {
      content.problem = ErrorReport.translate(error).message
    }
    return content
  }

  private func window(_ listing: FolderListing, _ rows: Range<Int>) -> Browser.Outcome {
    do { return .window(try listing.entries(rows), rows, problem: nil) } catch {
      // What stands before the part that cannot be read.
      var entries: [FolderEntry] = []
      for row in rows {
        guard let entry = try? listing.entries(row..<(row + 1)).first else { break }
        entries.append(entry)
      }
      return .window(entries, rows, problem: ErrorReport.translate(error).message)
    }
  }

  // MARK: - Files and changes

  private func preview(_ path: [[UInt8]], _ snapshot: Snapshot, _ work: Work) throws -> Browser.Outcome {
    let node = try view.node(at: path, in: snapshot)
    let bytes = try view.head(of: node, limit: PreviewScreen.limit, cancellation: work.cancellation)
    return .preview(bytes: bytes, size: node.size, problem: nil)
  }

  private func changes(_ path: [[UInt8]], _ new: Snapshot, _ work: Work) throws -> Browser.Outcome {
    let series = snapshots.filter { $0.manifest.series == new.manifest.series }
    guard let index = series.firstIndex(where: { $0.id == new.id }), index > 0 else {
      throw CairnError(.notFound, "There is no snapshot before this one.")
    }
    let old = series[index - 1]
    var entries: [ChangesScreen.Entry] = []
    var total = 0
    let statistics = try view.diff((old, path), (new, path), context: context(work)) { entry in
      total += 1
      work.counters.filesDone.add()
      guard entries.count < ChangesScreen.limit, let node = entry.new ?? entry.old else { return }
      entries.append(
        ChangesScreen.Entry(
          path: path + entry.path.split(separator: 0x2f).map(Array.init), modifier: entry.modifier, isDirectory: node.type == .directory,
          isRemoved: entry.change == .removed, bytes: node.totalBytes))
    }
    return .changes(ChangesScreen(old: old, new: new, path: path, entries: entries, total: total, statistics: statistics))
  }

  // MARK: - Restoring

  private func plan(_ request: RestoreRequest, _ work: Work) throws -> Browser.Outcome {
    var options = try options(request)
    options.dryRun = true
    options.reportsItems = true
    // The paths of the events are those of the snapshot; what is above the target falls away.
    let node = try view.node(at: options.path, in: options.snapshot)
    let above = SnapshotPath.joined(node.type == .directory ? options.path : options.path.dropLast())
    let sink = PlanSink(target: options.target, above: above.count)
    let report = try repository.restore(options, context: context(work, sink: sink))
    let found = sink.found
    return .plan(
      RestorePlan(
        request: request, target: options.target, report: report, replaced: found.replaced,
        items: found.items.sorted { $0.path.lexicographicallyPrecedes($1.path) }, changes: found.changes, problems: found.problems))
  }

  private func restore(_ request: RestoreRequest, _ work: Work) throws -> Browser.Outcome {
    let options = try options(request)
    let sink = PlanSink(target: options.target, above: 0)
    let report = try repository.restore(options, context: context(work, sink: sink))
    return .restored(report, target: options.target, problems: sink.found.problems)
  }

  /// The restore that brings back what was asked for: entries keep their place below the folder that holds them all.
  func options(_ request: RestoreRequest) throws -> RestoreOptions {
    guard let snapshot = snapshots.first(where: { $0.id == request.snapshot }) else {
      throw CairnError(.notFound, "There is no snapshot \(request.snapshot.hexadecimal.prefix(8)).")
    }
    if snapshot.isImage, request.destination == .inPlace { throw ImageTargetArguments.inPlace(snapshot) }
    var options = RestoreOptions(snapshot: snapshot, target: [])
    if let first = request.items.first {
      var common = first.path.dropLast()
      for item in request.items { common = common.prefix(zip(common, item.path.dropLast()).prefix { $0 == $1 }.count) }
      options.path = Array(common)
      let isFile = try request.items.count == 1 && view.node(at: first.path, in: snapshot).type != .directory
      if isFile { options.path = first.path } else { options.places = request.items.map { Array($0.path[common.count...]) } }
    }
    switch request.destination {
    case .folder(let typed): options.target = Self.absolute(typed, home: home)
    case .inPlace: options.target = try InPlace.target(of: snapshot, path: options.path, in: view)
    }
    options.overwrite = request.overwrite
    return options
  }

  /// What was typed as a folder, from the root: a tilde is the home directory.
  private static func absolute(_ typed: [UInt8], home: String?) -> [UInt8] {
    if typed.first == 0x7e, typed.count == 1 || typed[1] == 0x2f, let home { return RawArguments.bytes(of: home) + typed.dropFirst() }
    guard typed.first != 0x2f, let here = getcwd(nil, 0) else { return typed }
    defer { free(here) }
    return Array(UnsafeRawBufferPointer(start: here, count: strlen(here))) + [0x2f] + typed
  }
}

/// Gathers what a restore, or a dry run of one, tells.
private final class PlanSink: ProgressSink {
  struct Found {
    var items: [RestorePlan.Item] = []
    var changes = 0
    var replaced = 0
    var problems: [String] = []
  }

  private static let mostProblems = 200
  private let target: [UInt8]
  private let above: Int
  private let state = Mutex(Found())

  /// - Parameter above: bytes of the path in the snapshot that the target stands for.
  init(target: [UInt8], above: Int) {
    self.target = target
    self.above = above
  }

  var found: Found { state.withLock { $0 } }

  func report(_ event: ProgressEvent) {
    switch event {
    case .problem(let problem):
      let path = problem.path.isEmpty ? "" : Escaping.terminal(problem.path) + ": "
      say("\(path)\(problem.during): \(problem.message)")
    case .warning(let text): say(text)
    case .item(let path, let action, let bytes, let isDirectory): item(path, action, bytes, isDirectory)
    case .message, .scanned: break
    }
  }

  private func say(_ text: String) {
    state.withLock { if $0.problems.count < Self.mostProblems { $0.problems.append(text) } }
  }

  private func item(_ path: [UInt8], _ action: ItemAction, _ bytes: UInt64, _ isDirectory: Bool) {
    // A directory that is there already is no change worth a line.
    guard action != .unchanged, !(isDirectory && action == .updated) else { return }
    var status = stat()
    let replaces = !isDirectory && action == .restored && lstat(Self.text(target + path.dropFirst(above)), &status) == 0
    state.withLock { found in
      found.changes += 1
      if replaces { found.replaced += 1 }
      guard found.items.count < RestorePlan.limit else { return }
      found.items.append(RestorePlan.Item(path: path, action: action, replaces: replaces, isDirectory: isDirectory, bytes: bytes))
    }
  }

  private static func text(_ path: [UInt8]) -> [CChar] { path.map { CChar(bitPattern: $0) } + [0] }
}
