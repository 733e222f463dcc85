import CairnFormat
import CairnSystem

/// Reads restored files back with several threads and hashes them piece by piece: each piece must have the id that was recorded.
final class ProofContent: Sendable {
  /// A part of one file.
  private struct Job: Sendable {
    var file: OpenFile
    var index: Int
    var items: [(offset: UInt64, item: ContentItem)]
  }

  private let batch: ProofBatch
  private let keys: KeySet
  private let trees: TreeReader
  private let context: RunContext
  private let jobs = BoundedQueue<Job>(capacity: 8)

  /// A job has so many bytes, or so many pieces, unless its file ends before.
  private static let jobBytes: UInt64 = 32 << 20
  private static let jobItems = 4096

  init(_ batch: ProofBatch, keys: KeySet, trees: TreeReader, context: RunContext) {
    self.batch = batch
    self.keys = keys
    self.trees = trees
    self.context = context
  }

  /// Starts the threads that compare what `body` queues, and waits for them.
  func during(_ body: () throws -> Void) throws {
    try ThreadScope.run { scope in
      scope.onFailure { [jobs] in jobs.cancel() }
      for number in 0..<max(1, context.threads ?? Host.processorCount) {
        scope.spawn("prove-\(number)") { [self] in
          let buffer = PieceBuffer()
          while let job = jobs.pop() { try compare(job, buffer) }
        }
      }
      try body()
      jobs.close()
    }
  }

  /// Has the content of a restored file compared.
  ///
  /// - Throws: `CairnError` when what is recorded of it cannot be read; `CancellationError`.
  func queue(_ node: Node, _ file: OpenFile, _ index: Int) throws {
    var cursor = trees.content(node)
    var job = Job(file: file, index: index, items: [])
    var (offset, bytes): (UInt64, UInt64) = (0, 0)
    while let item = try cursor.next() {
      job.items.append((offset, item))
      if item.id != nil { bytes += item.length }
      guard let end = offset.checkedSum(item.length) else { throw CairnError.damaged("the content list", .invalid("a length")) }
      offset = end
      guard bytes >= Self.jobBytes || job.items.count >= Self.jobItems else { continue }
      guard jobs.push(job) else { throw CancellationError() }
      job.items = []
      bytes = 0
    }
    guard offset == node.size else { throw CairnError.damaged("the content list", .invalid("the sum of the lengths")) }
    if !job.items.isEmpty, !jobs.push(job) { throw CancellationError() }
  }

  private func compare(_ job: Job, _ buffer: PieceBuffer) throws {
    for (offset, item) in job.items {
      try context.cancellation.check()
      do {
        let isEqual =
          try item.id.map { try holds($0, item.length, job.file, offset, buffer) } ?? isHole(job.file, offset, item.length, buffer)
        guard !isEqual else { continue }
        return batch.differs(job.index, "its content differs between byte \(offset) and byte \(offset + item.length)")
      } catch let error as FileError { return batch.differs(job.index, error.reason) }
    }
  }

  private func holds(_ id: BlobID, _ length: UInt64, _ file: OpenFile, _ offset: UInt64, _ buffer: PieceBuffer) throws -> Bool {
    guard length <= UInt64(Limits.blobBytes) else { return false }
    let bytes = buffer.bytes(Int(length))
    guard try file.read(into: bytes, at: offset) == bytes.count else { return false }
    return keys.blobID(.data, UnsafeRawBufferPointer(bytes)) == id
  }

  /// Whether a range reads as zeros.
  private func isHole(_ file: OpenFile, _ start: UInt64, _ length: UInt64, _ buffer: PieceBuffer) throws -> Bool {
    let end = start + length
    var offset = start
    while offset < end {
      try context.cancellation.check()
      guard let data = try file.nextData(from: offset), data < end else { return true }
      let bytes = buffer.bytes(Int(min(end - data, 1 << 20)))
      let count = try file.read(into: bytes, at: data)
      guard count > 0, bytes[..<count].allSatisfy({ $0 == 0 }) else { return false }
      offset = data + UInt64(count)
    }
    return true
  }
}

/// Room for one piece. Belongs to one thread.
private final class PieceBuffer {
  private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)

  deinit { buffer.deallocate() }

  func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if buffer.count < count {
      buffer.deallocate()
      buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
  }
}
