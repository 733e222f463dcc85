import CairnFormat
package import CairnStorage
import CairnSystem
import Synchronization

/// Finds packs whose bytes do not hash to their names, and mends those that have parity. No key is needed: parity is a function of the
/// stored bytes, and the name of a pack proves what was mended.
///
/// It cannot know of packs that are missing. Memory: about a hundred bytes a pack, and a row of blocks for each thread.
package final class ParityRepair: Sendable {
  /// A damaged pack.
  package struct Finding: Sendable {
    package enum Outcome: String, Sendable {
      case mended
      /// It could be; nothing was written.
      case mendable
      case damaged
    }

    /// Its path in the repository.
    package let object: String
    package let outcome: Outcome
    /// What is damaged, as far as parity tells.
    package let ranges: [Range<Int>]
    /// What was found, completing a sentence that begins with the object.
    package let what: String
  }

  package struct Report: Sendable {
    package var packs: UInt64 = 0
    package var packsWithParity: UInt64 = 0
    package var bytes: UInt64 = 0
    package var mended: UInt64 = 0
    package var mendable: UInt64 = 0
    package var damaged: UInt64 = 0
    package var seconds: Double = 0

    /// Whether something is damaged that parity cannot mend.
    package var isDamaged: Bool { damaged > 0 }
  }

  private struct Job: Sendable {
    let key: ObjectKey
    let name: PackName
    let size: UInt64
  }

  private let storage: any Storage
  private let isDryRun: Bool
  private let context: RunContext
  private let onFinding: @Sendable (Finding) -> Void
  private let report = Mutex(Report())

  /// - Parameters:
  ///   - isDryRun: says what could be mended, and writes nothing.
  ///   - onFinding: called from any thread, one call at a time.
  /// - Throws: `CairnError` when the storage holds no repository, or one of a newer version.
  package init(
    _ storage: any Storage, isDryRun: Bool, context: RunContext = RunContext(), onFinding: @escaping @Sendable (Finding) -> Void
  ) throws {
    _ = try ConfigCopies.read(storage).headers(location: storage.location)
    (self.storage, self.isDryRun, self.context, self.onFinding) = (storage, isDryRun, context, onFinding)
  }

  /// - Parameter selection: paths or first digits of packs; empty for all.
  /// - Throws: `CairnError(.notFound)` for a selection that fits no pack; when the storage cannot be listed or written.
  package func perform(_ selection: [String]) throws -> Report {
    let start = SystemClock.monotonicNanoseconds()
    let jobs = try list(selection)
    context.counters.filesTotal.set(UInt64(jobs.count))
    context.counters.bytesTotal.set(jobs.reduce(0) { $0 &+ $1.size })
    context.counters.totalsKnown.set(1)
    let queue = BoundedQueue<Job>(capacity: 16)
    try ThreadScope.run { scope in
      scope.onFailure { queue.cancel() }
      defer { queue.close() }
      for number in 0..<max(1, context.threads ?? Host.processorCount) {
        scope.spawn("parity \(number)") { [self] in
          let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
          defer { buffer.deallocate() }
          while let job = queue.pop() { try inspect(job, buffer) }
        }
      }
      for job in jobs { guard queue.push(job) else { break } }
    }
    if !isDryRun { try storageCall("making what was mended durable") { try storage.flush() } }
    return report.withLock { report in
      report.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
      return report
    }
  }

  private func list(_ selection: [String]) throws -> [Job] {
    let wanted = selection.map { (text: $0, start: $0.split(separator: "/").last.map(String.init) ?? "") }
    if let empty = wanted.first(where: { $0.start.isEmpty }) { throw Self.unknown(empty.text) }
    var jobs: [Job] = []
    var found = Set<String>()
    try storageCall("listing the packs") {
      try storage.list(.packs) { key, size in
        guard let name = PackName(key.name) else { return }
        let fitting = wanted.filter { key.name.hasPrefix($0.start) }
        guard selection.isEmpty || !fitting.isEmpty else { return }
        found.formUnion(fitting.map(\.text))
        jobs.append(Job(key: key, name: name, size: size))
      }
    }
    if let missing = selection.first(where: { !found.contains($0) }) { throw Self.unknown(missing) }
    return jobs.sorted { $0.key < $1.key }
  }

  private static func unknown(_ pack: String) -> CairnError {
    CairnError(
      .notFound, "There is no pack '\(Escaping.terminal(Array(pack.utf8)))' in the repository.",
      guidance: "Give its name or the first digits of it, as 'cairn check' shows them.")
  }

  // MARK: - One pack

  private func inspect(_ job: Job, _ buffer: UnsafeMutableRawBufferPointer) throws {
    try context.cancellation.check()
    let content: (hash: ObjectHash?, hasParity: Bool)
    do { content = try hash(job, buffer) } catch StorageError.notFound {
      return  // deleted since it was listed
    } catch let error as StorageError {
      return note(job, .damaged, [], error.predicate, hasParity: false)
    }
    context.counters.filesDone.add()
    guard content.hash != job.name.hash else {
      return report.withLock { report in
        report.packs += 1
        report.packsWithParity += content.hasParity ? 1 : 0
      }
    }
    let parity: PackParity
    do { parity = try PackParity(job.key, size: job.size, storage: storage) } catch let error as StorageError {
      return note(job, .damaged, [], error.predicate, hasParity: content.hasParity)
    }
    let ranges = parity.damage.ranges
    let isFound = parity.decoder != nil
    if let refusal = parity.refusal {
      let places = isFound ? ": \(parity.places)" : ""
      return note(job, .damaged, ranges, "is damaged\(places) and cannot be mended: \(refusal)", hasParity: isFound)
    }
    if isDryRun { return note(job, .mendable, ranges, "is damaged and can be mended: \(parity.places)", hasParity: true) }
    guard try mend(job, parity) else {
      let what = "is damaged and cannot be mended: what its parity gives does not hash to its name"
      return note(job, .damaged, ranges, what, hasParity: true)
    }
    note(job, .mended, ranges, "was damaged and is mended: \(parity.places)", hasParity: true)
  }

  /// The hash of the whole object, nil where it cannot be read; and whether its header says that it has parity.
  private func hash(_ job: Job, _ buffer: UnsafeMutableRawBufferPointer) throws -> (hash: ObjectHash?, hasParity: Bool) {
    var digest = SHA256Digest.Incremental()
    var offset: UInt64 = 0
    var hasParity = false
    while true {
      try context.cancellation.check()
      let count: Int
      do throws(StorageError) { count = try storage.read(job.key, at: offset, into: buffer) } catch {
        guard error.isUnreadable else { throw error }
        return (nil, hasParity)
      }
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      // `try?`: a damaged header is part of the damage that the hash tells.
      if offset == 0 { hasParity = (try? PackHeader.decode(bytes))?.hasParity ?? false }
      digest.update(bytes)
      offset += UInt64(count)
      report.withLock { $0.bytes += UInt64(count) }
      context.counters.bytesDone.add(UInt64(count))
      if count < buffer.count { return (digest.finish(), hasParity) }
    }
  }

  /// Writes the pack anew and puts it in the place of the damaged one, if it hashes to the name.
  private func mend(_ job: Job, _ parity: PackParity) throws -> Bool {
    guard let decoder = parity.decoder else { return false }
    return try storageCall("mending \(job.key.path)") {
      let writer = try storage.beginObject(kind: .packs)
      defer { writer.cancel() }
      var digest = SHA256Digest.Incremental()
      try decoder.mend { piece in
        digest.update(piece)
        try writer.append(piece)
      }
      guard digest.finish() == job.name.hash else { return false }
      try writer.finish(replacing: job.key)
      return true
    }
  }

  private func note(_ job: Job, _ outcome: Finding.Outcome, _ ranges: [Range<Int>], _ what: String, hasParity: Bool) {
    report.withLock { report in
      report.packs += 1
      report.packsWithParity += hasParity ? 1 : 0
      switch outcome {
      case .mended: report.mended += 1
      case .mendable: report.mendable += 1
      case .damaged: report.damaged += 1
      }
      onFinding(Finding(object: job.key.path, outcome: outcome, ranges: ranges, what: what))
    }
  }
}
