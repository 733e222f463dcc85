import CairnFormat
import CairnSystem

extension Repository {
  /// Restores files of a snapshot into a scratch folder and compares them with what was recorded: content, size, type, mode, times,
  /// owner, attributes and ACLs, links and their targets, and the same of the directories above them. The folder is removed at the end.
  ///
  /// - Returns: what was proven; every difference is named in it.
  /// - Throws: `CairnError` when there can be no scratch folder or there is no space left in it; `CancellationError`.
  public func prove(_ options: ProofOptions, context: RunContext) throws -> ProofReport {
    let view = try loadView()
    for problem in view.problems { context.sink.report(.problem(problem)) }
    return try Prover(self, view, options, context).prove()
  }
}

/// Carries a proof out: one walk through the snapshot draws the sample, then as much of it as the scratch folder takes is restored,
/// compared and removed, until all is done. Belongs to one thread.
private struct Prover {
  private let repository: Repository
  private let view: RepositoryView
  private let options: ProofOptions
  private let context: RunContext
  private let scratch: ScratchFolder
  private let tally: ProofTally
  /// What is to be restored together next.
  private var pending: [(key: [UInt8], size: UInt64)] = []
  private var pendingBytes: UInt64 = 0
  private var emptyDirectories: Set<Int> = []
  /// The last path of what was restored together before.
  private var previous: [UInt8] = []

  /// Bounds the memory.
  private static let batchFiles = 1 << 16
  /// Bounds what lies in the scratch folder at one time, unless a single file has more.
  private static let batchBytes: UInt64 = 4 << 30

  init(_ repository: Repository, _ view: RepositoryView, _ options: ProofOptions, _ context: RunContext) throws {
    self.repository = repository
    self.view = view
    self.options = options
    self.context = context
    tally = ProofTally(options)
    scratch = try ScratchFolder(in: options.scratch)
  }

  func prove() throws -> ProofReport {
    let started = SystemClock.monotonicNanoseconds()
    do {
      var prover = self
      try prover.proveAll()
    } catch {
      tidy()
      throw error
    }
    tidy()
    tally.update { $0.seconds = Double(SystemClock.monotonicNanoseconds() &- started) / 1e9 }
    return tally.report
  }

  private func tidy() {
    do { try scratch.remove() } catch {
      context.sink.report(
        .warning("The scratch folder '\(Escaping.terminal(scratch.path))' cannot be removed: \(error.reason). Remove it by hand."))
    }
  }

  private mutating func proveAll() throws {
    switch options.sample {
    case .all:
      var run = self
      try walk { node, path in
        if node.type == .directory {
          if node.subtreeEntries == 0, node.subtree != nil { try run.add(ChosenPaths.key(path), 0, data: 0, isDirectory: true) }
        } else {
          run.tally.update { $0.chosen += 1 }
          try run.add(ChosenPaths.key(path), node.type == .file ? node.size : 0, data: run.dataBytes(node))
        }
      }
      try run.flush()
    case .drawn(let files, let bytes):
      var sample = ProofSample(files: files, bytes: bytes, seed: options.seed)
      try walk { node, path in
        guard node.type != .directory else { return }
        try sample.offer(size: node.type == .file ? node.size : 0, data: { try dataBytes(node) }, key: { ChosenPaths.key(path) })
      }
      let drawn = sample.drawn()
      tally.update {
        $0.chosen = UInt64(drawn.count)
        $0.tooLarge = sample.tooLarge
      }
      for file in drawn { try add(file.key, file.size, data: file.data) }
      try flush()
    }
  }

  /// Goes through the whole snapshot, and counts.
  private func walk(_ body: (Node, [UInt8]) throws -> Void) throws {
    var walk = TreeWalk(view.trees, root: options.snapshot.manifest.root)
    var files: UInt64 = 0
    var bytes: UInt64 = 0
    while let node = try walk.next({ tally.differs(SnapshotPath.display($0), "what is in it cannot be read: \($1.message)") }) {
      try context.cancellation.check()
      if node.type != .directory { files += 1 }
      if node.type == .file { bytes = bytes.addingSaturated(node.size) }
      try body(node, walk.path)
    }
    tally.update {
      $0.files = files
      $0.bytes = bytes
    }
  }

  /// What a file takes when holes are left out; as its size says where that cannot be read, which shows when it is restored.
  private func dataBytes(_ node: Node) throws -> UInt64 {
    guard node.type == .file else { return 0 }
    var cursor = view.trees.content(node)
    var bytes: UInt64 = 0
    do {
      while let item = try cursor.next() {
        try context.cancellation.check()
        if item.id != nil { bytes = bytes.addingSaturated(item.length) }
      }
    } catch let error as CairnError {
      guard error.concernsOneObject else { throw error }
      return node.size
    }
    return bytes
  }

  // MARK: - Restoring and comparing

  private mutating func add(_ key: [UInt8], _ size: UInt64, data: UInt64, isDirectory: Bool = false) throws {
    let room = try scratch.freeBytes() / 10 * 9
    guard data <= room else {
      return tally.isUncompared(
        ChosenPaths.path(key), "it has \(data) bytes, and the scratch folder has room for \(room); name another place with --scratch")
    }
    if pending.count >= Self.batchFiles || pendingBytes.addingSaturated(data) > min(room, Self.batchBytes) { try flush() }
    if isDirectory { emptyDirectories.insert(pending.count) }
    pending.append((key, size))
    pendingBytes = pendingBytes.addingSaturated(data)
  }

  private mutating func flush() throws {
    guard let last = pending.last else { return }
    let batch = ProofBatch(pending, tally)
    let losses = ProofLosses(context.sink)
    let start = try view.trees.rootNode(of: options.snapshot)
    try restore(batch, losses)
    do {
      let root = try scratch.open()
      #if FAULT_INJECTION
        try options.afterRestore?(root)
      #endif
      let content = ProofContent(batch, keys: repository.keys, trees: view.trees, context: context)
      var comparison = ProofComparison(batch, losses, tally, content, view.trees, context.cancellation, previous: previous)
      try content.during { try comparison.run(start, root) }
      let empty = emptyDirectories
      batch.finish { empty.contains($0) }
      try scratch.clear()
    } catch let error as FileError {
      throw CairnError(.failed, "The scratch folder '\(Escaping.terminal(scratch.path))' cannot be used: \(error.reason).")
    }
    previous = last.key
    pending = []
    pendingBytes = 0
    emptyDirectories = []
  }

  private func restore(_ batch: ProofBatch, _ losses: ProofLosses) throws {
    var restore = context
    restore.sink = losses
    let target = RestoreOptions(snapshot: options.snapshot, target: scratch.target)
    do {
      let filter = RestoreFilter(chosen: batch.paths)
      _ = try RestoreRun(repository, view, target, restore, filter: filter, namesEveryLoss: true).execute()
    } catch let error as CairnError {
      guard error.code == .noSpace else { throw error }
      throw CairnError(
        .noSpace, "There is no space left in the scratch folder '\(Escaping.terminal(scratch.path))'.",
        guidance: "Name another place with --scratch DIRECTORY, or take a smaller sample with --bytes SIZE.")
    }
  }
}
