import CairnFormat
import CairnStorage
import CairnSystem

/// Copies what snapshots need out of packs that are to go.
///
/// Frames that are needed whole are moved as they were sealed; of the others the needed blobs are grouped and compressed anew. Every blob is
/// compared with its id on the way. The newest snapshot's come first, in the order in which it is read; the rest pack by pack.
final class Repacker: Sendable {
  /// A frame of which something is to be copied.
  private struct Job: Sendable {
    let pack: LoadedPack
    let frame: Int
    /// Numbers of the members to copy; nil for all.
    let members: [Int]?
  }

  private let liveness: Liveness
  private let chosen: Set<PackName>
  private let writer: PackWriter
  private let context: RunContext
  /// What has been copied, or is about to be.
  private let moved: OrdinalBitmap
  /// Blobs whose frames have been looked at, so that a frame of many small ones is gone through once.
  private let seen: OrdinalBitmap
  private let queue: BoundedQueue<Job>
  private let threads: Int
  private let spared = Monitor<[PackName: String]>([:])
  /// Needed blobs in frames that could not be copied.
  private let failed = Monitor<Set<BlobKey>>([])
  /// Packs of which the directory cannot be read.
  private let unreadable = Monitor<Set<PackName>>([])

  /// - Parameter leaving: the packs that are to go, those without anything needed included: nothing in them counts as a copy.
  init(_ liveness: Liveness, leaving: Set<PackName>, writer: PackWriter, context: RunContext) {
    self.liveness = liveness
    chosen = leaving
    self.writer = writer
    self.context = context
    moved = OrdinalBitmap(capacity: liveness.view.index.count)
    seen = OrdinalBitmap(capacity: liveness.view.index.count)
    threads = max(1, context.threads ?? Host.processorCount)
    queue = BoundedQueue(capacity: 2 * threads)
  }

  /// Copies everything; afterwards the writer has been flushed.
  ///
  /// - Returns: packs that have to stay because something in them cannot be read, or because they may hold the only good copy of that; with
  ///   the reason.
  func run(_ packs: [PackName]) throws -> [PackName: String] {
    try writer.run {
      if threads == 1 {
        let (worker, compressor) = (writer.makeWorker(), Compressor())
        try produce(packs) { try self.copy($0, worker, compressor) }
        try worker.flush()
      } else {
        try ThreadScope.run { scope in
          scope.onFailure { self.queue.cancel() }
          for number in 0..<threads { scope.spawn("repack \(number)") { try self.consume() } }
          defer { queue.close() }
          try produce(packs) { job in
            guard queue.push(job) else { throw CancellationError() }
          }
        }
      }
      _ = try writer.flush()
    }
    try spareOtherCopies()
    return spared.withLock { $0 }
  }

  private func consume() throws {
    let (worker, compressor) = (writer.makeWorker(), Compressor())
    while let job = queue.pop() { try copy(job, worker, compressor) }
    try worker.flush()
  }

  // MARK: - Finding what to copy

  private func produce(_ packs: [PackName], _ emit: (Job) throws -> Void) throws {
    let cache = LoadedPackCache(liveness.view)
    if let newest = liveness.view.snapshots.last {
      var order = SnapshotOrder(liveness.view, root: newest.manifest.root)
      while let location = try order.next() {
        try context.cancellation.check()
        guard chosen.contains(location.frame.pack.packName), !seen.contains(location.ordinal) else { continue }
        try emitFrame(location.frame, cache, emit)
      }
    }
    for name in packs {
      try context.cancellation.check()
      guard let pack = try load(name, cache) else { continue }
      for frame in pack.pack.frames.indices { try emitFrame(pack, frame, emit) }
    }
  }

  private func emitFrame(_ location: FrameLocation, _ cache: LoadedPackCache, _ emit: (Job) throws -> Void) throws {
    guard let pack = try load(location.pack.packName, cache), let frame = pack.frame(at: location.offset) else { return }
    try emitFrame(pack, frame, emit)
  }

  private func emitFrame(_ pack: LoadedPack, _ frame: Int, _ emit: (Job) throws -> Void) throws {
    let members = pack.pack.frames[frame].members
    var wanted: [Int] = []
    for (number, member) in members.enumerated() where try isWanted(member.key) { wanted.append(number) }
    guard !wanted.isEmpty else { return }
    try emit(Job(pack: pack, frame: frame, members: wanted.count == members.count ? nil : wanted))
  }

  /// Needed, not copied yet, and nowhere but in packs that go.
  private func isWanted(_ key: BlobKey) throws -> Bool {
    let places = try liveness.view.index.locations(key)
    guard let first = places.first else { return false }
    seen.insert(first.ordinal)
    guard liveness.live.contains(first.ordinal) else { return false }
    guard places.allSatisfy({ chosen.contains($0.frame.pack.packName) }) else { return false }
    return moved.insert(first.ordinal)
  }

  private func load(_ name: PackName, _ cache: LoadedPackCache) throws -> LoadedPack? {
    do { return try cache.load(name) } catch let error as CairnError where error.concernsOneObject {
      spare(name, error.message)
      unreadable.withLock { _ = $0.insert(name) }
      return nil
    }
  }

  private func spare(_ name: PackName, _ reason: String) { spared.withLock { $0[name] = $0[name] ?? reason } }

  /// What could not be copied may lie in other packs that are to go, and be good there.
  private func spareOtherCopies() throws {
    let (failed, unreadable) = (failed.withLock { $0 }, unreadable.withLock { $0 })
    guard !failed.isEmpty || !unreadable.isEmpty else { return }
    let index = liveness.view.index
    try index.forEachEntry(isUsable: { _, _ in true }) { _, entry, _, ordinal, isFirst in
      guard isFirst, liveness.live.contains(ordinal) else { return }
      let places = try index.locations(entry.key).map(\.frame.pack.packName)
      guard places.count > 1, failed.contains(entry.key) || places.contains(where: unreadable.contains) else { return }
      for name in places where chosen.contains(name) { spare(name, "it may have the only good copy of what a damaged pack holds") }
    }
  }

  // MARK: - Copying

  private func copy(_ job: Job, _ worker: BlobWorker, _ compressor: Compressor) throws {
    do { try copyWhatIsGood(job, worker, compressor) } catch let error as CairnError where error.code == .damaged {
      // It stays where it is: nothing is made worse, and `check` names it.
      spare(PackName(hash: job.pack.pack.hash, owner: job.pack.pack.owner), error.message)
      let members = job.pack.pack.frames[job.frame].members
      failed.withLock { $0.formUnion((job.members ?? Array(members.indices)).map { members[$0].key }) }
    }
  }

  private func copyWhatIsGood(_ job: Job, _ worker: BlobWorker, _ compressor: Compressor) throws {
    let (pack, entry) = (job.pack.pack, job.pack.pack.frames[job.frame])
    let location = job.pack.location(job.frame)
    let key = try location.pack.key()
    let storage = liveness.view.repository.storage
    try withUnsafeTemporaryAllocation(byteCount: Int(entry.encodedLength), alignment: 16) { encoded in
      try storageCall("reading \(key.path)") { try storage.readExactly(key, at: UInt64(location.offset), into: encoded) }
      try withUnsafeTemporaryAllocation(byteCount: Int(entry.rawLength), alignment: 16) { raw in
        try liveness.view.blobs.openFrame(location, encoded: UnsafeRawBufferPointer(encoded), into: raw, compressor: compressor)
        let opened = UnsafeRawBufferPointer(raw)
        if let members = job.members {
          try verify(entry, opened, only: members, key)
          try put(entry, opened, members, worker)
        } else {
          try verify(entry, opened, only: Array(entry.members.indices), key)
          try writer.append(entry, UnsafeRawBufferPointer(encoded), pack.packClass)
        }
      }
    }
  }

  private func verify(_ entry: FrameEntry, _ raw: UnsafeRawBufferPointer, only members: [Int], _ key: ObjectKey) throws {
    let blobs = entry.blobs(of: raw)
    let ids = liveness.view.repository.keys.blobIDs(members.map { blobs[$0] })
    guard zip(ids, members).allSatisfy({ $0.key == entry.members[$1].key }) else {
      throw CairnError.damaged(key.path, .invalid("a blob is not what the directory says"))
    }
  }

  private func put(_ entry: FrameEntry, _ raw: UnsafeRawBufferPointer, _ members: [Int], _ worker: BlobWorker) throws {
    let blobs = entry.blobs(of: raw)
    for number in members { _ = try worker.put(blobs[number].bytes, blobs[number].type) }
  }
}

extension PackIdentity {
  var packName: PackName { PackName(hash: hash, owner: owner) }
}
