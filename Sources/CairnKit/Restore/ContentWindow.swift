import CairnFormat

/// A piece of a file that is to be fetched: which blob, where it lies in the repository, and where it goes. 80 bytes.
struct ContentPiece: Sendable {
  var id: BlobID
  /// Bytes from the start of the file.
  var fileOffset: UInt64
  var length: UInt32
  /// Number of the file in the window.
  var file: UInt32
  /// Number of the pack in the window; `ContentPiece.nowhere` when the index does not have the blob.
  var pack: UInt32 = ContentPiece.nowhere
  var frameOffset: UInt32 = 0
  var encodedLength: UInt32 = 0
  var rawLength: UInt32 = 0
  var memberOffset: UInt32 = 0
  var codec: UInt8 = 0
  var keyRef: UInt8 = 0

  static let nowhere = UInt32.max

  init(id: BlobID, fileOffset: UInt64, length: UInt32, file: UInt32) {
    self.id = id
    self.fileOffset = fileOffset
    self.length = length
    self.file = file
  }

  /// The order in which pieces are fetched.
  static func isBefore(_ a: ContentPiece, _ b: ContentPiece) -> Bool {
    if a.pack != b.pack { return a.pack < b.pack }
    if a.frameOffset != b.frameOffset { return a.frameOffset < b.frameOffset }
    if a.memberOffset != b.memberOffset { return a.memberOffset < b.memberOffset }
    return (a.file, a.fileOffset) < (b.file, b.fileOffset)
  }
}

/// Content that is planned and fetched together: what bounds the memory of a restore whatever the size of the snapshot.
///
/// Built by the walk, then handed on; one thread at a time changes it.
final class ContentWindow: @unchecked Sendable {
  // Unchecked: ownership moves with the message; while workers run, they only read it.

  /// Three windows are there at most (one is filled, one waits, one is worked on): pieces take up to 16 MB and files about 12 MB.
  static let maximumPieces = 1 << 16
  static let maximumFiles = 1 << 13

  struct Hole: Sendable {
    var file: UInt32
    var range: Range<UInt64>
  }

  var files: [PendingFile] = []
  /// Until they are located, in the order of the walk: the pieces of one file lie together, ascending.
  var pieces: [ContentPiece] = []
  /// Holes of files that are compared with existing ones, ordered as the pieces.
  var holes: [Hole] = []
  /// Numbers of files of which no further pieces come.
  var complete: [UInt32] = []
  /// Files of more than one piece: each holds a descriptor while its pieces come in.
  var filesOfPieces = 0
  var packs: [PackIdentity] = []

  var isEmpty: Bool { files.isEmpty }

  func isFull(fileBudget: Int) -> Bool {
    pieces.count >= Self.maximumPieces || holes.count >= Self.maximumPieces || files.count >= Self.maximumFiles
      || filesOfPieces >= fileBudget
  }

  // MARK: - Locating

  /// Drops the pieces that existing files have, finds out where the others lie, and puts them in the order of the packs.
  ///
  /// - Parameter isEqual: for each piece, in the order of the walk.
  func locate(in index: BlobIndex, isEqual: [Bool]) {
    var wanted: [ContentPiece] = []
    wanted.reserveCapacity(pieces.count)
    var numbers: [PackIdentity: UInt32] = [:]
    for (position, piece) in pieces.enumerated() where isEqual.isEmpty || !isEqual[position] {
      var piece = piece
      if let location = Self.place(of: piece, in: index) { assign(location, to: &piece, &numbers) }
      wanted.append(piece)
    }
    pieces = wanted
    pieces.sort(by: ContentPiece.isBefore)
  }

  /// Nil when the index does not have it, or something else: whoever fetches the piece then looks for other copies.
  private static func place(of piece: ContentPiece, in index: BlobIndex) -> BlobLocation? {
    // `try?`: an index that cannot be read is as good as one that does not have the blob.
    guard let location = try? index.locate(piece.id.key), location.type == .data, location.length == Int(piece.length) else { return nil }
    let frame = location.frame
    guard Int(frame.encodedLength) <= Limits.frameEncodedBytes, Int(frame.rawLength) <= Limits.frameRawBytes, location.memberOffset >= 0,
      location.memberOffset + location.length <= Int(frame.rawLength)
    else { return nil }
    return location
  }

  private func assign(_ location: BlobLocation, to piece: inout ContentPiece, _ numbers: inout [PackIdentity: UInt32]) {
    let frame = location.frame
    if let last = packs.last, last == frame.pack {
      piece.pack = UInt32(packs.count - 1)
    } else if let known = numbers[frame.pack] {
      piece.pack = known
    } else {
      piece.pack = UInt32(packs.count)
      numbers[frame.pack] = piece.pack
      packs.append(frame.pack)
    }
    piece.frameOffset = frame.offset
    piece.encodedLength = frame.encodedLength
    piece.rawLength = frame.rawLength
    piece.codec = frame.codec
    piece.keyRef = frame.keyReference
    piece.memberOffset = UInt32(location.memberOffset)
  }

  // MARK: - Jobs

  /// Pieces that are fetched with one read: neighbours in one pack.
  struct FetchJob: Sendable {
    var pieces: Range<Int>
    /// Bytes of the pack, from the first frame's start to the last frame's end; empty for pieces that lie nowhere.
    var bytes: Range<UInt64>
  }

  /// Frames nearer than this are fetched with what lies between them: cheaper than a second request, also on a local disk.
  static let largestGap: UInt64 = 64 << 10
  static let largestRead: UInt64 = 8 << 20
  static let largestJob = 4096

  /// - Parameter workers: so many may share the work; a small window is cut into smaller reads.
  func fetchJobs(workers: Int) -> [FetchJob] {
    let total = pieces.reduce(UInt64(0)) { $0 + UInt64($1.length) }
    let read = min(Self.largestRead, max(1 << 20, total / UInt64(workers * 4)))
    var jobs: [FetchJob] = []
    for (position, piece) in pieces.enumerated() {
      let start = UInt64(piece.frameOffset)
      let end = start + UInt64(piece.encodedLength)
      if let last = jobs.last, let before = position > 0 ? pieces[position - 1] : nil, before.pack == piece.pack,
        piece.pack != ContentPiece.nowhere, canJoin(last, before, piece, start, end, read)
      {
        jobs[jobs.count - 1].pieces = last.pieces.lowerBound..<(position + 1)
        jobs[jobs.count - 1].bytes = last.bytes.lowerBound..<max(last.bytes.upperBound, end)
      } else {
        jobs.append(FetchJob(pieces: position..<(position + 1), bytes: piece.pack == ContentPiece.nowhere ? 0..<0 : start..<end))
      }
    }
    return jobs
  }

  private func canJoin(
    _ job: FetchJob, _ before: ContentPiece, _ piece: ContentPiece, _ start: UInt64, _ end: UInt64, _ read: UInt64
  ) -> Bool {
    if before.frameOffset == piece.frameOffset { return true }
    // Frames that overlap are a lie of the index; each is then read by itself and fails by itself.
    guard start >= job.bytes.upperBound, start - job.bytes.upperBound <= Self.largestGap else { return false }
    return job.pieces.count < Self.largestJob && end - job.bytes.lowerBound <= read
  }
}
