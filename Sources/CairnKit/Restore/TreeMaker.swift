import CairnFormat
import CairnSystem

/// The first pass of a restore: goes through the snapshot in name order, makes directories, links and special files, removes strangers
/// where that was asked for, and hands files on to have their content fetched. Belongs to one thread.
struct TreeMaker {
  let run: RestoreRun
  /// The path of the target itself in the snapshot.
  private let prefix: [UInt8]
  var planner: ContentPlanner
  var walk: SelectedWalk
  var links = LinkTable()
  /// The target itself, then the directories that the walk is in.
  var levels: [TargetLevel] = []

  /// - Parameters:
  ///   - start: what is restored: the node of a directory, whose contents go into the target, or of anything else.
  ///   - target: opened; its metadata becomes that of `start` when that is a directory whose metadata is known.
  init(_ run: RestoreRun, _ start: Node, _ target: RestoreTarget, windows: BoundedQueue<ContentWindow>) throws {
    self.run = run
    prefix = run.prefixOfTarget(start)
    planner = ContentPlanner(run, windows)
    walk = SelectedWalk(start, trees: run.view.trees, filter: run.filter)
    var root = TargetLevel(start, selected: false, deletes: run.options.delete && start.type == .directory)
    try open(&root, target)
    levels = [root]
  }

  /// Goes through everything. The target directory is finished when the last file below it is.
  mutating func makeAll() throws {
    // Whatever happens, directories that were entered get their metadata once nothing is pending in them.
    defer { while !levels.isEmpty { abandonLevel() } }
    while let event = walk.next() {
      try run.context.cancellation.check()
      switch event {
      case .enter(let node, let selected): try enter(node, selected: selected)
      case .entry(let node): try make(node)
      case .damaged(let error):
        levels[levels.count - 1].mayDelete = false
        try run.note(error, path(), during: "reading the directory from the repository")
      case .leave: try leave()
      }
    }
    try leave()
    try planner.flush()
  }

  /// The path of the directory the walk is in, or of an entry of it.
  func path(_ name: [UInt8]? = nil) -> [UInt8] {
    let path = prefix + walk.path.flatMap { [0x2f] + $0 } + (name.map { [0x2f] + $0 } ?? [])
    return path.isEmpty ? [0x2f] : path
  }

  // MARK: - Directories

  private mutating func enter(_ node: Node, selected: Bool) throws {
    try forgetStrangers(before: node.name)
    levels.append(TargetLevel(node, selected: selected, deletes: run.options.delete))
    let last = levels.count - 1
    run.context.counters.setCurrent(path())
    if selected {
      try materialize(last, forContent: true)
    } else if run.options.delete {
      try materialize(last, forContent: false)
    }
    if levels[last].isLost {
      levels.removeLast()
      walk.skip()
    }
  }

  private mutating func leave() throws {
    try forgetStrangers(before: nil)
    abandonLevel()
  }

  /// Ends the innermost level: from here on its directory is finished by whoever does the last thing in it.
  private mutating func abandonLevel() {
    let level = levels.removeLast()
    guard let directory = level.directory else { return }
    if let file = run.options.dryRun ? nil : try? run.directories.open(directory) {
      // `try?`: litter is all that stays when the directory cannot be opened again.
      for name in level.stale { TemporaryName.removeStale(name, in: file) }
    }
    let isWay = run.filter.hasPlaces && !level.selected && (level.existing != nil || levels.isEmpty)
    let keepsMetadata = isWay || (run.options.overwrite == .never && level.existing != nil)
    if level.hasContent, !keepsMetadata, Self.hasMetadata(level.node, isTarget: levels.isEmpty) {
      directory.finish = .snapshot(level.node, existing: level.existing)
    } else if let existing = level.existing {
      directory.finish = .original(existing, flags: level.clearedFlags)
    }
    if level.hasContent, !levels.isEmpty {
      run.tally.directories.add()
      let action: ItemAction = level.existing == nil ? .restored : .updated
      run.item(directory.parent, directory.name, action, bytes: 0, isDirectory: true)
    }
    run.release(directory)
  }

  /// The root of a snapshot of absolute paths has no metadata of its own.
  private static func hasMetadata(_ node: Node, isTarget: Bool) -> Bool {
    !isTarget || (node.type == .directory && !(node.flags.contains(.partialDirectory) && node.name.isEmpty))
  }

  /// Makes or opens the directory of a level, and of those above it that do not exist yet.
  ///
  /// - Parameter forContent: false to open it only if it is there, for the strangers in it.
  mutating func materialize(_ last: Int, forContent: Bool) throws {
    for index in 0...last where levels[index].directory == nil || (forContent && !levels[index].hasContent) {
      if levels[index].isLost {
        levels[last].isLost = true
        return
      }
      if levels[index].directory == nil {
        guard index > 0, let parent = levels[index - 1].directory, !levels[index - 1].isLost else {
          levels[index].isLost = index > 0
          return
        }
        do { try place(index, parent, forContent: forContent) } catch {
          levels[index].isLost = true
          levels[last].isLost = true
          try run.note(error, levelPath(index), during: "making the directory")
          return
        }
        if levels[index].directory == nil { return }
      }
      if forContent { levels[index].hasContent = true }
    }
  }

  private func levelPath(_ index: Int) -> [UInt8] { prefix + walk.path.prefix(index).flatMap { [0x2f] + $0 } }

  private mutating func place(_ index: Int, _ parent: RestoredDirectory, forContent: Bool) throws {
    let name = levels[index].node.name
    var existing = try existing(name, in: index - 1)
    if let there = existing, there.type != .directory {
      guard forContent else { return }
      guard replaces(levels[index].node, there) else {
        throw CairnError(.failed, "Something that is not a directory is in the way and is not to be overwritten.")
      }
      if !run.options.dryRun { try run.removeInTheWay(name, there, in: try run.directories.open(parent)) }
      existing = nil
    }
    if existing == nil, !forContent { return }
    if run.options.dryRun {
      try placeDry(index, parent, existing)
    } else {
      try placeReally(index, parent, existing)
    }
    parent.retainPending()
  }

  /// Whether something in the way may be replaced.
  func replaces(_ node: Node, _ existing: FileStatus) -> Bool {
    switch run.options.overwrite {
    case .always, .ifChanged: true
    case .ifNewer: FileTime(seconds: node.mtime.seconds, nanoseconds: node.mtime.nanoseconds) > existing.mtime
    case .never: false
    }
  }

  /// What lies under a name in a directory of the target; nil when nothing does.
  mutating func existing(_ name: [UInt8], in index: Int) throws -> FileStatus? {
    if !levels[index].stale.isEmpty { levels[index].stale.removeAll { $0 == name } }
    guard let listing = levels[index].listing, listing.index(of: name) != nil, let directory = levels[index].directory else { return nil }
    return try run.status(of: name, in: try run.directories.open(directory))
  }
}
