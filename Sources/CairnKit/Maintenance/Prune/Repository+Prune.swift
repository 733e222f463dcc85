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
  var isSecondPass = false
  var foldedBelow: UInt64 = 0
  /// The length of the log at the beginning of the present try.
  var seen: UInt64 = 0

  /// Small objects that are worth a checkpoint of their own.
  private static let manySmallObjects = 32

  mutating func perform() throws {
    if !options.dryRun { try repository.readState().requireFresh(at: repository.location) }
    try Ownerless.find(repository).requireRegisters()
    for _ in 0..<16 {
      try context.cancellation.check()
      do { if try step() { return } } catch let error as CairnError where error.code == .damaged {
        // What another prune has swept meanwhile may be missing for a good reason.
        guard try LogState.length(repository.storage) != seen else { throw error }
      }
    }
    throw CairnError(.conflict, "Other programs keep maintaining the repository.", guidance: "Run 'cairn prune' again later.")
  }

  /// - Returns: false when the log was changed by somebody else: begin again.
  private mutating func step() throws -> Bool {
    // Before anything that counts is read (FORMAT.md, "Maintenance"): of who comes to be known later, nothing is looked at.
    let stored = try repository.storedPacks()
    let announced = try announcedSessions()
    let log = try LogState.readComplete(repository.storage, keys: repository.keys)
    foldedBelow = log.foldedBelow
    seen = log.next
    if let pending = log.condemned.keys.min() {
      report.waiting = PruneReport.Packs()
      for name in log.condemned[pending] ?? [] { report.waiting.add(stored[name] ?? 0) }
      guard try finish(pending, below: pending + 1, marked: nil) else { return report.waitingFor.isEmpty ? options.dryRun : true }
      if options.dryRun { return true }
      report.waiting = PruneReport.Packs()
      return false
    }
    if !options.dryRun {
      // What they have stored is garbage from then on, even if there is no other.
      let survey = SessionSurvey(repository: repository, options: options, foldedBelow: foldedBelow)
      report.revoked += try survey.resolve(below: .max, sparingRecent: true).revoked.map(\.hexadecimal)
    }
    let liveness = try Liveness.mark(try repository.loadView(), ignoring: options.dryRun ? options.assumedForgotten : [], context)
    let state = liveness.view.state
    if !options.dryRun { try state.requireFresh(at: repository.location) }
    guard state.log.next == log.next else { return false }
    let table = try PackTable(liveness, stored: stored)
    let plan = PrunePlan(table, options, repository.config) { owner in
      state.isDecided(owner) || (UInt64(owner.epoch) < state.log.next && !announced.contains(owner))
    }
    take(plan.report)
    if options.dryRun { return true }
    if plan.isEmpty { return try tidy(state, liveness) }
    let condemned: UInt64?
    do { condemned = try condemn(plan, liveness, table) } catch let error as CairnError where error.code == .noSpace && isSecondPass {
      return true  // as full as before; what the first pass deleted remains deleted
    }
    guard let record = condemned else { return false }
    if try finish(record, below: record + 1, marked: liveness) {
      // What was deleted has made room for what had to be left out; once only, lest it fills again at once.
      guard report.skippedRepackForSpace, !isSecondPass else { return true }
      isSecondPass = true
      return false
    }
    guard !report.waitingFor.isEmpty else { return false }
    for name in try LogState.readComplete(repository.storage, keys: repository.keys).condemned[record] ?? [] {
      report.waiting.add(stored[name] ?? 0)
    }
    return true
  }

  private mutating func take(_ plan: PruneReport) {
    let before = report
    report = plan
    (report.deleted, report.rescued, report.revoked) = (before.deleted, before.rescued, before.revoked)
    (report.smallObjectsDeleted, report.writtenBytes) = (before.smallObjectsDeleted, before.writtenBytes)
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

  /// Copies what is needed, then condemns.
  ///
  /// - Returns: the record's index; nil when another came first.
  private mutating func condemn(_ plan: PrunePlan, _ liveness: Liveness, _ table: PackTable) throws -> UInt64? {
    var record = LogRecord(next: liveness.view.state.log)
    var leaving = plan.unused + plan.unreferenced
    if !plan.repack.isEmpty {
      do {
        let (deltas, spared) = try repack(plan, liveness, owner: record.owner)
        record.deltas = deltas
        record.condemn = plan.repack.filter { !spared.contains($0) }
        leaving.removeAll(where: spared.contains)
      } catch let error as CairnError where error.code == .noSpace {
        // What can go without a copy makes room for the rest next time.
        report.skippedRepackForSpace = true
        context.sink.report(.message("There is no room to write packs anew, so only packs without anything needed are deleted."))
      }
    }
    // One record names so many at most; another run goes on.
    record.condemn += leaving.prefix(Limits.logPacks / 2)
    guard !record.condemn.isEmpty else {
      guard report.skippedRepackForSpace else {
        throw CairnError(
          .damaged, "Nothing was deleted: all that could go lies in damaged packs together with what is needed.",
          guidance: "Run 'cairn check --read-data' to see the damage, and 'cairn repair packs' to mend it; then prune again.")
      }
      throw CairnError(.noSpace, "There is no room to prune.", guidance: "Free some space, then prune again.")
    }
    return try repository.tryAppend(record) ? record.index : nil
  }

  private mutating func repack(_ plan: PrunePlan, _ liveness: Liveness, owner: SessionID) throws -> (
    deltas: [String], spared: Set<PackName>
  ) {
    var packing = PackWriter.Options()
    packing.workers = max(1, context.threads ?? Host.processorCount)
    packing.savers = packing.workers == 1 ? 0 : 2
    let writer = PackWriter(repository, owner: owner, options: packing, context: context)
    let leaving = Set(plan.unused).union(plan.repack)
    do {
      let spared = try Repacker(liveness, leaving: leaving, writer: writer, context: context).run(plan.repack)
      for (name, reason) in spared.sorted(by: { $0.key < $1.key }) {
        context.sink.report(.message("packs/\(name.name) stays as it is: \(reason)"))
      }
      report.writtenBytes += writer.bytesStored
      return (try writer.flush(), Set(spared.keys))
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
      guard options.wait, !options.dryRun else { return false }
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
