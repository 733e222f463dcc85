import CairnFormat
import CairnSystem
import Glibc

/// Goes through the sources in name order, beside the base snapshot, and decides for each entry whether it is read.
///
/// One thread, an explicit stack, everything by descriptor. A directory in which nothing differs from the base leaves no trace but
/// a count; the first difference in it brings its earlier entries back from the base, so that memory does not depend on how much
/// is unchanged. At most `maximumOpen` directories of the stack are open; jobs on their way keep theirs open.
final class Walker {
  /// Descriptors that the stack may hold.
  static let maximumOpen = 64

  let run: BackupRun
  let filter: EntryFilter
  let detector: ChangeDetector?
  let reader: TreeReader
  let inheritance: BaseInheritance
  let keepsDelta: Bool
  /// Whether the totals of the progress line are counted as the walk goes; else somebody else does.
  var countsTotals = true
  var nodes: NodeReader
  var tally = Tally()
  var frames: [WalkFrame] = []
  /// How many frames, from the bottom, have an assembly.
  var materialised = 0
  /// The path of the directory on top.
  var components: [[UInt8]] = []
  private var batch: [EntryJob] = []
  private var batchBytes: UInt64 = 0
  private var batchDirectories = 0
  private var walked: UInt64 = 0
  private var batchStarted: UInt64 = 0
  /// Whether sources that the filters left out are to be told.
  var excludedSources = 0
  /// The root turned out to be exactly the base's.
  private(set) var isUnchanged = false

  init(
    run: BackupRun, filter: EntryFilter, detector: ChangeDetector?, reader: TreeReader, inheritance: BaseInheritance, keepsDelta: Bool
  ) {
    self.run = run
    self.filter = filter
    self.detector = detector
    self.reader = reader
    self.inheritance = inheritance
    self.keepsDelta = keepsDelta
    nodes = NodeReader(run.accounts)
  }

  /// Walks everything below the root frame that was pushed.
  func walk() throws {
    while let frame = frames.last {
      try run.context.cancellation.check()
      if frame.next < frame.entries.count {
        let index = frame.next
        frame.next += 1
        try visit(frame, index)
      } else {
        try leave(frame)
      }
    }
    try flush()
    run.tally.add(tally)
  }

  func problem(_ path: [UInt8], _ during: String, _ message: String) {
    run.context.problem(path, during: during, message)
  }

  // MARK: - The stack

  /// Puts a directory on the stack. Materialised at once unless it can still turn out to be the base's.
  ///
  /// - Parameter below: the names that lead to it: one below the directory on top, or all of its absolute path.
  func push(_ frame: WalkFrame, _ below: Location) throws {
    frames.append(frame)
    switch below {
    case .entry(let name): components.append(name)
    case .absolute(let all):
      frame.componentsBefore = components
      components = all
    }
    // The lowest frame stays open, so that there is always a way down again.
    if frames.count > Self.maximumOpen { frames[frames.count - Self.maximumOpen].file = nil }
    let isLikeBase = frame.cursor != nil && frame.base.map { $0.withoutSubtree == frame.own.named($0.name) } == true
    if !isLikeBase { try materialise() }
  }

  enum Location {
    case entry([UInt8])
    case absolute([[UInt8]])
  }

  private func leave(_ frame: WalkFrame) throws {
    while let gone = try nextBase(frame) { try noteRemoved(frame, gone) }
    // What is in it is as in the base; its own nodes are stored again where they cannot be had.
    if frame.assembly == nil, let tree = frame.base?.subtree, !inheritance.isIntact(tree, reader) { try materialise() }
    frames.removeLast()
    if let before = frame.componentsBefore { components = before } else { components.removeLast() }
    if let assembly = frame.assembly {
      materialised -= 1
      try closeGroup(frame)
      if assembly.close(groups: frame.groups) { try hand(.feed(assembly)) }
    } else if let base = frame.base {
      tally.directoriesUnchanged += 1
      run.report(frame.path.bytes(), .unchanged, 0, isDirectory: true)
      if let parent = frames.last { try addSame(parent, base) } else { isUnchanged = true }
    }
    if let parent = frames.last, parent.file == nil, case .listing = parent.entries { try reopen(parent, from: frame.file) }
  }

  /// Opens a directory of the stack again: through "..", or, when it was moved, by the names that lead to it.
  private func reopen(_ frame: WalkFrame, from below: OpenFile?) throws {
    let flags: OpenFlags = [.source, .directory]
    if let below, let up = try? OpenFile.open([0x2e, 0x2e], at: below, flags), isSame(up, frame) {
      frame.file = up
      return
    }
    if let found = descend(to: frame, flags) {
      frame.file = found
      return
    }
    guard frame.next < frame.entries.count else { return }
    problem(frame.path.bytes(), "reading", "the directory was moved while the backup ran; its other entries are left out")
    try markPartial(frame)
    frame.next = frame.entries.count
  }

  private func isSame(_ file: OpenFile, _ frame: WalkFrame) -> Bool {
    guard let status = try? file.status() else { return false }  // not the directory that was listed, as far as can be told
    return LinkKey(device: status.device, inode: status.inode) == frame.identity
  }

  private func descend(to frame: WalkFrame, _ flags: OpenFlags) -> OpenFile? {
    guard let start = frames.lastIndex(where: { $0.file != nil }), var file = frames[start].file else { return nil }
    let names = components.suffix(frames.count - 1 - start)
    for name in names {
      guard let next = try? OpenFile.open(name, at: file, flags) else { return nil }  // moved or gone: the caller reports it
      file = next
    }
    return isSame(file, frame) ? file : nil
  }

  // MARK: - Materialising

  /// Gives every directory on the stack an assembly and brings back what was found unchanged so far.
  func materialise() throws {
    while materialised < frames.count {
      let frame = frames[materialised]
      let slot = materialised == 0 ? nil : try openSlot(frames[materialised - 1], base: frame.base)
      frame.assembly = DirectoryAssembly(
        parent: slot, own: frame.own, base: frame.base, path: frame.path, keys: run.keys,
        keepsDelta: keepsDelta && (frame.base?.subtree != nil || materialised == 0))
      materialised += 1
      try replay(frame)
    }
  }

  private func replay(_ frame: WalkFrame) throws {
    guard frame.sameCount > 0, let tree = frame.base?.subtree else { return }
    var cursor = try reader.cursor(tree)
    for _ in 0..<frame.sameCount {
      guard let node = try cursor.next() else {
        throw CairnError(.damaged, "A directory of the base snapshot reads differently the second time.")
      }
      try add(frame, SlotGroup.Slot(node: node, isReused: true))
    }
  }

  /// Something below is missing from the snapshot.
  func markPartial(_ frame: WalkFrame) throws {
    try materialise()
    frame.assembly?.markPartial()
  }

  // MARK: - Slots

  /// Adds an entry that is exactly the base's.
  func addSame(_ frame: WalkFrame, _ node: Node) throws {
    if frame.assembly == nil {
      frame.sameCount += 1
    } else {
      try add(frame, SlotGroup.Slot(node: node, isReused: true))
    }
  }

  /// Adds a place that will be filled later. The stack is materialised up to `frame`.
  func openSlot(_ frame: WalkFrame, base: Node?) throws -> SlotReference {
    let group = try openGroup(frame)
    frame.slots += 1
    return group.addOpen(base: base)
  }

  func add(_ frame: WalkFrame, _ slot: SlotGroup.Slot) throws {
    let group = try openGroup(frame)
    frame.slots += 1
    group.add(slot)
  }

  /// The base had an entry that is not in this snapshot.
  func noteRemoved(_ frame: WalkFrame, _ node: Node) throws {
    try materialise()
    guard keepsDelta else { return }
    let group = try openGroup(frame)
    group.addRemoved(node.name, node.type)
  }

  /// The group to add to. A full one is closed only now: by this time its last slot has been handed on, or the directory behind
  /// it was walked, so that a closed group needs nothing more from the walker (`Backlog`).
  private func openGroup(_ frame: WalkFrame) throws -> SlotGroup {
    if let group = frame.group, !group.isFull { return group }
    try closeGroup(frame)
    guard let assembly = frame.assembly else { throw CairnError(.failed, "A directory was filled before it was begun.") }
    let group = SlotGroup(directory: assembly, number: frame.groups, capacity: frame.entries.count - frame.slots)
    frame.groups += 1
    frame.group = group
    return group
  }

  private func closeGroup(_ frame: WalkFrame) throws {
    guard let group = frame.group else { return }
    frame.group = nil
    run.backlog.add(group.weight)
    if group.close(), group.directory.completed(group) { try hand(.feed(group.directory)) }
    guard run.backlog.isOverLimit else { return }
    try flush()
    run.backlog.waitForRoom()
  }

  // MARK: - Handing on

  func hand(_ item: WorkItem) throws {
    guard run.queue.push(item) else { throw CancellationError() }
  }

  func enqueue(_ job: EntryJob) throws {
    if batch.isEmpty { batchStarted = walked }
    if batch.last?.directory !== job.directory { batchDirectories += 1 }
    batch.append(job)
    batchBytes += job.status.type == .regular ? min(job.status.size, job.status.blocks512 &* 512) : 0
    if batch.count >= EntryBatch.maximumEntries || batchBytes >= EntryBatch.maximumBytes
      || batchDirectories >= EntryBatch.maximumDirectories
    {
      try flush()
    }
  }

  /// Counts an entry; a batch does not wait for ever for others to fill it.
  func countWalked() throws {
    walked += 1
    if !batch.isEmpty, walked - batchStarted > 4096 { try flush() }
  }

  private func flush() throws {
    guard !batch.isEmpty else { return }
    let jobs = batch
    batch = []
    batchBytes = 0
    batchDirectories = 0
    try hand(.entries(EntryBatch(jobs)))
  }
}

extension Node {
  /// The same entry under another name, for comparing nodes.
  func named(_ name: [UInt8]) -> Node {
    var copy = self
    copy.name = name
    return copy
  }
}
