import CairnFormat
import CairnStorage
import CairnSystem

/// How `repair packs` goes about it.
public struct PackRepairOptions: Sendable {
  public var repair = RepairOptions()
  /// Names of packs, or their beginnings; empty = all are examined.
  public var packs: [String] = []
  /// Repositories that may have the same content.
  public var others: [Repository] = []
  /// Directories that may have files with the same content.
  public var sources: [[UInt8]] = []

  public init() {}
}

extension Repository {
  /// Copies what can be read of damaged packs into new ones, looks everywhere for what cannot, and takes the damaged packs out of use.
  ///
  /// The damaged packs are moved aside after all that could be saved of them counts.
  /// - Throws: `CairnError(.damaged)` when index or log are damaged: they are to be repaired first. `.conflict` when a backup is running.
  public func repairPacks(_ options: PackRepairOptions = PackRepairOptions(), context: RunContext = RunContext()) throws -> RepairReport {
    try requireWritable()
    let start = SystemClock.monotonicNanoseconds()
    var repair = try planPackRepair(options, context)
    repair.report.isDryRun = options.repair.dryRun
    if repair.needsCheckpoint { try repair.checkpoint.requireQuiet(RecordSurvey(self)) }
    options.repair.onPlan?(repair.report.steps)
    if !options.repair.dryRun, repair.hasWork { try repair.perform() }
    repair.report.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    return repair.report
  }
}

extension Repository {
  /// Examines the packs. Those that look damaged are looked at once more when the log has grown meanwhile: they may have gone for a good
  /// reason.
  private func planPackRepair(_ options: PackRepairOptions, _ context: RunContext) throws -> PackRepair {
    var suspects: Set<PackName>?
    var packsRead: UInt64 = 0
    for _ in 0..<64 {
      let before = try LogState.length(storage)
      let result = Result { try PackRepair(self, options, context, among: suspects) }
      let isSteady = try LogState.length(storage) == before
      guard case .success(var repair) = result else {
        if isSteady { return try result.get() }
        continue
      }
      packsRead = max(packsRead, repair.report.packsRead)
      repair.report.packsRead = packsRead
      if isSteady || repair.report.steps.isEmpty { return repair }
      suspects = repair.suspects
    }
    throw Self.neverQuiet
  }
}

/// One run of `repair packs`.
struct PackRepair {
  let repository: Repository
  let options: PackRepairOptions
  let context: RunContext
  let checkpoint: RepairCheckpoint
  private let view: RepositoryView
  private let bad: [PackExamination.BadPack]
  /// Names of packs that their parity mends whole.
  private let mendable: [PackName]
  /// Packs that no index object names and that cannot be opened.
  private let unreadable: [(key: ObjectKey, what: String)]
  private let wanted = WantedBlobs()
  /// Paths that the damage touches.
  private var likely: [[UInt8]] = []
  var report = RepairReport()

  /// - Parameter suspects: the packs to examine; nil = those that the options name.
  init(_ repository: Repository, _ options: PackRepairOptions, _ context: RunContext, among suspects: Set<PackName>?) throws {
    self.repository = repository
    self.options = options
    self.context = context
    checkpoint = RepairCheckpoint(repository: repository, options: options.repair, context: context)
    unreadable = try IndexRepair.requireSound(repository, context).unreadablePacks
    view = try repository.loadView()
    let findings = FindingList()
    let run = CheckRun(view: view, options: CheckOptions(readData: .all), context: context, findings: findings)
    let chosen = try suspects ?? Self.names(options.packs, repository)
    let examination = try PackExamination(run) { chosen?.contains($0) ?? true }
    report.packsRead = run.packsRead.value
    try TreeCheck(run: run).perform()
    try MissingBlobs(view, wanted).find(context)
    var found = CheckReport()
    findings.finish(into: &found)
    let mended = Set(found.errors.filter(\.isMendable).map(\.object))
    bad = examination.bad.filter { !mended.contains(Self.path($0.name)) }
    mendable = examination.bad.map(\.name).filter { mended.contains(Self.path($0)) }
    describe(found, mended)
    for (key, what) in unreadable {
      report.add(key.path, "\(what), and no index object names it", "nobody can tell what it holds; it is moved aside")
    }
  }

  /// Packs that are not as they should be.
  var suspects: Set<PackName> { Set(bad.map(\.name) + mendable) }

  /// Whether anything can be done.
  var hasWork: Bool { !mendable.isEmpty || !unreadable.isEmpty || needsCheckpoint }

  fileprivate var needsCheckpoint: Bool { !bad.isEmpty || wanted.count > 0 && (!options.others.isEmpty || !options.sources.isEmpty) }

  private static func path(_ name: PackName) -> String { "packs/\(name.name.prefix(2))/\(name.name)" }

  /// - Returns: nil for all packs.
  private static func names(_ given: [String], _ repository: Repository) throws -> Set<PackName>? {
    guard !given.isEmpty else { return nil }
    var named = try Set(repository.storedPacks().keys)
    for delta in try RepositoryState.read(repository.storage, keys: repository.keys).countingDeltas {
      for pack in try Records.delta(delta, repository.storage, repository.keys).packs {
        named.insert(PackName(hash: pack.hash, owner: pack.owner))
      }
    }
    var chosen = Set<PackName>()
    for text in given {
      let prefix = text.split(separator: "/").last.map(String.init) ?? ""
      let fitting = named.filter { $0.name.hasPrefix(prefix) }
      guard prefix.count >= 4, !fitting.isEmpty else {
        throw CairnError(
          .notFound, "There is no pack '\(Escaping.terminal(Array(text.utf8)))'.",
          guidance: "Give the name of a pack as 'cairn check' shows it, or its first four digits and more.")
      }
      chosen.formUnion(fitting)
    }
    return chosen
  }

  // MARK: - The plan

  private mutating func describe(_ found: CheckReport, _ mendable: Set<String>) {
    let paths = Set(bad.map { Self.path($0.name) })
    for finding in found.errors {
      var seen = Set<[UInt8]>()
      likely += finding.affected.map(\.path).filter { seen.insert($0).inserted }
      if mendable.contains(finding.object) {
        report.add(finding.object, finding.what, "its parity mends it whole")
      } else if paths.contains(finding.object) {
        let isMissing = finding.what == "is missing"
        report.add(
          finding.object, finding.what,
          isMissing
            ? "the index stops naming it" : "what can be read of it is written anew, and it is moved aside")
      } else if finding.object == "index" {
        report.add(finding.object, finding.what, "they are looked for")
      }
    }
  }

  // MARK: - Doing it

  mutating func perform() throws {
    if !mendable.isEmpty {
      _ = try ParityRepair(repository.storage, isDryRun: false, context: context) { _ in }.perform(mendable.map(\.name))
    }
    if needsCheckpoint {
      let names = Set(bad.map(\.name))
      let deltas = try save(names)
      _ = try checkpoint.put(leaving: names, adding: deltas, after: view.state.log.next)
    }
    let packs = bad.filter(\.isThere).map(\.name.name) + unreadable.map(\.key.name)
    for name in packs {
      if let place = try repository.moveAside(try Records.key(.packs, name)) { report.movedAside.append(place) }
    }
    try storageCall("making the repair durable") { try repository.storage.flush() }
    try tellLosses()
  }

  /// Writes new packs; they count for nothing yet.
  ///
  /// - Returns: the index objects that name them.
  private mutating func save(_ names: Set<PackName>) throws -> [String] {
    let log = view.state.log
    var packing = PackWriter.Options()
    packing.workers = 1
    let owner = LogRecord(next: log).owner
    let writer = PackWriter(repository, owner: owner, options: packing, context: context)
    let (view, bad, wanted, context) = (view, bad, wanted, context)
    do {
      let deltas = try writer.run { () -> [String] in
        var salvage = PackSalvage(view, names, writer, wanted, context)
        for pack in bad { try salvage.salvage(pack) }
        report.blobsSalvaged = salvage.salvaged
        let worker = BlobWorker(writer) { key, _, _ in wanted.take(key) }
        try search(worker, names)
        try worker.flush()
        return try writer.flush()
      }
      report.writtenBytes = writer.bytesStored
      report.blobsFound = wanted.found
      report.blobsLost = wanted.count
      return deltas
    } catch {
      writer.dropOpenPacks()
      throw error
    }
  }

  private func search(_ worker: BlobWorker, _ bad: Set<PackName>) throws {
    let search = BlobSearch(view, worker, wanted, likely: likely, context)
    try search.searchUnnamedPacks(repository.storedPacks(), bad)
    for other in options.others { try search.search(try other.loadView()) }
    for source in options.sources { try search.search(directory: source) }
  }

  /// Names the files that are still damaged.
  private mutating func tellLosses() throws {
    let findings = FindingList()
    let view = try repository.loadView()
    try TreeCheck(run: CheckRun(view: view, options: CheckOptions(), context: context, findings: findings)).perform()
    var left = CheckReport()
    findings.finish(into: &left)
    for finding in left.errors where finding.kind == .loss {
      for item in finding.affected { report.lose(item.snapshot, item.path) }
      report.unlistedLost += finding.affectedCount - min(finding.affectedCount, UInt64(finding.affected.count))
    }
    guard left.isDamaged else { return }
    report.notes.append(
      "Run 'cairn repair snapshots' to have snapshots without what is lost, or this command again with --source DIR or --from REPOSITORY, "
        + "where the content may still be.")
  }
}

extension IndexRepair {
  /// - Throws: `CairnError(.damaged)` where records or index objects are damaged: what is missing then may only be unnamed.
  @discardableResult
  static func requireSound(_ repository: Repository, _ context: RunContext) throws -> IndexRepair {
    var report = RepairReport()
    let plan = try repository.whileTheLogStands {
      report = RepairReport()
      return try IndexRepair(repository, RepairOptions(), context, &report)
    }
    guard !plan.isSound else { return plan }
    throw CairnError(
      .damaged, "The index or the log is damaged: \(report.steps.first?.sentence ?? "")",
      guidance: "Run 'cairn repair index' first.")
  }
}
