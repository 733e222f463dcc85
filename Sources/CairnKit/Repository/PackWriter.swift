package import CairnFormat
package import CairnStorage
import CairnSystem
import Synchronization

/// Puts blobs into packs, and packs into index deltas, all in the name of one owner: a backup's session or a maintenance run.
///
/// Nothing of it counts before a commit register or a log record names the deltas. Safe from any thread. The first error ends it:
/// every later call throws that error.
package final class PackWriter: Sendable {
  /// How it stores what it is given; the sizes of packs and groups are the repository's.
  package struct Options: Sendable {
    package var compression: CompressionLevel = .auto
    /// Open every frame again before it is called stored.
    package var readBack = true
    /// Threads that will store blobs; sizes the pool of frame buffers.
    package var workers = Host.processorCount
    /// Threads that write packs, each two data packs of its own, so that the frames of one file are spread as chance has it (leakage),
    /// and two frames can be hashed at once.
    /// With none, whoever seals a frame writes it, and one thread alone does the same writes in the same order every time.
    package var savers = Host.processorCount > 4 ? 2 : 1

    package init() {}
  }

  private struct State {
    var sequence: UInt32 = 0
    /// Packs that are stored as files and not in a delta yet.
    var pending = PendingPacks()
    /// Object names of the deltas written.
    var deltas: [String] = []
    var failure: (any Error)?
    var bytesStored: UInt64 = 0
  }

  /// Kept in a structure, because a function that is taken out of a generic container by itself goes back with another wrapper around
  /// it, every time, until the stack does not hold them all.
  private struct FrameHook: Sendable {
    let call: @Sendable () throws -> Void
  }

  package let repository: Repository
  /// Part of the names of all packs and deltas.
  package let owner: SessionID
  package let options: Options
  /// The longest blob or group, in raw bytes.
  package let maximumFrameBytes: Int

  private let context: RunContext
  private let storage: any Storage
  private let state = Monitor(State())
  private let queue = BoundedQueue<SealedFrame>(capacity: 4)
  private let outstanding = Monitor<Int>(0)
  private let buffers: BufferPool
  private let dataSlots: [PackSlot]
  private let treeSlot: PackSlot
  /// Called after each frame, by the thread that wrote it, while `run` lasts.
  private let afterFrame = Mutex<FrameHook?>(nil)
  /// Lock order: delta, pack slot, state.
  private let deltaLock = Mutex<Void>(())

  /// - Parameter storage: where to write when that is not the repository's own storage, as in a dry run.
  package init(
    _ repository: Repository, owner: SessionID, options: Options = Options(), context: RunContext, storage: (any Storage)? = nil
  ) {
    let storage = storage ?? repository.storage
    let (config, keys) = (repository.config, repository.keys)
    self.repository = repository
    self.owner = owner
    self.options = options
    self.context = context
    self.storage = storage
    maximumFrameBytes = config.largestFrameBytes
    buffers = BufferPool(bufferBytes: Compressor.bound(maximumFrameBytes) + Limits.frameOverhead, limit: options.workers + 4)
    let makeSlot = { (packClass: PackClass, target: UInt32) in
      PackSlot(storage: storage, keys: keys, packClass: packClass, target: Int(target), parity: config.parity)
    }
    dataSlots = (0..<max(1, 2 * options.savers)).map { _ in makeSlot(.data, config.dataPackBytes) }
    treeSlot = makeSlot(.tree, config.treePackBytes)
  }

  /// Starts the saver threads, runs `body`, and joins them whatever happens. What is to be kept has to be flushed inside.
  ///
  /// - Parameter afterFrame: called after each frame that was written, from any thread.
  package func run<R>(afterFrame: (@Sendable () throws -> Void)? = nil, _ body: () throws -> R) throws -> R {
    self.afterFrame.withLock { $0 = afterFrame.map(FrameHook.init) }
    defer { self.afterFrame.withLock { $0 = nil } }
    return try ThreadScope.run { scope in
      if options.savers > 0 {
        for number in 0..<options.savers { scope.spawn("saver \(number)") { [self] in save(number) } }
      }
      defer { queue.close() }
      do {
        let result = try body()
        try throwFailure()
        return result
      } catch {
        fail(error)
        throw state.withLock { $0.failure } ?? error
      }
    }
  }

  /// For one thread that stores blobs as they come, whether or not the repository has them.
  package func makeWorker() -> BlobWorker { BlobWorker(self, claim: nil) }

  /// Appends a frame as it was sealed for another pack, which needs no key: with all its members, dead ones included.
  ///
  /// - Parameters:
  ///   - entry: what the other pack's directory says of it.
  ///   - bytes: the sealed frame; consumed before the call returns. Whether they are what `entry` says is for the caller to know.
  package func append(_ entry: FrameEntry, _ bytes: UnsafeRawBufferPointer, _ packClass: PackClass) throws {
    // A key reference above 127 leads to the header of the pack that the frame comes from.
    guard entry.keyReference < 128, bytes.count == Int(entry.encodedLength), bytes.count <= buffers.bufferBytes else {
      throw CairnError(.failed, "A frame of \(bytes.count) bytes cannot be put into another pack.")
    }
    let buffer = try takeFrameBuffer()
    buffer.withBytes { $0.copyMemory(from: bytes) }
    try enqueue(SealedFrame(buffer: buffer, length: bytes.count, packClass: packClass, entry: entry))
  }

  /// Names a pack that is there already in the next delta.
  package func add(_ pack: IndexedPack) throws {
    state.withLock { $0.pending.add(pack) }
    try writeDeltaIfDue()
  }

  /// Bytes of the packs written, padding and directories included.
  package var bytesStored: UInt64 { state.withLock { $0.bytesStored } }

  // MARK: - Called by workers

  func takeFrameBuffer() throws -> PooledBuffer {
    try throwFailure()
    return buffers.take()
  }

  func enqueue(_ frame: SealedFrame) throws {
    guard options.savers > 0 else {
      do { return try store(frame, dataSlots[0]) } catch {
        fail(error)
        throw error
      }
    }
    outstanding.withLock { $0 += 1 }
    guard queue.push(frame) else {
      outstanding.withLock { $0 -= 1 }
      try throwFailure()
      throw CairnError(.failed, "Nothing more can be stored: the run has ended.")
    }
  }

  // MARK: - Savers

  private func save(_ number: Int) {
    while let frame = queue.pop() {
      let other = queue.tryPop()
      let isSwapped = Bool.random()
      let (slot, otherSlot) = (dataSlots[2 * number + (isSwapped ? 1 : 0)], dataSlots[2 * number + (isSwapped ? 0 : 1)])
      do {
        if let other, frame.packClass == .data, other.packClass == .data {
          try didStore(2, closed: PackSlot.append(frame, to: slot, other, to: otherSlot, owner: owner))
        } else {
          try store(frame, slot)
          if let other { try store(other, otherSlot) }
        }
      } catch { fail(error) }
      outstanding.withLock { $0 -= other == nil ? 1 : 2 }
      outstanding.notifyAll()
    }
  }

  private func store(_ frame: SealedFrame, _ slot: PackSlot) throws {
    let closed = try (frame.packClass == .data ? slot : treeSlot).append(frame, owner: owner)
    try didStore(1, closed: closed.map { [$0] } ?? [])
  }

  private func didStore(_ frames: Int, closed packs: [IndexedPack]) throws {
    for pack in packs { note(pack) }
    if !packs.isEmpty { try writeDeltaIfDue() }
    if let hook = afterFrame.withLock({ $0 }) { for _ in 0..<frames { try hook.call() } }
  }

  private func note(_ pack: IndexedPack) {
    state.withLock { state in
      state.pending.add(pack)
      state.bytesStored += pack.size
    }
    context.counters.bytesStored.add(pack.size)
  }

  // MARK: - Deltas

  private func writeDeltaIfDue() throws { if state.withLock({ $0.pending.isDeltaDue }) { try writeDeltas() } }

  /// Puts all that is pending into deltas.
  private func writeDeltas() throws {
    // One at a time: the numbers have no gaps, and who has waited knows that what was pending before is written.
    try deltaLock.withLock { _ in
      while true {
        let (packs, sequence) = state.withLock { ($0.pending.take(), $0.sequence) }
        guard !packs.isEmpty else { return }
        let name = try put(IndexDelta(session: owner, sequence: sequence, packs: packs))
        state.withLock { state in
          state.deltas.append(name)
          state.sequence += 1
        }
      }
    }
  }

  private func put(_ delta: IndexDelta) throws -> String {
    let bytes = try Records.seal(.delta, LogicalName.delta(delta.session, delta.sequence), repository.keys, "an index delta") {
      try delta.encode()
    }
    let name = DeltaName(session: delta.session, sequence: delta.sequence, hash: SHA256Digest.hash(bytes)).name
    try Records.put(.index, name, bytes, storage)
    return name
  }

  // MARK: - Flushing

  /// Waits until every frame that was handed over lies in a pack, then does as `checkpoint`. All workers must have been flushed.
  @discardableResult
  package func flush() throws -> [String] {
    outstanding.wait { $0 <= 0 || self.hasFailed }
    try throwFailure()
    return try checkpoint()
  }

  /// Closes the open packs and writes deltas of all packs stored so far, while others go on storing.
  ///
  /// - Returns: the object names of all deltas written since the beginning, in order. All of them, and the packs they name, are
  ///   durable when this returns.
  package func checkpoint() throws -> [String] {
    try closePacks()
    try writeDeltas()
    let deltas = state.withLock { $0.deltas }
    try storageCall("making what is stored durable") { try storage.flush() }
    return deltas
  }

  /// Drops the open packs without a trace.
  package func dropOpenPacks() { for slot in dataSlots + [treeSlot] { slot.cancel() } }

  /// Closes the open packs; what they hold is then pending.
  func closePacks() throws {
    for slot in dataSlots + [treeSlot] { if let pack = try slot.finish() { note(pack) } }
  }

  /// Whether every frame that was enqueued lies in a pack.
  var isIdle: Bool { outstanding.withLock { $0 <= 0 } }

  // MARK: - Failure

  func fail(_ error: any Error) {
    state.withLock { if $0.failure == nil { $0.failure = error } }
    queue.cancel()
    // Under the lock: `flush` must not be between looking and sleeping.
    outstanding.withLock { _ in outstanding.notifyAll() }
  }

  private var hasFailed: Bool { state.withLock { $0.failure != nil } }

  func throwFailure() throws {
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }
}
