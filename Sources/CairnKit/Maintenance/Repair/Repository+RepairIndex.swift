import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// Makes the index, the log and the registers whole from what is there: good index objects stay, the directories of packs take the place
  /// of others, and a new checkpoint says what counts. Damaged copies of config and key slots are replaced by good ones.
  ///
  /// What is damaged is moved aside, never deleted, and only after what replaces it counts. A repository in which nothing of it is damaged
  /// is left as it is.
  /// - Throws: `CairnError(.conflict)` when a backup is running; nothing has been changed then.
  public func repairIndex(_ options: RepairOptions = RepairOptions(), context: RunContext = RunContext()) throws -> RepairReport {
    try requireWritable()
    let start = SystemClock.monotonicNanoseconds()
    var report = RepairReport()
    let (copies, plan) = try whileTheLogStands {
      report = RepairReport()
      return (try CopyRepair(self, &report), try IndexRepair(self, options, context, &report))
    }
    report.isDryRun = options.dryRun
    if !plan.isEmpty { try plan.requireQuiet() }
    options.onPlan?(report.steps)
    if !options.dryRun {
      try copies.perform(&report)
      try plan.clear(&report)
      if !plan.isEmpty { try plan.perform(&report) }
    }
    report.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    return report
  }
}

/// What is wrong with records and index objects, and the checkpoint that mends it.
struct IndexRepair {
  private let repository: Repository
  private let checkpoint: RepairCheckpoint
  private let records: RecordSurvey
  private let index: IndexSurvey
  /// Copies of the config and of key slots are mended one by one.
  private static let recordKinds = ObjectKey.Kind.allCases.filter { $0 != .config && $0 != .keys }
  /// What has an object's name and is none.
  private let obstructions: [ObjectKey]

  init(_ repository: Repository, _ options: RepairOptions, _ context: RunContext, _ report: inout RepairReport) throws {
    self.repository = repository
    checkpoint = RepairCheckpoint(repository: repository, options: options, context: context)
    obstructions = try repository.obstructions(Self.recordKinds)
    records = try RecordSurvey(repository)
    index = try IndexSurvey(records, leaving: [], bound: records.logLength + 1, context)
    for key in obstructions { report.add(key.path, "is not a file, and no object can be stored there", "it is moved aside") }
    describeRecords(&report)
    try describeIndex(&report)
  }

  private var isLogShort: Bool { records.logLength > records.state.log.next }

  /// Whether a checkpoint would say nothing new.
  var isEmpty: Bool {
    isKnown && index.missing.isEmpty && index.unnamed.isEmpty
  }

  /// Whether everything that is not garbage is known: packs may still be missing or damaged.
  var isSound: Bool { obstructions.isEmpty && isKnown }

  private var isKnown: Bool {
    records.damaged.isEmpty && records.readmitted.isEmpty && records.state.log.unreadable.isEmpty && !isLogShort && index.damaged.isEmpty
  }

  /// Packs that no index object names and that cannot be opened.
  var unreadablePacks: [(key: ObjectKey, what: String)] { index.unreadable }

  func requireQuiet() throws { try checkpoint.requireQuiet(records) }

  /// Moves aside what is in the way of the checkpoint, or of anything else.
  func clear(_ report: inout RepairReport) throws {
    // Looked for anew: a good manifest may have taken the place of one.
    guard !obstructions.isEmpty else { return }
    for key in try repository.obstructions(Self.recordKinds) {
      if let place = try repository.moveAside(key) { report.movedAside.append(place) }
    }
    try storageCall("making the repair durable") { try repository.storage.flush() }
  }

  func perform(_ report: inout RepairReport) throws {
    let outcome = try checkpoint.put()
    report.packsIndexed = UInt64(outcome.index.unnamed.count)
    report.indexObjectsWritten = UInt64(outcome.written.count)
    let damaged = outcome.records.damaged + outcome.index.damaged
    for (key, _) in damaged where key.kind != .snapshots || !outcome.records.isAccepted(key) {
      if let place = try repository.moveAside(key) { report.movedAside.append(place) }
    }
    try storageCall("making the repair durable") { try repository.storage.flush() }
  }

  // MARK: - The plan

  private func describeRecords(_ report: inout RepairReport) {
    for (key, what) in records.damaged.sorted(by: { $0.key < $1.key }) {
      let action =
        switch key.kind {
        case .log: "a new checkpoint says what counts, and it is moved aside"
        case .commits: "the new checkpoint takes its place, and it is moved aside"
        case .sessions: "the backup that it announces is given up, and it is moved aside"
        default: "it proves nothing, and is moved aside"
        }
      report.add(key.path, what, action)
    }
    let there = Set(records.damaged.map(\.key.name))
    for number in records.state.log.unreadable where !there.contains(Records.logName(number)) {
      report.add("log/\(Records.logName(number))", "is missing, or records before it are", "a new checkpoint says what counts")
    }
    if isLogShort {
      report.add("log/\(Records.logName(records.state.log.next))", "is missing", "a new checkpoint says what counts")
    }
    for session in records.readmitted.sorted() {
      report.add(
        "commits/\(session.hexadecimal)", "cannot say any more that snapshot \(session.hexadecimal.prefix(8)) exists",
        "the snapshot counts, because its manifest is whole")
    }
    describeDoubts(&report)
  }

  /// What lost records may have said.
  private func describeDoubts(_ report: inout RepairReport) {
    if !records.state.log.unreadable.isEmpty || isLogShort {
      report.notes.append(
        "What the lost records said is not known: snapshots that were forgotten may be listed again, with their first tags.")
    }
    let forgotten = records.accepted.keys.filter(records.isForgotten)
    if !isEmpty, !forgotten.isEmpty {
      report.notes.append("\(forgotten.count) forgotten snapshots can no longer be brought back with 'cairn forget --undo'.")
    }
  }

  private func describeIndex(_ report: inout RepairReport) throws {
    for (key, what) in index.damaged {
      report.add(
        key.path, what,
        "the directories of its packs take its place" + (what == "is missing" ? "" : ", and it is moved aside"))
    }
    for pack in index.missing.sorted() {
      report.add(
        "packs/\(pack.name.prefix(2))/\(pack.name)", "is missing",
        "the index stops naming it; if it comes back, another 'cairn repair index' takes it in")
    }
    if !index.unnamed.isEmpty {
      report.add(
        "index",
        index.unnamed.count == 1 ? "does not name a pack that is there" : "does not name \(index.unnamed.count) packs that are there",
        "they are named again, by their own directories")
    }
    for (key, what) in index.unreadable {
      report.add(key.path, "\(what), and no index object that can be read names it", "")
    }
    if !index.missing.isEmpty || !index.unreadable.isEmpty {
      report.notes.append("Run 'cairn repair packs' to look elsewhere for what the lost packs held.")
    }
  }
}

extension RecordSurvey {
  /// Whether a manifest is that of a snapshot which exists.
  fileprivate func isAccepted(_ key: ObjectKey) -> Bool {
    ManifestName(key.name).map { accepted[$0.session] == $0.hash } ?? false
  }
}
