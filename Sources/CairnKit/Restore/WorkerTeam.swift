import CairnFormat
import CairnSystem
import Synchronization

/// What one worker thread keeps from job to job.
final class RestoreWorker {
  let compressor = Compressor()
  private(set) var encoded = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var raw = [UnsafeMutableRawBufferPointer](repeating: UnsafeMutableRawBufferPointer(start: nil, count: 0), count: 2)

  deinit {
    encoded.deallocate()
    for buffer in raw { buffer.deallocate() }
  }

  /// Room for `count` stored bytes; what was there is lost.
  func encodedBuffer(_ count: Int) -> UnsafeMutableRawBufferPointer {
    Self.grow(&encoded, to: count)
    return UnsafeMutableRawBufferPointer(rebasing: encoded[..<count])
  }

  /// Room for `count` opened bytes; what was there is lost.
  ///
  /// - Parameter number: which of the two buffers.
  func rawBuffer(_ count: Int, number: Int = 0) -> UnsafeMutableRawBufferPointer {
    Self.grow(&raw[number], to: count)
    return UnsafeMutableRawBufferPointer(rebasing: raw[number][..<count])
  }

  /// Whether a file holds the content of each piece; at most two pieces, which are read and hashed together.
  func holds(_ file: OpenFile, _ pieces: [(offset: UInt64, length: Int, id: BlobID)], _ keys: KeySet) throws(FileError) -> [Bool] {
    var blobs: [(type: BlobType, bytes: UnsafeRawBufferPointer)] = []
    for (number, piece) in pieces.enumerated() {
      let buffer = rawBuffer(piece.length, number: number)
      let count = try file.read(into: buffer, at: piece.offset)
      blobs.append((.data, UnsafeRawBufferPointer(rebasing: buffer[..<count])))
    }
    return zip(keys.blobIDs(blobs), pieces).map { $0 == $1.id }
  }

  private static func grow(_ buffer: inout UnsafeMutableRawBufferPointer, to count: Int) {
    guard buffer.count < count else { return }
    buffer.deallocate()
    buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: (count + 65535) & ~65535, alignment: 4096)
  }
}

/// Threads that work off numbered jobs, one batch after another.
final class WorkerTeam: Sendable {
  /// One batch: its jobs are taken in order by whichever worker is free.
  private final class Batch: Sendable {
    let jobs: Int
    let body: @Sendable (RestoreWorker, Int) throws -> Void
    let next = Atomic<Int>(0)
    let state: Monitor<(running: Int, error: (any Error)?)>

    init(_ jobs: Int, workers: Int, _ body: @escaping @Sendable (RestoreWorker, Int) throws -> Void) {
      self.jobs = jobs
      self.body = body
      state = Monitor((running: workers, error: nil))
    }
  }

  let count: Int
  private let batches: BoundedQueue<Batch>
  private let isStopped = Atomic<Bool>(false)
  private let current = Mutex<Batch?>(nil)

  init(count: Int) {
    self.count = count
    batches = BoundedQueue(capacity: count)
  }

  func start(in scope: ThreadScope) {
    for number in 0..<count {
      scope.spawn("restore-\(number)") { [self] in
        let worker = RestoreWorker()
        while let batch = batches.pop() { work(batch, worker) }
      }
    }
  }

  /// Runs `body` for 0 ..< `jobs`, on all workers, and returns when all are done.
  ///
  /// - Throws: the first error; jobs not yet begun are then left out. `CancellationError` after `stop`.
  func run(_ jobs: Int, _ body: @escaping @Sendable (RestoreWorker, Int) throws -> Void) throws {
    guard jobs > 0 else { return }
    let workers = min(count, jobs)
    let batch = Batch(jobs, workers: workers, body)
    current.withLock { $0 = batch }
    for _ in 0..<workers where !batches.push(batch) { throw CancellationError() }
    batch.state.wait { $0.running == 0 || isStopped.load(ordering: .acquiring) }
    if let error = batch.state.withLock({ $0.error }) { throw error }
    if isStopped.load(ordering: .acquiring) { throw CancellationError() }
  }

  /// Lets the threads end when they have nothing left to do.
  func close() { batches.close() }

  /// Begins no other jobs; `run` returns without waiting for those that still run (the scope of the threads does).
  func stop() {
    isStopped.store(true, ordering: .releasing)
    guard let batch = current.withLock({ $0 }) else { return }
    // The lock, so that this does not fall between the look of a waiter and its falling asleep.
    batch.state.withLock { _ in }
    batch.state.notifyAll()
  }

  private func work(_ batch: Batch, _ worker: RestoreWorker) {
    while !isStopped.load(ordering: .acquiring) {
      let job = batch.next.add(1, ordering: .relaxed).oldValue
      guard job < batch.jobs else { break }
      do { try batch.body(worker, job) } catch {
        batch.state.withLock { state in
          if state.error == nil { state.error = error }
        }
        batch.next.store(batch.jobs, ordering: .relaxed)
      }
    }
    batch.state.withLock { $0.running -= 1 }
    batch.state.notifyAll()
  }
}
