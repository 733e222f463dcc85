import CairnFormat
import CairnStorage
import CairnSystem
import Glibc

extension Repository {
  /// Makes a snapshot.
  ///
  /// Problems of the source are reported to the sink and counted; everything else is stored. Problems of the repository are thrown,
  /// and no snapshot exists then; what was stored is used by the next run of the same command.
  /// - Throws: `CairnError`: `.sourceMissing` when no source is usable, `.usage` for options that contradict each other, and what the
  ///   repository has to say. `CancellationError` when `context.cancellation` was set before the snapshot was committed.
  public func backup(_ options: BackupOptions, context: RunContext) throws -> BackupReport {
    try BackupVerb(repository: self, options: options, context: context).run()
  }
}

/// One call of `Repository.backup`.
private struct BackupVerb {
  let repository: Repository
  let options: BackupOptions
  let context: RunContext
  let started: Timestamp
  let clock = SystemClock.monotonicNanoseconds()
  let problemsBefore: UInt64

  init(repository: Repository, options: BackupOptions, context: RunContext) {
    self.repository = repository
    self.options = options
    self.context = context
    started = options.started ?? Timestamp(SystemClock.now())
    problemsBefore = context.counters.errors.value
  }

  private var host: [UInt8] { Array((options.host ?? Host.name).utf8) }
  private var problems: UInt64 { context.counters.errors.value - problemsBefore }

  func run() throws -> BackupReport {
    Host.raiseOpenFileLimit()
    var filter = try EntryFilter(options)
    filter.ownDirectory = ownDirectory()
    let sources = try BackupSources.find(options, context)
    let series = BaseSelection.series(
      name: options.seriesName, host: host, paths: sources.paths, isImage: options.image != nil, keys: repository.keys)
    let client = BaseSelection.client(keys: repository.keys)
    var writer = WriterOptions()
    writer.packs.compression = options.compression
    writer.packs.readBack = options.readBack
    writer.packs.workers = Archiver.workers(context)
    writer.dryRun = options.dryRun
    let counted = Counted(context.counters)
    do {
      return try SessionWriter.write(
        to: repository, description: SessionDescription(series: series, client: client), options: writer, context: context,
        repeats: options.standardInput == nil
      ) { session in
        counted.restore(context.counters)
        let archiver = Archiver(session: session, context: context, options: options, filter: filter)
        let chosen = try choose(session, series)
        let outcome = try archive(archiver, sources, chosen)
        return try finish(session, outcome, sources, chosen, series: series, client: client)
      }
    } catch let error as CairnError where error.code == .revoked && options.standardInput != nil {
      throw CairnError(
        .revoked, error.message,
        guidance: "What came through the standard input cannot be read again: run the whole command once more. What was stored is used.")
    }
  }

  /// What the counters said before anything was read, for a second attempt that reads it again.
  private struct Counted {
    private let values: [UInt64]

    init(_ counters: ProgressCounters) { values = Self.counters(counters).map(\.value) }

    func restore(_ counters: ProgressCounters) {
      for (counter, value) in zip(Self.counters(counters), values) { counter.set(value) }
    }

    private static func counters(_ counters: ProgressCounters) -> [Counter] { [counters.filesDone, counters.bytesDone, counters.errors] }
  }

  /// The repository's own directory, when it is one.
  private func ownDirectory() -> LinkKey? {
    guard let directory = repository.storage.localDirectory, let status = try? directory.status() else { return nil }
    return LinkKey(device: status.device, inode: status.inode)
  }

  private func choose(_ session: SessionWriter, _ series: SeriesID) throws -> BaseSelection {
    let snapshots = session.view.snapshots
    let parent = try options.parent.map { try SnapshotSelector.resolve($0, in: snapshots) }
    guard parent == nil || options.kind != .full else {
      throw CairnError(.usage, "A full backup is compared with nothing, so it cannot have a parent.")
    }
    let chosen = BaseSelection.choose(options.kind, series: series, in: snapshots, parent: parent)
    if let message = chosen.message { context.sink.report(.message(message)) }
    return chosen
  }

  private func archive(_ archiver: Archiver, _ sources: BackupSources, _ chosen: BaseSelection) throws -> Archiver.Outcome {
    if let input = options.standardInput { return try archiver.archive(input, base: chosen.base) }
    if let image = options.image { return try archiver.archive(image, base: chosen.base) }
    guard let plan = sources.plan else { throw CairnError(.sourceMissing, "There is nothing to back up.") }
    let outcome = try archiver.archive(plan, base: chosen.base)
    guard outcome.excludedSources < sources.count else {
      throw CairnError(
        .sourceMissing, "Every source is left out by an exclude pattern, so there is nothing to back up.",
        guidance: "Compare the sources with the exclude patterns.")
    }
    if options.estimatesTotals {
      // Now they are known to the last byte.
      context.counters.filesTotal.set(outcome.tally.filesNew + outcome.tally.filesChanged + outcome.tally.filesUnchanged)
      context.counters.bytesTotal.set(outcome.tally.bytesProcessed)
    }
    context.counters.totalsKnown.set(1)
    return outcome
  }

  // MARK: - The snapshot

  private func finish(
    _ session: SessionWriter, _ outcome: Archiver.Outcome, _ sources: BackupSources, _ chosen: BaseSelection, series: SeriesID,
    client: ClientID
  ) throws -> BackupReport {
    try context.cancellation.check()
    // Packs are closed first, so that the numbers in the manifest are those of the packs.
    try session.flush()
    let statistics = statistics(outcome.tally, session)
    if options.skipIfUnchanged, outcome.isUnchanged, !options.dryRun {
      session.abandon()
      return report(nil, statistics, chosen, skipped: true)
    }
    guard !options.dryRun else { return report(nil, statistics, chosen) }
    let manifest = try manifest(session, outcome, sources, chosen, series: series, client: client, statistics: statistics)
    try context.cancellation.check()
    return report(try session.commit(manifest), statistics, chosen)
  }

  private func report(_ snapshot: Snapshot?, _ statistics: SnapshotStatistics, _ chosen: BaseSelection, skipped: Bool = false)
    -> BackupReport
  {
    let seconds = Double(SystemClock.monotonicNanoseconds() - clock) / 1e9
    return BackupReport(
      snapshot: snapshot, statistics: statistics, problems: problems, kind: chosen.kind, base: chosen.base?.id, skippedUnchanged: skipped,
      started: started, seconds: seconds)
  }

  private func statistics(_ tally: Tally, _ session: SessionWriter) -> SnapshotStatistics {
    let stored = session.statistics
    var out = SnapshotStatistics()
    out.filesNew = tally.filesNew
    out.filesChanged = tally.filesChanged
    out.filesUnchanged = tally.filesUnchanged
    out.filesTotal = tally.filesNew + tally.filesChanged + tally.filesUnchanged
    out.directoriesNew = tally.directoriesNew
    out.directoriesChanged = tally.directoriesChanged
    out.directoriesUnchanged = tally.directoriesUnchanged
    out.others = tally.others
    out.bytesProcessed = tally.bytesProcessed
    out.bytesRead = tally.bytesRead
    out.dataBlobs = stored.dataBlobs
    out.treeBlobs = stored.treeBlobs
    out.bytesAdded = stored.bytesAdded
    out.bytesStored = stored.bytesStored
    out.errors = problems
    out.durationNanoseconds = SystemClock.monotonicNanoseconds() - clock
    return out
  }

  private func manifest(
    _ session: SessionWriter, _ outcome: Archiver.Outcome, _ sources: BackupSources, _ chosen: BaseSelection, series: SeriesID,
    client: ClientID, statistics: SnapshotStatistics
  ) throws -> Manifest {
    var manifest = Manifest(
      session: session.session, time: options.time ?? Timestamp(SystemClock.now()), root: outcome.root, kind: chosen.kind, series: series,
      base: chosen.base?.id, client: client, started: started)
    let zone = LocalZone.at(manifest.time)
    manifest.zoneOffsetMinutes = zone.offsetMinutes
    manifest.zoneName = zone.name
    manifest.host = host
    manifest.user = Array(Host.userName.utf8)
    manifest.arguments = options.arguments
    manifest.paths = sources.paths
    manifest.tags = options.tags.map { Array($0.utf8) }
    manifest.description = Array((options.description ?? "").utf8)
    manifest.seriesName = Array((options.seriesName ?? "").utf8)
    manifest.deltaRoot = chosen.base == nil ? nil : outcome.delta
    manifest.previousCommit =
      session.view.snapshots.filter { $0.manifest.client == client }
      .max { ($0.manifest.started, $0.id) < ($1.manifest.started, $1.id) }?.id
    manifest.statistics = statistics
    manifest.excludes = (options.excludes.patterns + options.excludes.caseInsensitivePatterns).map { Array($0.utf8) }
    manifest.flags = problems > 0 ? [.incomplete] : []
    if options.readBack { manifest.flags.insert(.readBack) }
    if options.image != nil { manifest.flags.insert(.image) }
    manifest.programVersion = options.programVersion
    do {
      manifest.rootNodeItem = try outcome.rootNode.map { try $0.withoutSubtree.encodeRootItem() }
      try manifest.validate()
    } catch {
      throw CairnError(
        .usage, "The snapshot cannot be described: \(error).", guidance: "Shorten the tags, the description or the list of sources.")
    }
    return manifest
  }
}

/// The offset of local time, for showing a snapshot's time as its maker saw it.
private enum LocalZone {
  static func at(_ time: Timestamp) -> (offsetMinutes: Int32, name: String) {
    var seconds = time_t(time.seconds)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else { return (0, "") }
    let minutes = Int32(clamping: parts.tm_gmtoff / 60)
    guard (-1440...1440).contains(minutes) else { return (0, "") }
    return (minutes, parts.tm_zone.map { String(String(cString: $0).prefix(64)) } ?? "")
  }
}
