import CairnFormat
import CairnStorage
import CairnSystem
import Glibc

extension Repository {
  /// Frees the space of what no snapshot needs (FORMAT.md, "Maintenance").
  ///
  /// Backups may run meanwhile, and other prunes: no lock is taken, and no clock decides anything but how long to wait. What is to go is
  /// first condemned in the log. It is deleted once every backup that could still refer to it has ended: by this run if there is none,
  /// else by a later one, or by this one if it is told to wait.
  /// - Throws: `CairnError(.damaged)` when it is not certain what the snapshots need; nothing is deleted then. `.conflict` when other
  ///   maintenance keeps coming first. `CancellationError`: what was condemned remains so, and a later run goes on with it.
  public func prune(_ options: PruneOptions = PruneOptions(), context: RunContext = RunContext()) throws -> PruneReport {
    try requirePrunable()
    let start = SystemClock.monotonicNanoseconds()
    var run = PruneRun(repository: self, options: options, context: context)
    try run.perform()
    if !options.dryRun, run.report.waitingFor.isEmpty { storage.makeReserve() }
    run.report.isDryRun = options.dryRun
    run.report.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    return run.report
  }

  /// A kind of root that this program does not know would be taken for garbage.
  private func requirePrunable() throws {
    try requireWritable()
    guard config.allowsGarbageCollection else {
      throw CairnError(
        .unsupportedFormat,
        "The repository at \(location) may not be pruned by this version of cairn: it does not know all that is needed.",
        guidance: "Use a newer cairn to prune.")
    }
  }
}

/// One call of `Repository.prune`.
private struct PruneRun {
  let repository: Repository
  let options: PruneOptions
  let context: RunContext
  var report = PruneReport()
  /// Whether copies have once found no room. Then each sweep makes some for more of them.
  private var isCramped = false
  /// About so many bytes may be copied; nil = as many as there are. Only while it is cramped.
  private var room: UInt64?
  private var foldedBelow: UInt64 = 0
  /// The length of the log at the beginning of the present try.
  private var seen: UInt64 = 0
  private var hasPlan = false

  init(repository: Repository, options: PruneOptions, context: RunContext) {
    (self.repository, self.options, self.context) = (repository, options, context)
  }

  /// Small objects that are worth a checkpoint of their own.
  private static let manySmallObjects = 32

  mutating func perform() throws {
    if !options.dryRun { try repository.readState().requireFresh(at: repository.location) }
    try Ownerless.find(repository).requireRegisters()
    var conflicts = 0
    while conflicts < 16 {
      try context.cancellation.check()
      do {
        switch try step() {
        case .done: return
        case .goOn: conflicts = 0
        case .beginAgain: conflicts += 1
        }
      } catch let error as CairnError where error.code == .damaged {
        // What another prune has swept meanwhile may be missing for a good reason.
        guard try LogState.length(repository.storage) != seen else { throw error }
        conflicts += 1
      }
    }
    throw CairnError(.conflict, "Other programs keep maintaining the repository.", guidance: "Run 'cairn prune' again later.")
  }

  private enum Outcome {
    case done
    /// What was deleted has made room for more.
    case goOn
    /// Somebody else has changed the log.
    case beginAgain
  }

  private mutating func step() throws -> Outcome {
    // Before anything that counts is read (FORMAT.md, "Maintenance"): of who comes to be known later, nothing is looked at.
    let stored = try repository.storedPacks()
    let announced = try announcedSessions()
    let log = try LogState.readComplete(repository.storage, keys: repository.keys)
    foldedBelow = log.foldedBelow
    seen = log.next
    if let pending = log.condemned.keys.min() {
      report.waiting = PruneReport.Packs()
      for name in log.condemned[pending] ?? [] { report.waiting.add(stored[name] ?? 0) }
      guard try finish(pending, below: pending + 1, marked: nil) else {
        return report.waitingFor.isEmpty && !options.dryRun ? .beginAgain : .done
      }
      if options.dryRun { return .done }
      report.waiting = PruneReport.Packs()
      return .beginAgain
    }
    if !options.dryRun {
      // What they have stored is garbage from then on, even if there is no other.
      let survey = SessionSurvey(repository: repository, options: options, foldedBelow: foldedBelow)
      report.revoked += try survey.resolve(below: .max, sparingRecent: true).revoked.map(\.hexadecimal)
    }
    let liveness = try Liveness.mark(try repository.loadView(), ignoring: options.dryRun ? options.assumedForgotten : [], context)
    let state = liveness.view.state
    if !options.dryRun { try state.requireFresh(at: repository.location) }
    guard state.log.next == log.next else { return .beginAgain }
    let table = try PackTable(liveness, stored: stored)
    let makePlan = { [options, repository] (room: UInt64?) in
      PrunePlan(table, options, repository.config, room: room) { owner in
        state.isDecided(owner) || (UInt64(owner.epoch) < state.log.next && !announced.contains(owner))
      }
    }
    let whole = makePlan(nil)
    if options.dryRun || whole.isEmpty {
      take(whole)
      return try options.dryRun || tidy(state, liveness) ? .done : .beginAgain
    }
    let (deletedBefore, writtenBefore) = (report.deleted.bytes, report.writtenBytes)
    guard let (condemned, plan) = try condemn(whole, liveness, makePlan) else { return .beginAgain }
    take(plan)
    report.postponed = whole.report.repacked.without(plan.report.repacked)
    guard let record = condemned else { return .done }
    guard try finish(record, below: record + 1, marked: liveness) else {
      guard !report.waitingFor.isEmpty else { return .beginAgain }
      for name in try LogState.readComplete(repository.storage, keys: repository.keys).condemned[record] ?? [] {
        report.waiting.add(stored[name] ?? 0)
      }
      return .done
    }
    let (deleted, written) = (report.deleted.bytes - deletedBefore, report.writtenBytes - writtenBefore)
    guard report.postponed.count > 0, deleted > written else { return .done }
    room = room.map { $0 + (deleted - written) }
    return .goOn
  }

  /// Adds what a plan says to what earlier ones have said.
  private mutating func take(_ plan: PrunePlan) {
    let before = report
    report = plan.report
    (report.deleted, report.rescued, report.revoked) = (before.deleted, before.rescued, before.revoked)
    (report.smallObjectsDeleted, report.writtenBytes) = (before.smallObjectsDeleted, before.writtenBytes)
    guard hasPlan else { return hasPlan = true }
    report.total = before.total
    report.unused.add(before.unused)
    report.unreferenced.add(before.unreferenced)
    report.repacked.add(before.repacked)
    report.repackedLiveBytes += before.repackedLiveBytes
  }

  private func announcedSessions() throws -> Set<SessionID> {
    var sessions = Set<SessionID>()
    try storageCall("listing the sessions") {
      try repository.storage.list(.sessions) { key, _ in
        if let session = SessionID(hex: key.name) { sessions.insert(session) }
      }
    }
    return sessions
  }

  // MARK: - Condemning

  /// Copies what is needed, then condemns: all of a plan if there is room for the copies; else first what can go without any, then as much
  /// as there is room for.
  ///
  /// - Returns: nil when another record came first; a plan without a record when there was no room for more.
  private mutating func condemn(
    _ whole: PrunePlan, _ liveness: Liveness, _ makePlan: (UInt64?) -> PrunePlan
  ) throws -> (record: UInt64?, plan: PrunePlan)? {
    var plan = room.map(makePlan) ?? whole
    while !plan.isEmpty {
      try context.cancellation.check()
      var record = LogRecord(next: liveness.view.state.log)
      do {
        try fill(&record, plan, liveness)
        return try repository.tryAppend(record) ? (record.index, plan) : nil
      } catch let error as CairnError where error.code == .noSpace {
        guard try takeBack(record) else { return nil }
      }
      if !isCramped { context.sink.report(.message("The disk is full: packs are written anew as far as others make room for them.")) }
      isCramped = true
      if plan.hasGarbage {
        guard !plan.repack.isEmpty else { break }
        plan.leaveRepacks()
      } else if try !storageCall("using the reserve", { try repository.storage.releaseReserve(keeping: Repository.recordReserve) }) {
        room = plan.report.repackedLiveBytes / 2
        plan = makePlan(room)
      }
    }
    guard report.deleted.count > 0 else {
      throw CairnError(.noSpace, "There is no room to prune.", guidance: "Free some space, then prune again.")
    }
    plan.leaveRepacks()
    return (nil, plan)
  }

  private mutating func fill(_ record: inout LogRecord, _ plan: PrunePlan, _ liveness: Liveness) throws {
    var leaving = plan.unused + plan.unreferenced
    if !plan.repack.isEmpty {
      let (deltas, spared) = try repack(plan, liveness, owner: record.owner)
      record.deltas = deltas
      record.condemn = plan.repack.filter { !spared.contains($0) }
      leaving.removeAll(where: spared.contains)
    }
    // One record names so many at most; another run goes on.
    record.condemn += leaving.prefix(Limits.logPacks / 2)
    guard record.condemn.isEmpty else { return }
    throw CairnError(
      .damaged, "Nothing was deleted: all that could go lies in damaged packs together with what is needed.",
      guidance: "Run 'cairn check --read-data' to see the damage, and 'cairn repair packs' to mend it; then prune again.")
  }

  /// Deletes what was stored for a record that could not be put: while the log has no such record, nobody may refer to it.
  ///
  /// - Returns: false when the log has one, perhaps this.
  private func takeBack(_ record: LogRecord) throws -> Bool {
    let storage = repository.storage
    guard try LogState.length(storage) == record.index else { return false }
    var stored: [(ObjectKey.Kind, String)] = []
    try storageCall("looking for what was stored in vain") {
      try storage.list(.packs) { key, _ in if PackName(key.name)?.owner == record.owner { stored.append((.packs, key.name)) } }
      try storage.list(.index) { key, _ in if DeltaName(key.name)?.session == record.owner { stored.append((.index, key.name)) } }
    }
    for (kind, name) in stored { _ = try repository.deleteObject(kind, name) }
    return true
  }

  private mutating func repack(_ plan: PrunePlan, _ liveness: Liveness, owner: SessionID) throws -> (
    deltas: [String], spared: Set<PackName>
  ) {
    var packing = PackWriter.Options()
    packing.workers = max(1, context.threads ?? Host.processorCount)
    if packing.workers == 1 { packing.savers = 0 }
    let writer = PackWriter(repository, owner: owner, options: packing, context: context)
    let leaving = Set(plan.unused).union(plan.repack)
    do {
      let spared = try Repacker(liveness, leaving: leaving, writer: writer, context: context).run(plan.repack)
      for (name, reason) in spared.sorted(by: { $0.key < $1.key }) {
        context.sink.report(.message("packs/\(name.name) stays as it is: \(reason)"))
      }
      let deltas = try writer.flush()
      report.writtenBytes += writer.bytesStored
      return (deltas, Set(spared.keys))
    } catch {
      writer.dropOpenPacks()
      throw error
    }
  }

  // MARK: - Finishing

  /// Resolves what may refer to the packs that a record condemned, and sweeps it.
  ///
  /// - Returns: whether it is done; if not, it waits for sessions that the report names, or somebody else was faster.
  private mutating func finish(_ record: UInt64?, below bound: UInt64, marked: Liveness?) throws -> Bool {
    let survey = SessionSurvey(repository: repository, options: options, foldedBelow: foldedBelow)
    var isTold = false
    while true {
      let outcome = try survey.resolve(below: bound, revoking: !options.dryRun)
      report.revoked += outcome.revoked.map(\.hexadecimal)
      report.waitingFor = outcome.open
      if outcome.open.isEmpty { break }
      guard options.wait, !options.dryRun, outcome.open.allSatisfy(\.isReadable) else { return false }
      if !isTold { context.sink.report(.message("Waiting for \(outcome.open.count) running backups.")) }
      isTold = true
      // In small steps, so that Ctrl-C is answered at once.
      for _ in 0..<10 {
        try context.cancellation.check()
        usleep(100_000)
      }
    }
    if options.dryRun { return false }
    let sweep = Sweep(
      repository: repository, context: context, condemned: record, bound: UInt32(truncatingIfNeeded: bound), marked: marked)
    return try sweep.perform(&report)
  }

  /// Nothing is garbage: only small objects are put together, when there are many.
  private mutating func tidy(_ state: RepositoryState, _ liveness: Liveness) throws -> Bool {
    try repository.removeVoidObjects(&report)
    // Index objects that a checkpoint has named are as large as they get.
    let deltas = state.countingDeltas.subtracting(state.log.index).count
    let small = state.registers.count + deltas + Int(clamping: state.log.next - state.log.start)
    guard small >= Self.manySmallObjects else { return true }
    let survey = SessionSurvey(repository: repository, options: options, foldedBelow: foldedBelow)
    guard try survey.resolve(below: state.log.next + 1, revoking: false).open.isEmpty else { return true }
    let barrier = LogRecord(next: state.log)
    guard try repository.tryAppend(barrier) else { return false }
    _ = try finish(nil, below: barrier.index + 1, marked: liveness)
    // It frees next to nothing, so nobody has to know if it waits after all.
    report.waitingFor = []
    return true
  }
}
