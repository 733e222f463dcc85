import CairnFormat
import CairnSystem
import Glibc

/// Cuts content as a backup does and stores the chunks that are looked for. For one thread.
final class ContentFinder {
  private let chunker: Chunker
  private let worker: BlobWorker
  private let wanted: WantedBlobs
  private let context: RunContext
  private let buffer: UnsafeMutableRawBufferPointer
  private var held = 0

  init(_ repository: Repository, _ worker: BlobWorker, _ wanted: WantedBlobs, _ context: RunContext) throws {
    chunker = try repository.makeChunker()
    self.worker = worker
    self.wanted = wanted
    self.context = context
    buffer = .allocate(byteCount: 2 * Int(chunker.parameters.maximum), alignment: 4096)
  }

  deinit { buffer.deallocate() }

  var isDone: Bool { !wanted.hasData }

  /// Begins another file.
  func begin() { held = 0 }

  /// Appends bytes of the extent at hand.
  func feed(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, buffer.count - held)
      UnsafeMutableRawBufferPointer(rebasing: buffer[held..<(held + count)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      held += count
      if held == buffer.count { try cut(atEnd: false) }
    }
  }

  /// The extent ends: chunks begin afresh behind it.
  func endExtent() throws { try cut(atEnd: true) }

  private func cut(atEnd: Bool) throws {
    var start = 0
    while start < held {
      let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<held])
      guard let size = chunker.nextCut(bytes, atEnd: atEnd) else { break }
      // It is stored only if it is wanted.
      _ = try worker.put(UnsafeRawBufferPointer(rebasing: bytes[..<size]), .data)
      start += size
      try context.cancellation.check()
    }
    if start < held, let base = buffer.baseAddress { memmove(base, base + start, held - start) }
    held -= start
  }

  // MARK: - Files

  /// Searches an open file, hole by hole, as a backup reads it.
  func search(_ file: OpenFile, _ status: FileStatus) throws {
    begin()
    let isSparse = status.size > 4096 && status.blocks512 < (status.size + 511) / 512
    var position: UInt64 = 0
    while position < status.size {
      let data = isSparse ? max(position, try file.nextData(from: position) ?? status.size) : position
      guard data < status.size else { return }
      let hole = isSparse ? try file.nextHole(from: data) : status.size
      let end = isSparse && hole > data ? min(hole, status.size) : status.size
      try read(file, data..<end)
      position = end
    }
  }

  private func read(_ file: OpenFile, _ range: Range<UInt64>) throws {
    var offset = range.lowerBound
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { piece in
      while offset < range.upperBound {
        let count = min(piece.count, Int(clamping: range.upperBound - offset))
        let got = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: piece[..<count]), at: offset)
        guard got > 0 else { break }
        try feed(UnsafeRawBufferPointer(rebasing: piece[..<got]))
        context.counters.bytesDone.add(UInt64(got))
        offset += UInt64(got)
      }
    }
    try endExtent()
  }
}
