import CairnFormat
import CairnStorage
import CairnSystem

/// How `repair snapshots` goes about it.
public struct SnapshotRepairOptions: Sendable {
  public var repair = RepairOptions()
  /// Beginnings of ids; empty = all snapshots.
  public var snapshots: [String] = []
  /// Forget damaged snapshots, once others have taken their place; and those of which the manifest is gone.
  public var forget = false

  public init() {}
}

extension Repository {
  /// Makes snapshots without what is lost, in place of those that need it.
  ///
  /// A file of which a part is lost is left out, a directory that is lost stays with what is known of it. The damaged snapshot stays until it
  /// is forgotten, which `forget --undo` takes back until a prune.
  /// - Throws: `CairnError(.damaged)` when index, log or packs are damaged: they are to be repaired first.
  public func repairSnapshots(
    _ options: SnapshotRepairOptions = SnapshotRepairOptions(), context: RunContext = RunContext()
  ) throws -> RepairReport {
    try requireWritable()
    let start = SystemClock.monotonicNanoseconds()
    var repair = try whileTheLogStands { try SnapshotRepair(self, options, context) }
    options.repair.onPlan?(repair.report.steps)
    if !options.repair.dryRun, repair.replaces {
      for attempt in 1... {
        let isSteady = try !rescueCondemned()
        // Another attempt examines all anew: what snapshots need may have gone meanwhile.
        if attempt > 1 || !isSteady { repair = try whileTheLogStands { try SnapshotRepair(self, options, context, after: repair.report) } }
        do {
          try repair.replace()
          break
        } catch let error as CairnError where error.code == .conflict && attempt < SessionWriter.maximumAttempts { continue }
      }
    }
    repair.report.isDryRun = options.repair.dryRun
    if !options.repair.dryRun { try repair.forget() }
    repair.report.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    return repair.report
  }

  /// Takes back what a prune has condemned and not swept, so that it may be built upon: the next prune condemns it again.
  ///
  /// - Returns: whether there was any.
  private func rescueCondemned() throws -> Bool {
    var isRescued = false
    try appendLog { log in
      guard !log.condemned.isEmpty else { return nil }
      var record = LogRecord(next: log)
      record.sweeps = log.condemned.keys.sorted().map { LogRecord.Sweep(record: $0, packs: []) }
      isRescued = true
      return record
    }
    return isRescued
  }
}

/// One run of `repair snapshots`.
struct SnapshotRepair {
  private struct Damaged {
    let snapshot: Snapshot
    /// Files and directories that are lost or have lost something.
    let losses: Int
    let hasDamagedRecord: Bool
    let isHopeless: Bool
  }

  private let repository: Repository
  private let options: SnapshotRepairOptions
  private let context: RunContext
  private let view: RepositoryView
  private var damaged: [Damaged] = []
  /// Snapshots whose manifests are gone or cannot be read.
  private var unreadable: [ManifestName] = []
  var report = RepairReport()

  /// - Parameter earlier: what an attempt has done before.
  init(_ repository: Repository, _ options: SnapshotRepairOptions, _ context: RunContext, after earlier: RepairReport? = nil) throws {
    self.repository = repository
    self.options = options
    self.context = context
    try IndexRepair.requireSound(repository, context)
    view = try repository.loadView()
    try requirePacks()
    let readable = Set(view.snapshots.map(\.id))
    for (session, hash) in view.state.acceptedManifests.sorted(by: { $0.0 < $1.0 })
    where !view.state.log.isForgotten(session) && !readable.contains(session) && isChosen(session.hexadecimal) {
      unreadable.append(ManifestName(session: session, hash: hash))
    }
    try examine()
    describe()
    report.replaced = earlier?.replaced ?? []
  }

  /// Whether other snapshots are to take the place of damaged ones.
  var replaces: Bool { damaged.contains { !$0.isHopeless } }

  private func isChosen(_ id: String) -> Bool { options.snapshots.isEmpty || options.snapshots.contains { id.hasPrefix($0) } }

  /// What a damaged pack holds may be found elsewhere: nothing is given up before that has been tried.
  private func requirePacks() throws {
    let stored = try repository.storedPacks()
    try view.index.forEachPack { pack in
      guard stored[pack.packName] != pack.size else { return }
      throw CairnError(
        .damaged, "\(try pack.key().path) is missing or has another size than it was stored with.",
        guidance: "Run 'cairn repair packs' first: it looks for what the pack held.")
    }
    for text in options.snapshots where !view.snapshots.contains(where: { $0.idHex.hasPrefix(text) }) {
      guard !view.state.acceptedManifests.contains(where: { $0.0.hexadecimal.hasPrefix(text) }) else { continue }
      throw CairnError(.notFound, "There is no snapshot '\(Escaping.terminal(Array(text.utf8)))'.", guidance: "See 'cairn snapshots'.")
    }
  }

  private mutating func examine() throws {
    var mender = TreeMender(view, context)
    var records = TreeMender(view, context)
    for snapshot in view.snapshots where isChosen(snapshot.idHex) {
      let losses = Losses()
      mender.lose = losses.add
      let isWhole = try mender.mend(snapshot.manifest.root) == nil
      let hasDamagedRecord = try snapshot.manifest.deltaRoot.map { try records.mend($0) != nil } ?? false
      guard !isWhole || hasDamagedRecord else { continue }
      for path in losses.paths { report.lose(snapshot.idHex, path) }
      report.unlistedLost += UInt64(losses.count - losses.paths.count)
      damaged.append(
        Damaged(
          snapshot: snapshot, losses: losses.count, hasDamagedRecord: hasDamagedRecord,
          isHopeless: try !isReadable(snapshot.manifest.root)))
    }
  }

  private func isReadable(_ root: BlobID) throws -> Bool {
    if case .success = try ObjectFault.catching({ try view.trees.node(root) }) { return true }
    return false
  }

  /// Collects what a mender tells.
  private final class Losses {
    private(set) var count = 0
    /// As many as are listed.
    private(set) var paths: [[UInt8]] = []

    func add(_ path: [UInt8]) {
      count += 1
      if paths.count < RepairReport.maximumListed { paths.append(path) }
    }
  }

  private mutating func describe() {
    let goes = options.forget ? ", and it is forgotten" : ", and it stays until it is forgotten"
    for item in damaged {
      let name = "snapshot \(item.snapshot.shortID)"
      if item.isHopeless {
        report.add(name, "has lost its first directory", options.forget ? "it is forgotten" : "")
      } else if item.losses == 0 {
        report.add(name, "has a damaged record of its differences from its base", "one without it takes its place" + goes)
      } else {
        report.add(name, "has lost \(Self.count(item.losses))", "one without takes its place" + goes)
      }
    }
    for name in unreadable {
      report.lose(name.session.hexadecimal, [0x2f])
      report.add(
        "snapshots/\(name.name)", "is missing or damaged, and with it snapshot \(name.session.hexadecimal.prefix(8))",
        options.forget ? "the snapshot is forgotten, and what is left of it is moved aside" : "")
    }
    if !options.forget, !damaged.isEmpty || !unreadable.isEmpty {
      report.notes.append("Run 'cairn repair snapshots --forget' to take the damaged snapshots out of view.")
    }
  }

  // MARK: - Doing it

  /// - Throws: `CairnError(.conflict)` when all has to be examined anew; what was replaced stays replaced.
  mutating func replace() throws {
    var mender = TreeMender(view, context)
    for item in damaged where !item.isHopeless && !report.replaced.contains(where: { $0.old == item.snapshot.idHex }) {
      try replace(item, &mender)
    }
  }

  mutating func forget() throws {
    guard options.forget, !damaged.isEmpty || !unreadable.isEmpty else { return }
    let sessions = damaged.map(\.snapshot.id) + unreadable.map(\.session)
    try repository.appendLog { log in
      let left = sessions.filter { !log.isForgotten($0) }
      guard !left.isEmpty else { return nil }
      var record = LogRecord(next: log)
      record.forget = left
      return record
    }
    report.forgotten = sessions.map(\.hexadecimal)
    for name in unreadable {
      guard let key = ObjectKey(kind: .snapshots, name: name.name) else { continue }
      if let place = try repository.moveAside(key) { report.movedAside.append(place) }
    }
    try storageCall("making the repair durable") { try repository.storage.flush() }
  }

  private mutating func replace(_ item: Damaged, _ mender: inout TreeMender) throws {
    let old = item.snapshot
    // Nobody's client: what interrupted backups have left is not for this run.
    let description = SessionDescription(series: nil, client: SystemRandom.bytes(16).withUnsafeBytes { ClientID(bytes: $0) })
    let made = try SessionWriter.write(to: repository, description: description, context: context) { session -> Snapshot? in
      try requireUnchanged(session)
      let worker = session.makeWorker()
      mender.worker = worker
      mender.lose = { _ in }
      defer { mender.worker = nil }
      var manifest = old.manifest
      if let root = try mender.mend(manifest.root) { manifest.root = root }
      if item.hasDamagedRecord { manifest.deltaRoot = nil }
      if item.losses > 0 {
        manifest.flags.insert(.partial)
        manifest.description += Self.note(old, item.losses, after: manifest.description)
      }
      try worker.flush()
      if let earlier = self.replacement(for: old, root: manifest.root, delta: manifest.deltaRoot) {
        report.notes.append("Snapshot \(earlier.shortID) has taken the place of \(old.shortID) already.")
        session.abandon()
        return nil
      }
      return try session.commit(manifest)
    }
    if let made { report.replaced.append((old.idHex, made.idHex)) }
  }

  /// What is kept of the old snapshot was found before the session was announced: maintenance that came in between did not wait for it.
  private func requireUnchanged(_ session: SessionWriter) throws {
    guard session.view.state.log.next != view.state.log.next else { return }
    session.abandon()
    throw CairnError(
      .conflict, "The maintenance log has changed since the snapshots were examined: what they need may be about to go.",
      guidance: "Run the repair again; those that were replaced stay replaced.")
  }

  private static func count(_ losses: Int) -> String { losses == 1 ? "1 file or directory" : "\(losses) files or directories" }

  private static func note(_ old: Snapshot, _ losses: Int, after description: [UInt8]) -> [UInt8] {
    let text = "repaired from \(old.shortID), without \(count(losses)) that it has lost"
    guard description.count + text.utf8.count + 3 <= Limits.descriptionBytes else { return [] }
    return Array((description.isEmpty ? text : " (\(text))").utf8)
  }

  private func replacement(for old: Snapshot, root: BlobID, delta: BlobID?) -> Snapshot? {
    view.snapshots.first {
      $0.id != old.id && $0.manifest.root == root && $0.manifest.deltaRoot == delta && $0.manifest.time == old.manifest.time
        && $0.manifest.series == old.manifest.series
    }
  }
}
