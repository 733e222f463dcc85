import CairnFormat
import CairnSystem
import Glibc

/// Reads the content of one open file into blobs, on one worker thread.
///
/// A file that fits the worker's buffer is read with one call and cut there. A bigger one is read buffer by buffer; its chunks are
/// offered to the other workers, and what they have no room for is done here. Holes are found with SEEK_DATA and never read.
/// The page cache is left as it is: dropping pages behind the reader would also drop those that others had cached before.
struct ContentReader {
  let run: BackupRun
  /// Files of this size and more are spread over the workers.
  static let bigFile: UInt64 = 8 << 20

  /// The content and its length; the length is what was read, whatever the status said.
  struct Result {
    let content: Content
    let length: UInt64
    /// Bytes that came from the file: without holes.
    let read: UInt64
  }

  /// Reads a whole file.
  ///
  /// - Parameters:
  ///   - buffer: the worker's own; at least `bigFile` bytes and a chunk. Replaced when chunks of it are still on their way.
  ///   - status: as the open file has it now.
  /// - Throws: `FileError` for the source, anything else for the repository.
  func read(_ file: OpenFile, _ status: FileStatus, _ buffer: inout PooledBuffer, _ worker: BlobWorker) throws -> Result {
    // Up to a block there is no hole worth keeping, and some file systems count no blocks for files that lie in their inodes.
    let isSparse = status.size > 4096 && status.blocks512 < (status.size + 511) / 512
    if !isSparse, status.size < Self.bigFile {
      // More than the file should have: a short answer proves that the end was reached. Files of /proc and /sys, whose size says
      // nothing, fit too; some of those refuse large buffers and answer only to one read.
      let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<max(Int(status.size) + 1, 65536)])
      let count = try file.read(into: wanted, at: 0)
      if count < wanted.count { return try small(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(wanted)[..<count]), worker) }
    }
    return try big(file, status, isSparse: isSparse, &buffer, worker)
  }

  /// Reads a stream, such as standard input, to its end.
  func read(stream: OpenFile, _ buffer: inout PooledBuffer, _ worker: BlobWorker) throws -> Result {
    var reader = ExtentReader(run: run, worker: worker, buffer: buffer)
    defer { buffer = reader.buffer }
    try reader.readExtent { target, _ in try stream.read(into: target) }
    return try reader.finish()
  }

  private func small(_ bytes: UnsafeRawBufferPointer, _ worker: BlobWorker) throws -> Result {
    var collector = ListBuilder()
    var start = 0
    while start < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
      let length = run.chunker.nextCut(rest, atEnd: true) ?? rest.count
      let id = try worker.put(UnsafeRawBufferPointer(rebasing: rest[..<length]), .data)
      try collector.append(ContentItem(length: UInt64(length), id: id), store: { try worker.put($1, $0) })
      start += length
      try run.context.cancellation.check()
    }
    run.context.counters.bytesDone.add(UInt64(bytes.count))
    return Result(content: try collector.finish(store: { try worker.put($1, $0) }), length: UInt64(bytes.count), read: UInt64(bytes.count))
  }

  private func big(
    _ file: OpenFile, _ status: FileStatus, isSparse: Bool, _ buffer: inout PooledBuffer, _ worker: BlobWorker
  ) throws -> Result {
    file.advise(.sequential)
    var reader = ExtentReader(run: run, worker: worker, buffer: buffer)
    // What the reader holds at its end is exclusively this worker's again, also after an error.
    defer { buffer = reader.buffer }
    do {
      if isSparse {
        try readSparse(file, size: status.size, &reader)
      } else {
        try reader.readExtent { target, offset in try file.read(into: target, at: offset) }
      }
      return try reader.finish()
    } catch {
      try reader.drain()
      throw error
    }
  }

  private func readSparse(_ file: OpenFile, size: UInt64, _ reader: inout ExtentReader) throws {
    var position: UInt64 = 0
    while position < size {
      guard let data = try file.nextData(from: position), data < size else { break }
      if data > position { try reader.appendHole(data - position) }
      let end = min(size, try file.nextHole(from: data))
      guard end > data else { break }
      try reader.readExtent { target, offset in
        let left = end - data - offset
        guard left > 0 else { return 0 }
        let count = min(target.count, Int(clamping: left))
        return try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: data + offset)
      }
      position = end
      // The file became shorter under the reader: what follows is not there any more.
      if reader.length < end { return }
    }
    if position < size { try reader.appendHole(size - position) }
  }
}

/// The state of reading one big file.
private struct ExtentReader {
  let run: BackupRun
  let worker: BlobWorker
  /// Being filled; the worker's own once nothing is outstanding.
  private(set) var buffer: PooledBuffer
  private let transfer = ChunkTransfer()
  private var collector = ListBuilder()
  private var read: UInt64 = 0
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
    _ = transfer.deliver(transfer.issue(), ContentItem(length: bytes, id: nil))
    length += bytes
    run.context.counters.bytesDone.add(bytes)
    try collect()
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
      let job = ChunkJob(transfer: transfer, number: transfer.issue(), buffer: buffer, range: start..<(start + size))
      length += UInt64(size)
      if !run.queue.tryPush(job) { try ChunkJob.process(job, worker, run) }
      start += size
      try run.context.cancellation.check()
    }
    try collect()
    return start
  }

  /// Moves the bytes not cut yet to the start of a buffer that nobody else needs; returns their number.
  private mutating func nextBuffer(keeping range: Range<Int>) throws -> Int {
    let kept = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[range])
    if !transfer.isIdle, let fresh = run.buffers.tryTake() {
      fresh.bytes.copyMemory(from: kept)
      buffer = fresh
    } else {
      // None is free: once all chunks are done the buffer in hand is. That needs no second buffer, so it always comes to an end.
      try drain()
      try collect()
      if let start = buffer.bytes.baseAddress, let from = kept.baseAddress { memmove(start, from, kept.count) }
    }
    used = 0
    return range.count
  }

  /// Waits for all chunks, helping with whatever chunks wait. The buffers belong to this worker alone afterwards.
  ///
  /// - Throws: `CancellationError` when the run is being stopped and chunks were dropped.
  func drain() throws {
    while let job = run.queue.popChunk(orUntil: { transfer.isIdle }) {
      do { try ChunkJob.process(job, worker, run) } catch {
        run.queue.cancel()
        throw error
      }
    }
    guard transfer.isIdle else { throw CancellationError() }
  }

  private mutating func collect() throws {
    while let item = transfer.next() { try collector.append(item, store: { [worker] in try worker.put($1, $0) }) }
  }
}

extension ChunkJob {
  /// Stores a chunk and delivers its id.
  static func process(_ job: ChunkJob, _ worker: BlobWorker, _ run: BackupRun) throws {
    let id = try worker.put(job.bytes, .data)
    if job.transfer.deliver(job.number, ContentItem(length: UInt64(job.range.count), id: id)) { run.queue.wake() }
  }
}
