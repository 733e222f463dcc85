import CairnFormat
import CairnSystem

/// Reads the content of one open file into blobs, on one worker thread.
///
/// A file that fits the worker's buffer is read with one call and cut there. A bigger one is read buffer by buffer; its chunks are
/// offered to the other workers, and what they have no room for is done here. Holes are found with SEEK_DATA and never read, nor is
/// preallocated space.
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
    var chunks: [UnsafeRawBufferPointer] = []
    var start = 0
    while start < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
      let length = run.chunker.nextCut(rest, atEnd: true) ?? rest.count
      chunks.append(UnsafeRawBufferPointer(rebasing: rest[..<length]))
      start += length
      try run.context.cancellation.check()
    }
    for (chunk, id) in zip(chunks, try worker.put(chunks, .data)) {
      try collector.append(ContentItem(length: UInt64(chunk.count), id: id), store: { try worker.put($1, $0) })
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
    } catch let error as FileError {
      // The file is left out and the run goes on, unless that fails too.
      try reader.drain()
      throw error
    } catch {
      // `try?`: the run ends, and with the first error; that chunks were dropped then is no other.
      try? reader.drain()
      throw error
    }
  }

  private func readSparse(_ file: OpenFile, size: UInt64, _ reader: inout ExtentReader) throws {
    var position: UInt64 = 0
    while position < size {
      let data = min(size, max(position, try file.nextData(from: position) ?? size))
      try readGap(file, position..<data, &reader)
      guard data < size else { return }
      let hole = try file.nextHole(from: data)
      // What began as data and is a hole by now changed meanwhile: reading it is right either way.
      let end = hole > data ? min(size, hole) : size
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
  }

  /// What lies between two runs of data: holes, and space that was allocated and never written. That counts as zeros, so that a
  /// restored file takes the same space; nothing is read in either.
  private func readGap(_ file: OpenFile, _ gap: Range<UInt64>, _ reader: inout ExtentReader) throws {
    var position = gap.lowerBound
    while let zeros = file.nextPreallocated(in: position..<gap.upperBound) {
      try reader.appendHole(zeros.lowerBound - position)
      try reader.appendZeros(zeros.upperBound - zeros.lowerBound)
      position = zeros.upperBound
    }
    try reader.appendHole(gap.upperBound - position)
  }
}
