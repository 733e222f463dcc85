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
  package var compression: CompressionLevel = .auto
  /// Open every frame again before it is called stored.
  package var readBack = true
  /// Do everything but write to the storage.
  package var dryRun = false
  /// Hand over (make what is stored so far count) after this many stored bytes …
  package var checkpointBytes: UInt64 = 16 << 30
  /// … or after this many nanoseconds, whichever comes first.
  package var checkpointNanoseconds: UInt64 = 600_000_000_000
  /// Worker threads that will store blobs; sizes the pool of frame buffers.
  package var workers = Host.processorCount

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

  struct State {
    var session: SessionID
    var epoch: UInt64
    var sequence: UInt32 = 0
    /// Packs that are durable as files and not in a delta yet.
    var pending: [IndexedPack] = []
    var pendingMembers = 0
    /// Object names of this session's deltas.
    var deltas: [String] = []
    var storedSinceHandOver: UInt64 = 0
    var lastHandOver: UInt64
    var failure: (any Error)?
    var statistics = Statistics()
    /// Dead sessions whose packs were adopted; resolved once this run has committed what names them.
    var adopted: [SessionID] = []

    /// Enough to be worth a delta.
    var isDeltaDue: Bool { pending.count >= 64 || pendingMembers >= 1 << 18 }

    mutating func add(_ pack: IndexedPack) {
      pending.append(pack)
      pendingMembers += pack.memberCount
    }

    /// Takes what goes into one delta: at most 2²⁰ blobs, which a delta holds however they lie in frames.
    mutating func takePending() -> [IndexedPack] {
      var members = 0
      let end = pending.firstIndex { pack in
        members += pack.memberCount
        return members > 1 << 20
      }
      let taken = Array(pending[..<max(end ?? pending.count, min(1, pending.count))])
      pending.removeFirst(taken.count)
      pendingMembers -= taken.reduce(0) { $0 + $1.memberCount }
      return taken
    }
  }

  private struct Known {
    var newer = KeyTable()
    var older = KeyTable()
    var index: BlobIndex
  }

  let repository: Repository
  let options: WriterOptions
  let description: SessionDescription
  let context: RunContext
  /// `repository.storage`, or one that drops writes in a dry run.
  let storage: any Storage
  /// The repository as seen after the announcement.
  package let view: RepositoryView
  /// The longest blob or group, in raw bytes.
  package let maximumFrameBytes: Int

  let state: Monitor<State>
  private let known: Mutex<Known>
  private let queue: BoundedQueue<SealedFrame>
  private let outstanding = Monitor<Int>(0)
  private let buffers: BufferPool
  private let dataSlots: [PackSlot]
  private let treeSlot: PackSlot
  /// Lock order: hand-over, delta, pack slot, state.
  let handOverLock = Mutex<Void>(())
  let deltaLock = Mutex<Void>(())

  init(
    repository: Repository, description: SessionDescription, options: WriterOptions, context: RunContext, storage: any Storage,
    view: RepositoryView, session: SessionID
  ) {
    self.repository = repository
    self.description = description
    self.options = options
    self.context = context
    self.storage = storage
    self.view = view
    let config = repository.config
    maximumFrameBytes = max(Int(config.chunker.maximum), Int(config.groupBytes), Limits.treeNodeBytes)
    state = Monitor(State(session: session, epoch: view.state.log.next, lastHandOver: SystemClock.monotonicNanoseconds()))
    known = Mutex(Known(index: view.index))
    queue = BoundedQueue(capacity: 4)
    buffers = BufferPool(bufferBytes: Compressor.bound(maximumFrameBytes) + Limits.frameOverhead, limit: options.workers + 4)
    let keys = repository.keys
    // Two open data packs, so that the frames of one file are spread over both as chance has it (format-study 3.4, leakage).
    dataSlots = (0..<2).map { _ in PackSlot(storage: storage, keys: keys, packClass: .data, target: Int(config.dataPackBytes)) }
    treeSlot = PackSlot(storage: storage, keys: keys, packClass: .tree, target: Int(config.treePackBytes))
  }

  /// The session's id; changes at a hand-over.
  package var session: SessionID { state.withLock { $0.session } }
  package var statistics: Statistics { state.withLock { $0.statistics } }

  /// Starts the saver threads, runs `body`, and joins them whatever happens.
  package func run<R>(_ body: (SessionWriter) throws -> R) throws -> R {
    try ThreadScope.run { scope in
      for (number, slot) in dataSlots.enumerated() {
        scope.spawn("saver \(number)") { [self] in save(into: slot) }
      }
      defer { queue.close() }
      do {
        let result = try body(self)
        try throwFailure()
        return result
      } catch {
        fail(error)
        throw state.withLock { $0.failure } ?? error
      }
    }
  }

  /// One for each thread that stores blobs.
  package func makeWorker() -> BlobWorker { BlobWorker(self) }

  // MARK: - Called by workers

  /// Claims a blob for this run; false when the repository or another thread of this run has it.
  func reserve(_ key: BlobKey, _ type: BlobType, byteCount: Int) throws -> Bool {
    let (seen, index) = known.withLock { ($0.newer.contains(key) || $0.older.contains(key), $0.index) }
    if seen { return false }
    if try index.contains(key) { return false }
    guard known.withLock({ $0.newer.insert(key) }) else { return false }
    state.withLock { state in
      if type == .data { state.statistics.dataBlobs += 1 } else { state.statistics.treeBlobs += 1 }
      state.statistics.bytesAdded += UInt64(byteCount)
    }
    return true
  }

  /// The zstd level; nil = nothing is compressed.
  var level: Int32? {
    switch options.compression {
    case .off: nil
    case .auto: 3
    case .level(let level): level
    }
  }

  func takeFrameBuffer() throws -> PooledBuffer {
    try throwFailure()
    return buffers.take()
  }

  func enqueue(_ frame: SealedFrame) throws {
    outstanding.withLock { $0 += 1 }
    guard queue.push(frame) else {
      outstanding.withLock { $0 -= 1 }
      try throwFailure()
      throw CairnError(.failed, "The backup was stopped.")
    }
  }

  // MARK: - Savers

  private func save(into slot: PackSlot) {
    while let frame = queue.pop() {
      do {
        let target = frame.packClass == .data ? slot : treeSlot
        if let pack = try target.append(frame, owner: session) { try finished(pack) }
        try handOverIfDue()
      } catch { fail(error) }
      outstanding.withLock { $0 -= 1 }
      outstanding.notifyAll()
    }
  }

  /// Notes a pack that is stored; writes a delta when enough have come together.
  private func finished(_ pack: IndexedPack) throws {
    note(pack)
    if state.withLock({ $0.isDeltaDue }) { try writeDelta() }
  }

  private func note(_ pack: IndexedPack) {
    state.withLock { state in
      state.add(pack)
      state.statistics.bytesStored += pack.size
      state.storedSinceHandOver += pack.size
    }
    context.counters.bytesStored.add(pack.size)
  }

  /// Puts what is pending into index deltas of the current session.
  func writeDelta() throws {
    // One at a time, and never across a hand-over: a delta that is written is also listed by its session's register.
    try deltaLock.withLock { _ in
      let (session, sequence) = state.withLock { ($0.session, $0.sequence) }
      let names = try writeDeltas(as: session, from: sequence)
      state.withLock { state in
        state.deltas += names
        state.sequence += UInt32(names.count)
      }
    }
  }

  /// Takes what is pending and writes it as deltas of that session, numbered from `sequence`; returns their object names.
  func writeDeltas(as session: SessionID, from sequence: UInt32) throws -> [String] {
    var names: [String] = []
    while true {
      let packs = state.withLock { $0.takePending() }
      guard !packs.isEmpty else { return names }
      names.append(try put(IndexDelta(session: session, sequence: sequence + UInt32(names.count), packs: packs)))
    }
  }

  private func put(_ delta: IndexDelta) throws -> String {
    let bytes = try encoding("an index delta") {
      try Envelope.seal(
        .delta, logicalName: LogicalName.delta(delta.session, delta.sequence), plaintext: delta.encode(), nonce: SystemRandom.bytes(24),
        keys: repository.keys)
    }
    let name = DeltaName(session: delta.session, sequence: delta.sequence, hash: SHA256Digest.hash(bytes)).name
    try put(.index, name, bytes)
    return name
  }

  func put(_ kind: ObjectKey.Kind, _ name: String, _ bytes: [UInt8]) throws {
    guard let key = ObjectKey(kind: kind, name: name) else { throw CairnError(.failed, "Impossible object name \(name).") }
    try storageCall("writing \(key.path)") { try bytes.withUnsafeBytes { try storage.put(key, $0) } }
  }

  func encoding<R>(_ what: String, _ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as FormatError { throw CairnError(.failed, "Cannot write \(what): \(error).") }
  }

  // MARK: - Failure

  func fail(_ error: any Error) {
    state.withLock { if $0.failure == nil { $0.failure = error } }
    queue.cancel()
    // Under the lock: `flush` must not be between looking and sleeping.
    outstanding.withLock { _ in outstanding.notifyAll() }
  }

  func throwFailure() throws {
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  // MARK: - Flushing

  /// Waits until every frame that was enqueued lies in a pack, closes the open packs and writes the last delta. All workers
  /// must have been flushed. What is written is durable when this returns.
  package func flush() throws {
    outstanding.wait { $0 <= 0 || self.hasFailed }
    try throwFailure()
    try closePacks()
    try writeDelta()
    try storageCall("making the backup durable") { try storage.flush() }
  }

  /// Whether every frame that was enqueued lies in a pack.
  var isIdle: Bool { outstanding.withLock { $0 <= 0 } }

  private var hasFailed: Bool { state.withLock { $0.failure != nil } }

  /// Closes the open packs; what they hold is then pending.
  func closePacks() throws {
    for slot in dataSlots + [treeSlot] {
      if let pack = try slot.finish() { note(pack) }
    }
  }

  func dropPacks() { for slot in dataSlots + [treeSlot] { slot.cancel() } }

  /// Makes the blobs of a predecessor's pack known; this session's own delta will name it.
  func adopt(_ pack: IndexedPack) throws {
    known.withLock { known in
      for frame in pack.frames { for member in frame.members { _ = known.newer.insert(member.key) } }
    }
    let due = state.withLock { state in
      state.add(pack)
      return state.isDeltaDue
    }
    if due { try writeDelta() }
  }

  /// Has a dead session declared abandoned once this run has committed what names its packs.
  func resolveLater(_ predecessor: SessionID) { state.withLock { $0.adopted.append(predecessor) } }

  /// After a hand-over: what was stored before the one before is in the index now. (A blob that has waited in an open group of
  /// a worker all the while is forgotten and may be stored twice, which costs its bytes and nothing else.)
  ///
  /// - Parameter deltas: what the hand-over made count; the index keeps those of earlier ones. One caller at a time.
  func ageKnown(adding deltas: [String]) throws {
    let before = known.withLock { $0.index }
    let index = deltas.isEmpty ? before : try before.adding(deltas, repository: repository)
    known.withLock { known in
      known.older = known.newer
      known.newer = KeyTable()
      known.index = index
    }
  }

  /// Keys held in memory, which a hand-over brings down.
  var knownCount: Int { known.withLock { $0.newer.count } }
}

extension IndexedPack {
  fileprivate var memberCount: Int { frames.reduce(0) { $0 + $1.members.count } }
}
