import CairnFormat
import CairnSystem
import Glibc

/// The state of reading one big file: lays runs of data, holes and zeros out one after the other.
struct ExtentReader {
  let run: BackupRun
  let worker: BlobWorker
  /// Being filled; the worker's own once nothing is outstanding.
  private(set) var buffer: PooledBuffer
  private let transfer = ChunkTransfer()
  private var collector = ListBuilder()
  private var read: UInt64 = 0
  /// Chunks of nothing but zeros become holes.
  var zerosAreHoles = false
  /// The longest chunk that zeros are cut into, once it is stored.
  private var zeros: ContentItem?
  /// Bytes at the start of the buffer that belong to chunks handed on.
  private var used = 0
  /// Bytes laid out so far, those outstanding included.
  private(set) var length: UInt64 = 0

  init(run: BackupRun, worker: BlobWorker, buffer: PooledBuffer) {
    self.run = run
    self.worker = worker
    self.buffer = buffer
  }

  /// Reads one run of data to its end; chunks begin afresh with it.
  ///
  /// - Parameter source: fills the buffer from an offset within the extent as far as it goes; fewer bytes than asked mean the end.
  mutating func readExtent(_ source: (UnsafeMutableRawBufferPointer, UInt64) throws -> Int) throws {
    var offset: UInt64 = 0
    var start = try claimRoom()
    var held = 0
    while true {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(start + held)...])
      let count = try source(room, offset)
      let atEnd = count < room.count
      offset += UInt64(count)
      read += UInt64(count)
      run.context.counters.bytesDone.add(UInt64(count))
      let end = start + held + count
      used = try cut(start..<end, atEnd: atEnd)
      if atEnd { return }
      held = try nextBuffer(keeping: used..<end)
      start = 0
    }
  }

  /// Where in the buffer a new extent can begin: behind the chunks that may still be on their way, with room for a whole chunk.
  private mutating func claimRoom() throws -> Int {
    if transfer.isIdle { used = 0 }
    if buffer.bytes.count - used < Int(run.chunker.parameters.maximum) { _ = try nextBuffer(keeping: used..<used) }
    return used
  }

  mutating func appendHole(_ bytes: UInt64) throws {
    guard bytes > 0 else { return }
    _ = transfer.deliver(transfer.issue(), ContentItem(length: bytes, id: nil))
    length += bytes
    run.context.counters.bytesDone.add(bytes)
    try collect()
  }

  /// Appends zeros that are not read, cut as if they had been: those of any length cost the hashing of a chunk or two.
  mutating func appendZeros(_ bytes: UInt64) throws {
    // The items of a long run would pile up behind a chunk that is still on its way.
    if bytes >= 1 << 30 { try drain() }
    var left = bytes
    while left > 0 {
      let item = try zeroChunk(atMost: left)
      _ = transfer.deliver(transfer.issue(), item)
      length += item.length
      left -= item.length
      run.context.counters.bytesDone.add(item.length)
      try collect()
      try run.context.cancellation.check()
    }
  }

  private mutating func zeroChunk(atMost bytes: UInt64) throws -> ContentItem {
    if let zeros, zeros.length <= bytes { return zeros }
    let maximum = Int(run.chunker.parameters.maximum)
    let size = min(maximum, Int(clamping: bytes))
    let start = try claimRoom()
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[start..<(start + size)])
    room.initializeMemory(as: UInt8.self, repeating: 0)
    let cut = run.chunker.nextCut(UnsafeRawBufferPointer(room), atEnd: true) ?? size
    let item = ContentItem(length: UInt64(cut), id: try worker.put(UnsafeRawBufferPointer(rebasing: room[..<cut]), .data))
    if size == maximum { zeros = item }
    return item
  }

  mutating func finish() throws -> ContentReader.Result {
    try drain()
    try collect()
    let content = try collector.finish(store: { [worker] in try worker.put($1, $0) })
    return ContentReader.Result(content: content, length: length, read: read)
  }

  /// Cuts a range of the buffer and hands the chunks on; returns where the bytes begin that were not cut.
  private mutating func cut(_ range: Range<Int>, atEnd: Bool) throws -> Int {
    let bytes = UnsafeRawBufferPointer(buffer.bytes)
    var start = range.lowerBound
    while start < range.upperBound {
      guard let size = run.chunker.nextCut(UnsafeRawBufferPointer(rebasing: bytes[start..<range.upperBound]), atEnd: atEnd) else { break }
      if zerosAreHoles, ZeroRuns.isZero(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)])) {
        _ = transfer.deliver(transfer.issue(), ContentItem(length: UInt64(size), id: nil))
        length += UInt64(size)
        start += size
        continue
      }
      let job = ChunkJob(transfer: transfer, number: transfer.issue(), buffer: buffer, range: start..<(start + size))
      length += UInt64(size)
      let due = run.queue.exchange(job)
      if !due.isEmpty { try ChunkJob.process(due, worker, run) }
      start += size
      try run.context.cancellation.check()
    }
    try collect()
    return start
  }

  /// Moves the bytes not cut yet to the start of a buffer that nobody else needs; returns their number.
  private mutating func nextBuffer(keeping range: Range<Int>) throws -> Int {
    let kept = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[range])
    if let fresh = try freshBuffer() {
      fresh.bytes.copyMemory(from: kept)
      buffer = fresh
    } else {
      try collect()
      if let start = buffer.bytes.baseAddress, let from = kept.baseAddress { memmove(start, from, kept.count) }
    }
    used = 0
    return range.count
  }

  /// Waits for a buffer, helping with whatever chunks wait; nil once all chunks are done, because then the one in hand is free. That
  /// needs no second buffer, so it always comes to an end.
  private func freshBuffer() throws -> PooledBuffer? {
    var fresh: PooledBuffer?
    while !transfer.isIdle, fresh == nil {
      let jobs = run.queue.popChunks {
        if transfer.isIdle { return true }
        fresh = run.buffers.tryTake()
        return fresh != nil
      }
      if let jobs { try ChunkJob.process(jobs, worker, run) } else if fresh == nil { break }
    }
    guard fresh != nil || transfer.isIdle else { throw CancellationError() }
    return fresh
  }

  /// Waits for all chunks, helping with whatever chunks wait. The buffers belong to this worker alone afterwards.
  ///
  /// - Throws: `CancellationError` when the run is being stopped and chunks were dropped.
  func drain() throws {
    while let jobs = run.queue.popChunks(orUntil: { transfer.isIdle }) { try ChunkJob.process(jobs, worker, run) }
    guard transfer.isIdle else { throw CancellationError() }
  }

  private mutating func collect() throws {
    while let item = transfer.next() { try collector.append(item, store: { [worker] in try worker.put($1, $0) }) }
  }
}

extension ChunkJob {
  /// Stores chunks, of whatever files, and delivers their ids. After an error nobody may wait for these chunks, so the queue is cancelled.
  static func process(_ jobs: [ChunkJob], _ worker: BlobWorker, _ run: BackupRun) throws {
    do {
      for (job, id) in zip(jobs, try worker.put(jobs.map(\.bytes), .data)) {
        if job.transfer.deliver(job.number, ContentItem(length: UInt64(job.range.count), id: id)) { run.queue.wake() }
      }
    } catch {
      run.queue.cancel()
      throw error
    }
  }
}
