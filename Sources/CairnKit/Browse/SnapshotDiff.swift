import CairnFormat
import CairnSystem

extension RepositoryView {
  /// Compares two trees and reports the differences in the order of paths, directories before what lies in them.
  ///
  /// Parts that both share are not read. When `b` was made against `a` and recorded its differences, only those are looked at.
  /// Directories that cannot be read are problems of the context and counted.
  /// - Parameters:
  ///   - a: the older side: a snapshot, and components of the directory or entry in it that is compared.
  /// - Throws: `CairnError(.notFound)` when a path does not exist, `.usage` when one is a directory and the other is not; what `body`
  ///   throws; `CancellationError`.
  package func diff(
    _ a: (snapshot: Snapshot, path: [[UInt8]]), _ b: (snapshot: Snapshot, path: [[UInt8]]), options: DiffOptions = DiffOptions(),
    context: RunContext = RunContext(), _ body: (DiffEntry) throws -> Void
  ) throws -> DiffStatistics {
    let old = try node(at: a.path, in: a.snapshot)
    let new = try node(at: b.path, in: b.snapshot)
    return try withoutActuallyEscaping(body) { body in
      var diff = SnapshotDiff(view: self, options: options, context: context, body: body)
      guard old.type == .directory, new.type == .directory else {
        guard old.type != .directory, new.type != .directory else {
          throw CairnError(.usage, "\(Escaping.path(a.path)) and \(Escaping.path(b.path)) cannot be compared: only one is a directory.")
        }
        try diff.compareEntries(old, new, name: new.name)
        return try diff.finish()
      }
      let isBase = a.path.isEmpty && b.path.isEmpty && b.snapshot.manifest.base == a.snapshot.id
      let recorded = isBase ? b.snapshot.manifest.deltaRoot : nil
      try diff.compareTrees(old.subtree, new.subtree, recorded: recorded)
      return try diff.finish()
    }
  }
}

/// One comparison. Directories wait on a stack, so that depth costs heap and not stack.
struct SnapshotDiff {
  /// A directory being compared.
  private struct Level {
    var source: Source
    let pathLength: Int
  }

  /// Where the pairs of entries of a directory come from.
  private enum Source {
    case merge(DirectoryMerge)
    case recorded(RecordedMerge)
  }

  private let view: RepositoryView
  private let options: DiffOptions
  private let context: RunContext
  private let body: (DiffEntry) throws -> Void
  private var statistics = DiffStatistics()
  private var levels: [Level] = []
  private var path: [UInt8] = []
  private let blobs: DiffBlobs

  init(view: RepositoryView, options: DiffOptions, context: RunContext, body: @escaping (DiffEntry) throws -> Void) {
    self.view = view
    self.options = options
    self.context = context
    self.body = body
    blobs = DiffBlobs(view)
  }

  /// - Parameter recorded: the delta tree of the two, if there is one.
  mutating func compareTrees(_ old: BlobID?, _ new: BlobID?, recorded: BlobID?) throws {
    enter(old, new, recorded: recorded)
    while let level = levels.last {
      path.removeLast(path.count - level.pathLength)
      try context.cancellation.check()
      do {
        guard let pair = try nextPair() else {
          levels.removeLast()
          continue
        }
        try compare(pair)
      } catch let error as CairnError where error.concernsOneObject {
        context.problem(SnapshotPath.display(path), during: "comparing", error.message)
        statistics.problems += 1
        levels.removeLast()
      }
    }
  }

  private mutating func nextPair() throws -> RecordedMerge.Pair? {
    let top = levels.count - 1
    switch levels[top].source {
    case .merge(var merge):
      // Taken out and put back, so that the arrays inside are not copied.
      levels[top].source = .recorded(.empty)
      defer { levels[top].source = .merge(merge) }
      return try merge.next().map { RecordedMerge.Pair(old: $0.old, new: $0.new, recorded: nil) }
    case .recorded(var merge):
      levels[top].source = .recorded(.empty)
      defer { levels[top].source = .recorded(merge) }
      return try merge.next()
    }
  }

  private mutating func compare(_ pair: RecordedMerge.Pair) throws {
    guard let name = pair.new?.name ?? pair.old?.name else { return }
    path.append(0x2f)
    path += name
    switch (pair.old, pair.new) {
    case (let old?, let new?): try compareBoth(old, new, recorded: pair.recorded)
    case (let old?, nil): try report(.removed, old, nil)
    case (nil, let new?): try report(.added, nil, new)
    case (nil, nil): break
    }
  }

  /// Compares two entries that are no directories, under one name.
  mutating func compareEntries(_ old: Node, _ new: Node, name: [UInt8]) throws {
    path = [0x2f] + name
    try compareBoth(old, new, recorded: nil)
  }

  private mutating func compareBoth(_ old: Node, _ new: Node, recorded: BlobID?) throws {
    guard old.type == new.type else { return try report(.typeChanged, old, new) }
    if old.type == .directory {
      if options.metadata, !old.hasSameMetadata(as: new) {
        try body(DiffEntry(path: path, change: .metadata, old: old, new: new))
      }
      if old.subtree != new.subtree { enter(old.subtree, new.subtree, recorded: recorded) }
      return
    }
    if !old.hasSameContent(as: new) {
      if old.type == .file { statistics.changedFiles += 1 }
      try blobs.add(old, .old)
      try blobs.add(new, .new)
      try body(DiffEntry(path: path, change: .modified, old: old, new: new))
    } else if options.metadata, !old.hasSameMetadata(as: new) {
      try body(DiffEntry(path: path, change: .metadata, old: old, new: new))
    }
  }

  /// Reports an entry that one side lacks, or whose type differs, and goes into the directories among the two.
  private mutating func report(_ change: DiffEntry.Change, _ old: Node?, _ new: Node?) throws {
    if let old {
      statistics.removed.count(old)
      try blobs.add(old, .old)
    }
    if let new {
      statistics.added.count(new)
      try blobs.add(new, .new)
    }
    try body(DiffEntry(path: path, change: change, old: old, new: new))
    let below = (old?.type == .directory ? old?.subtree : nil, new?.type == .directory ? new?.subtree : nil)
    if below.0 != nil || below.1 != nil { enter(below.0, below.1, recorded: nil) }
  }

  private mutating func enter(_ old: BlobID?, _ new: BlobID?, recorded: BlobID?) {
    guard levels.count < Limits.pathDepth else { return }
    // A record of differences that cannot be read is no loss: the two trees are compared instead.
    if let recorded, let merge = try? RecordedMerge(view.trees, recorded, old: old, new: new) {
      levels.append(Level(source: .recorded(merge), pathLength: path.count))
      return
    }
    let blobs = blobs
    let merge = DirectoryMerge(
      old: SpanCursor(view.trees, root: old) { blobs.addTree($0, .old) },
      new: SpanCursor(view.trees, root: new) { blobs.addTree($0, .new) })
    levels.append(Level(source: .merge(merge), pathLength: path.count))
  }

  func finish() throws -> DiffStatistics {
    var statistics = statistics
    try blobs.count(into: &statistics)
    return statistics
  }
}

extension DiffStatistics.Side {
  fileprivate mutating func count(_ node: Node) {
    switch node.type {
    case .file: files += 1
    case .directory: directories += 1
    default: others += 1
    }
  }
}
