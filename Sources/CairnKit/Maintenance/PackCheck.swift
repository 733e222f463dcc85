import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// Checks that every pack that the index names is there with the right size, that its header, trailer and directory agree with the
/// index, and on request that every byte of it is good; and tells what else lies among the packs.
struct PackCheck {
  /// A pack to look at.
  struct Job: Sendable {
    enum Source: Sendable {
      /// As a delta lists it.
      case indexed(IndexedPack)
      /// No readable delta lists it, but the view uses it by its own directory.
      case unlisted(PackName)
    }
    let source: Source
    /// Bytes as the storage lists them; nil when it does not have the pack.
    let size: UInt64?
    let isReadWhole: Bool

    var name: PackName {
      switch source {
      case .indexed(let pack): PackName(hash: pack.hash, owner: pack.owner)
      case .unlisted(let name): name
      }
    }
  }

  /// What the storage lists.
  private struct Listed {
    var size: UInt64
    var isNamed = false
  }

  let run: CheckRun
  let records: RecordCheck.Outcome

  func perform() throws {
    var listed = try list()
    let selection = try PackSelection(run.options.readData, run.view.index)
    run.context.counters.filesTotal.set(UInt64(selection.packs))
    run.context.counters.bytesTotal.set(selection.bytes)
    run.context.counters.totalsKnown.set(1)
    let queue = BoundedQueue<Job>(capacity: 16)
    // With one thread more than processors, one can wait for the disk while the others compute.
    let touched = PackInspector.memoryBytes(largest: run.repository.config.largestFrameBytes)
    let threads = max(1, min(run.threads + 1, run.context.memoryBytes / 2 / touched))
    let hasDamagedIndex = try ThreadScope.run { scope in
      scope.onFailure { queue.cancel() }
      defer { queue.close() }
      for number in 0..<threads {
        scope.spawn("check \(number)") {
          let inspector = PackInspector(run: run)
          while let job = queue.pop() { try inspector.inspect(job) }
        }
      }
      let hasDamagedIndex = try feedDeltas(queue, &listed, selection)
      if hasDamagedIndex { try feedUnlisted(queue, &listed, selection) }
      return hasDamagedIndex
    }
    try reportOthers(listed, hasDamagedIndex: hasDamagedIndex)
    reportCondemned(listed)
  }

  private func list() throws -> [PackName: Listed] {
    var listed: [PackName: Listed] = [:]
    try storageCall("listing the packs") {
      try run.storage.list(.packs) { key, size in
        if let name = PackName(key.name) {
          listed[name] = Listed(size: size)
        } else {
          run.findings.add(key.path, "is no pack", .garbage, next: CheckAdvice.foreign(key.path, at: run.storage.location))
        }
      }
    }
    return listed
  }

  // MARK: - Packs that the index names

  /// Reads the deltas one by one and hands their packs to the threads.
  ///
  /// - Returns: whether one of them could not be read.
  private func feedDeltas(_ queue: BoundedQueue<Job>, _ listed: inout [PackName: Listed], _ selection: PackSelection) throws -> Bool {
    var isDamaged = false
    var missing = Set<PackName>()
    for name in records.deltas {
      try run.context.cancellation.check()
      guard let delta = try read(name) else {
        isDamaged = true
        continue
      }
      for pack in delta.packs {
        let name = PackName(hash: pack.hash, owner: pack.owner)
        guard !run.view.state.log.swept.contains(name), listed[name]?.isNamed != true else { continue }
        if listed[name] == nil, !missing.insert(name).inserted { continue }
        listed[name]?.isNamed = true
        run.packs.add()
        let job = Job(source: .indexed(pack), size: listed[name]?.size, isReadWhole: selection.contains(name))
        guard queue.push(job) else { return isDamaged }
      }
    }
    return isDamaged
  }

  private func read(_ name: String) throws -> IndexDelta? {
    guard let parsed = DeltaName(name), let key = ObjectKey(kind: .index, name: name) else { return nil }
    let result = try ObjectFault.catching {
      let bytes = try run.storage.checkedBytes(key, limit: Envelope.Kind.delta.maximumStoredBytes, hash: parsed.hash)
      let delta = try IndexDelta.decode(Envelope.open(.delta, logicalName: parsed.logicalName, bytes, keys: run.keys))
      guard delta.session == parsed.session, delta.sequence == parsed.sequence else {
        throw FormatError.invalid("name of the index object")
      }
      return delta
    }
    switch result {
    case .success(let delta): return delta
    case .failure(let fault):
      run.findings.add(
        key.path, "\(fault.what); the directories of the packs themselves are used in its place", .harmless,
        next: CheckAdvice.replace(key.path))
      return nil
    }
  }

  // MARK: - Other packs

  /// Packs that are used although no readable delta lists them.
  private func feedUnlisted(_ queue: BoundedQueue<Job>, _ listed: inout [PackName: Listed], _ selection: PackSelection) throws {
    var used: [PackName] = []
    try run.view.index.forEachPack { pack in
      let name = PackName(hash: pack.hash, owner: pack.owner)
      if listed[name]?.isNamed == false { used.append(name) }
    }
    for name in used {
      listed[name]?.isNamed = true
      run.packs.add()
      guard queue.push(Job(source: .unlisted(name), size: listed[name]?.size, isReadWhole: selection.contains(name))) else { return }
    }
  }

  /// Packs that will go unless somebody turns out to need them.
  private func reportCondemned(_ listed: [PackName: Listed]) {
    for (record, packs) in run.view.state.log.condemned {
      let count = packs.count { listed[$0] != nil }
      guard count > 0 else { continue }
      run.findings.add(
        "log/\(Records.logName(record))", "condemns \(count) packs that are still there, because backups were running", .garbage,
        next: CheckAdvice.prune)
    }
  }

  private func reportOthers(_ listed: [PackName: Listed], hasDamagedIndex: Bool) throws {
    let others = listed.filter { !$0.value.isNamed }.keys.sorted()
    var unfinished: [SessionID: Int] = [:]
    for name in others {
      guard let key = ObjectKey(kind: .packs, name: name.name) else { continue }
      if run.view.state.log.swept.contains(name) {
        run.findings.add(key.path, "was given up by prune and is still there", .garbage, next: CheckAdvice.prune)
        continue
      }
      switch records.standing(name.owner) {
      case .open: unfinished[name.owner, default: 0] += 1
      case .lost:
        run.findings.add(
          key.path, "is of a run that neither was committed nor is announced", .garbage, next: CheckAdvice.abandoned)
      case .accepted, .refused, .unreadable:
        if hasDamagedIndex {
          run.findings.add(
            key.path, "cannot be opened, and no index object that can be read names it", .harmless, next: CheckAdvice.replace(key.path))
        } else {
          run.findings.add(key.path, "is named by no index object", .garbage, next: CheckAdvice.prune)
        }
      }
    }
    for (session, count) in unfinished {
      run.findings.add(
        "sessions/\(session)", "has stored \(count) packs that no snapshot uses yet", .garbage,
        next: "If the backup was interrupted, the next one of the same user goes on with them.")
    }
  }
}

/// Which packs are read whole.
struct PackSelection: Sendable {
  private let choice: CheckOptions.ReadData
  private let chosen: Set<PackName>
  /// How many packs that the index names are chosen, and their bytes.
  let packs: Int
  let bytes: UInt64

  init(_ choice: CheckOptions.ReadData, _ index: BlobIndex) throws {
    self.choice = choice
    var all: [(name: PackName, size: UInt64)] = []
    if choice != .none { try index.forEachPack { all.append((PackName(hash: $0.hash, owner: $0.owner), $0.size)) } }
    switch choice {
    case .none, .all: chosen = []
    case .part(let n, let m):
      all = all.filter { Self.isPart($0.name, n, m) }
      chosen = []
    case .percent(let percent):
      let count = Int((Double(all.count) * percent / 100).rounded(.up))
      all = Array(all.shuffled().prefix(count))
      chosen = Set(all.map(\.name))
    case .bytes(let bytes):
      var left = Int64(clamping: bytes)
      all = all.shuffled().filter { pack in
        defer { left = left > 0 ? left - Int64(clamping: pack.size) : left }
        return left > 0
      }
      chosen = Set(all.map(\.name))
    }
    packs = all.count
    bytes = all.reduce(0) { $0 &+ $1.size }
  }

  func contains(_ name: PackName) -> Bool {
    switch choice {
    case .none: false
    case .all: true
    case .part(let n, let m): Self.isPart(name, n, m)
    case .percent, .bytes: chosen.contains(name)
    }
  }

  private static func isPart(_ name: PackName, _ n: Int, _ m: Int) -> Bool { name.hash.word0 % UInt64(m) == UInt64(n - 1) }
}
