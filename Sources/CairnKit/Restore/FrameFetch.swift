import CairnFormat
import CairnStorage
import CairnSystem

/// Fetches the frames of a window, opens each once, and hands its blobs to the files. Any thread, with a worker of its own.
struct FrameFetch: Sendable {
  private let run: RestoreRun
  private let window: ContentWindow
  private let blobs: BlobReader

  init(_ run: RestoreRun, _ window: ContentWindow) {
    self.run = run
    self.window = window
    blobs = run.view.blobs
  }

  /// - Throws: only what ends the restore. Damage is looked around first (other copies, a new view), then reported with the file.
  func run(_ job: ContentWindow.FetchJob, _ worker: RestoreWorker) throws {
    let pieces = window.pieces
    try run.context.cancellation.check()
    run.context.counters.setCurrent(window.files[Int(pieces[job.pieces.lowerBound].file)].path)
    guard pieces[job.pieces].contains(where: { !isFailed($0) }), let encoded = read(job, pieces, worker) else {
      return try recover(pieces[job.pieces], worker)
    }
    var opened: [Opened] = []
    var start = job.pieces.lowerBound
    while start < job.pieces.upperBound {
      var end = start + 1
      while end < job.pieces.upperBound, pieces[end].frameOffset == pieces[start].frameOffset { end += 1 }
      try run.context.cancellation.check()
      let offset = Int(UInt64(pieces[start].frameOffset) - job.bytes.lowerBound)
      let frame = UnsafeRawBufferPointer(rebasing: encoded[offset..<(offset + Int(pieces[start].encodedLength))])
      if let raw = open(frame, pieces[start], worker, buffer: opened.count) {
        opened.append(Opened(pieces: pieces[start..<end], raw: raw))
      } else {
        try recover(pieces[start..<end], worker)
      }
      // Two blobs are hashed in the time of one: of one frame, or of two frames.
      if opened.count == 2 || end - start > 1 || end == job.pieces.upperBound {
        try deliver(opened, worker)
        opened.removeAll(keepingCapacity: true)
      }
      start = end
    }
  }

  /// An opened frame and the pieces that lie in it.
  private struct Opened {
    let pieces: ArraySlice<ContentPiece>
    let raw: UnsafeRawBufferPointer
  }

  private func isFailed(_ piece: ContentPiece) -> Bool { window.files[Int(piece.file)].isFailed }

  /// - Returns: nil when the bytes cannot be had.
  private func read(_ job: ContentWindow.FetchJob, _ pieces: [ContentPiece], _ worker: RestoreWorker) -> UnsafeMutableRawBufferPointer? {
    guard !job.bytes.isEmpty else { return nil }
    let buffer = worker.encodedBuffer(job.bytes.count)
    let pack = window.packs[Int(pieces[job.pieces.lowerBound].pack)]
    // `try?`: every piece is then looked for by itself, and that attempt says what is wrong.
    guard let key = try? pack.key() else { return nil }
    let count = try? run.repository.storage.read(key, at: job.bytes.lowerBound, into: buffer)
    return count == buffer.count ? buffer : nil
  }

  /// - Returns: nil when the frame does not open.
  private func open(
    _ encoded: UnsafeRawBufferPointer, _ first: ContentPiece, _ worker: RestoreWorker, buffer: Int
  ) -> UnsafeRawBufferPointer? {
    let location = FrameLocation(
      pack: window.packs[Int(first.pack)], offset: first.frameOffset, encodedLength: first.encodedLength, rawLength: first.rawLength,
      codec: first.codec, keyReference: first.keyRef)
    let raw = worker.rawBuffer(Int(first.rawLength), number: buffer)
    do {
      try blobs.openFrame(location, encoded: encoded, into: raw, compressor: worker.compressor)
      return UnsafeRawBufferPointer(raw)
    } catch { return nil }
  }

  /// Hands on what hashes to its id; the rest is looked for elsewhere.
  private func deliver(_ frames: [Opened], _ worker: RestoreWorker) throws {
    var blobs: [(type: BlobType, bytes: UnsafeRawBufferPointer)] = []
    // For each piece the number of its blob; the same blob may be wanted many times, and lies at neighbouring places then.
    var numbers: [Int] = []
    for frame in frames {
      var last: ContentPiece?
      for piece in frame.pieces {
        let start = Int(piece.memberOffset)
        let end = start + Int(piece.length)
        if last?.memberOffset != piece.memberOffset || last?.length != piece.length {
          // `locate` has checked each piece against its own frame's length, which pieces of one offset should share; it is read data.
          blobs.append((.data, UnsafeRawBufferPointer(rebasing: end <= frame.raw.count ? frame.raw[start..<end] : frame.raw[..<0])))
        }
        last = piece
        numbers.append(blobs.count - 1)
      }
    }
    let ids = run.repository.keys.blobIDs(blobs)
    var next = 0
    for piece in frames.lazy.flatMap(\.pieces) {
      let number = numbers[next]
      next += 1
      if ids[number] == piece.id, blobs[number].bytes.count == Int(piece.length) {
        try deliver(piece, blobs[number].bytes)
      } else {
        try recover([piece], worker)
      }
    }
  }

  /// Looks for each blob wherever else it may be.
  private func recover(_ pieces: ArraySlice<ContentPiece>, _ worker: RestoreWorker) throws {
    for piece in pieces {
      let file = window.files[Int(piece.file)]
      if !file.isFailed {
        do {
          try run.context.cancellation.check()
          let bytes = try blobs.read(piece.id, .data)
          guard bytes.count == Int(piece.length) else { throw CairnError.damaged("the content list", .invalid("a length")) }
          try bytes.withUnsafeBytes { try write(piece, $0, file) }
        } catch { try fail(piece, file, error) }
      }
      if file.complete() { try run.finish(file) }
    }
  }

  private func deliver(_ piece: ContentPiece, _ bytes: UnsafeRawBufferPointer) throws {
    let file = window.files[Int(piece.file)]
    if !file.isFailed {
      do { try write(piece, bytes, file) } catch { try fail(piece, file, error) }
    }
    if file.complete() { try run.finish(file) }
  }

  /// A file that lacks a piece is given up; the rest of a destination is worth having.
  private func fail(_ piece: ContentPiece, _ file: PendingFile, _ error: any Error) throws {
    guard file.destination != nil else { return try run.fail(file, error) }
    let end = piece.fileOffset + UInt64(piece.length) - 1
    try run.note(error, file.path, during: "restoring bytes \(piece.fileOffset) to \(end)")
  }

  private func write(_ piece: ContentPiece, _ bytes: UnsafeRawBufferPointer, _ file: PendingFile) throws {
    let target = try file.destination ?? run.temporary(of: file).file
    if file.destination != nil { run.tally.bytesRestored.add(UInt64(bytes.count)) }
    if run.options.sparse {
      try ZeroRuns.forEachData(bytes, at: piece.fileOffset) { range in
        try target.write(UnsafeRawBufferPointer(rebasing: bytes[range]), at: piece.fileOffset + UInt64(range.lowerBound))
      }
    } else {
      try target.write(bytes, at: piece.fileOffset)
    }
    run.context.counters.bytesDone.add(UInt64(bytes.count))
  }
}
