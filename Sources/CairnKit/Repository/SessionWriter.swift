package import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// What a writer run is for; goes into the session record.
package struct SessionDescription: Sendable {
  package var series: SeriesID?
  /// Of the host and user; predecessors of the same client are resumed.
  package var client: ClientID

  package init(series: SeriesID?, client: ClientID) {
    self.series = series
    self.client = client
  }
}

/// How a writer run stores what it is given.
package struct WriterOptions: Sendable {
  package var packs = PackWriter.Options()
  /// Do everything but write to the storage.
  package var dryRun = false
  /// Hand over (make what is stored so far count) after this many stored bytes …
  package var checkpointBytes: UInt64 = 16 << 30
  /// … or after this many nanoseconds, whichever comes first.
  package var checkpointNanoseconds: UInt64 = 600_000_000_000

  package init() {}
}

/// One writer run: announces itself, stores blobs in packs, hands over now and then, and commits.
///
/// The order of writes is the format's (FORMAT.md, "Write order"): packs, index deltas, manifest, register. An object counts
/// only once the register of its session says so, so that a crash anywhere leaves garbage, never half a snapshot.
package final class SessionWriter: Sendable {
  package struct Statistics: Sendable {
    package var dataBlobs: UInt64 = 0
    package var treeBlobs: UInt64 = 0
    /// Raw bytes of blobs that were new.
    package var bytesAdded: UInt64 = 0
    /// Bytes of packs written, padding and directories included.
    package var bytesStored: UInt64 = 0
  }

  /// What hand-overs leave to those after them and to the commit.
  struct HandOvers {
    /// What the run commits under: its own session. (Another only where the rule that makes it so is broken.)
    var session: SessionID
    var count: UInt32 = 0
    /// How many of the deltas count already.
    var listed = 0
    /// The session that was announced last as a sign of life.
    var heartbeat: SessionID?
    /// What was taken over from sessions that are to be resolved once this run has made it count.
    var adopted = AdoptedSessions()
  }

  private struct Progress {
    var storedAtHandOver: UInt64 = 0
    var lastHandOver: UInt64
    var statistics = Statistics()
  }

  let repository: Repository
  let options: WriterOptions
  let description: SessionDescription
  let context: RunContext
  /// `repository.storage`, or one that drops writes in a dry run.
  let storage: any Storage
  /// The repository as seen after the announcement.
  package let view: RepositoryView
  /// The session that is announced at the beginning and stays undecided to the end: while it does, nothing that this run has seen
  /// or stored can be swept.
  package let session: SessionID
  let earlier: EarlierAttempts
  let packs: PackWriter
  let known: KnownBlobs
  /// Lock order: hand-overs, progress, then those of `PackWriter`.
  let handOvers: Mutex<HandOvers>
  private let progress: Mutex<Progress>

  init(
    repository: Repository, description: SessionDescription, options: WriterOptions, context: RunContext, storage: any Storage,
    view: RepositoryView, session: SessionID, earlier: EarlierAttempts
  ) {
    self.repository = repository
    self.description = description
    self.options = options
    self.context = context
    self.storage = storage
    self.view = view
    self.session = session
    self.earlier = earlier
    packs = PackWriter(repository, owner: session, options: options.packs, context: context, storage: storage)
    known = KnownBlobs(view.index, believing: earlier.known)
    handOvers = Mutex(HandOvers(session: session))
    progress = Mutex(Progress(lastHandOver: SystemClock.monotonicNanoseconds()))
  }

  package var statistics: Statistics {
    var statistics = progress.withLock { $0.statistics }
    statistics.bytesStored = packs.bytesStored
    return statistics
  }

  /// Starts the threads that write packs, runs `body`, and joins them whatever happens.
  package func run<R>(_ body: (SessionWriter) throws -> R) throws -> R {
    try packs.run(afterFrame: { [self] in try handOverIfDue() }, { try body(self) })
  }

  /// One for each thread that stores blobs.
  package func makeWorker() -> BlobWorker { BlobWorker(packs) { [self] in try claim($0, $1, byteCount: $2) } }

  /// Waits until everything handed over is stored, in packs and in deltas, and durable. All workers must have been flushed.
  package func flush() throws { try packs.flush() }

  /// Claims a blob for this run; false when the repository or another thread of this run has it.
  private func claim(_ key: BlobKey, _ type: BlobType, byteCount: Int) throws -> Bool {
    guard try known.claim(key) else {
      // Where nothing is new nothing is stored, and nobody else would come to give a sign of life.
      try handOverIfDue()
      return false
    }
    progress.withLock { progress in
      if type == .data { progress.statistics.dataBlobs += 1 } else { progress.statistics.treeBlobs += 1 }
      progress.statistics.bytesAdded += UInt64(byteCount)
    }
    return true
  }

  // MARK: - When to hand over

  private func handOverIfDue() throws {
    guard isHandOverDue else { return }
    // Again under the lock: another thread may just have done it.
    try handOvers.withLock { run in if isHandOverDue { try handOver(&run) } }
  }

  private var isHandOverDue: Bool {
    let isDue = progress.withLock { progress in
      // The clock is read under the lock, so that it is never behind `lastHandOver`.
      packs.bytesStored - progress.storedAtHandOver >= options.checkpointBytes
        || SystemClock.monotonicNanoseconds() - progress.lastHandOver >= options.checkpointNanoseconds
    }
    // The keys take 43 bytes each at most, in two generations; putting what they name into the index takes three times as much for a moment.
    return isDue || known.heldCount > max(1 << 17, context.memoryBytes / 32 / 43)
  }

  /// What is stored up to now is about to count.
  func noteHandOver() {
    progress.withLock { progress in
      progress.storedAtHandOver = packs.bytesStored
      progress.lastHandOver = SystemClock.monotonicNanoseconds()
    }
  }
}
