import CairnFormat
import CairnStorage
import CairnSystem

/// One sorted image of blob places, mapped from a file or held in memory.
final class IndexRun: Sendable {
  /// What keeps the image's bytes alive.
  enum Memory: Sendable {
    case mapped(MappedFile)
    case heap(HeapBytes)

    var bytes: UnsafeRawBufferPointer {
      switch self {
      case .mapped(let file): file.bytes
      case .heap(let heap): heap.bytes
      }
    }
  }

  /// Bytes outside of Swift arrays, so that a pointer to them stays good.
  final class HeapBytes: @unchecked Sendable {
    // Written once before it is shared.
    let bytes: UnsafeRawBufferPointer
    init(_ array: [UInt8]) {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: array.count, alignment: 64)
      copy.copyBytes(from: array)
      bytes = UnsafeRawBufferPointer(copy)
    }
    deinit { bytes.deallocate() }
  }

  let image: SegmentImageReader
  let covers: [ObjectHash]
  /// The file's name in the cache directory; nil for memory.
  let fileName: [UInt8]?
  private let memory: Memory
  /// Removes the file that turned out to be damaged.
  private let discard: @Sendable () -> Void

  /// Images up to this size are verified whole when they are opened (34 ms at 1.9 GB/s), larger ones page by page when touched.
  private static let eagerBytes = 64 << 20

  init(
    _ memory: Memory, fileName: [UInt8]?, repository: Repository, discard: @escaping @Sendable () -> Void = {}
  ) throws(FormatError) {
    self.memory = memory
    self.fileName = fileName
    self.discard = discard
    image = try SegmentImageReader(memory.bytes, repository: repository.id, key: IndexCache.key(repository))
    if memory.bytes.count <= Self.eagerBytes { try image.verifyAll() }
    covers = try image.covers()
  }

  /// An image in memory, of what `write` produces.
  static func inMemory(
    _ repository: Repository, _ write: (@escaping (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws -> IndexRun {
    let sink = ByteSink()
    try write { sink.bytes.append(contentsOf: $0) }
    do {
      return try IndexRun(.heap(HeapBytes(sink.bytes)), fileName: nil, repository: repository)
    } catch { throw CairnError(.failed, "An index image in memory is damaged (\(error)): the memory of this machine is faulty.") }
  }

  private final class ByteSink { var bytes: [UInt8] = [] }

  func contains(_ key: BlobKey) throws -> Bool { try guarded { () throws(FormatError) in try image.find(key) } != nil }

  /// Calls `body` for each entry with this key until it returns false; says whether to go on with the next run.
  func forEachEntry(_ key: BlobKey, _ body: (Int, SegmentEntry) throws -> Bool) throws -> Bool {
    guard var position = try guarded({ () throws(FormatError) in try image.find(key) }) else { return true }
    while position < image.entryCount {
      let entry = try guarded { () throws(FormatError) in try image.entry(position) }
      guard entry.key == key else { return true }
      if try !body(position, entry) { return false }
      position += 1
    }
    return true
  }

  /// Calls `body` with each frame, in the order of the image.
  func forEachFrame(_ body: (SegmentFrame) throws -> Void) throws {
    for number in 0..<image.frameCount { try body(guarded { () throws(FormatError) in try image.frame(number) }) }
  }

  /// Calls `body` with each entry's position, the entry and its frame, in the order of keys.
  func forEachEntry(_ body: (Int, SegmentEntry, SegmentFrame) throws -> Void) throws {
    for position in 0..<image.entryCount {
      let entry = try guarded { () throws(FormatError) in try image.entry(position) }
      try body(position, entry, guarded { () throws(FormatError) in try image.frame(Int(entry.frame)) })
    }
  }

  /// The number in this run of the pack that an entry's frame lies in.
  func packNumber(of entry: SegmentEntry) throws -> Int {
    Int(try guarded { () throws(FormatError) in try image.frame(Int(entry.frame)) }.pack)
  }

  func location(_ entry: SegmentEntry, ordinal: Int) throws -> BlobLocation {
    let frame = try guarded { () throws(FormatError) in try image.frame(Int(entry.frame)) }
    return BlobLocation(
      frame: FrameLocation(
        pack: try pack(Int(frame.pack)), offset: frame.offset, encodedLength: frame.encodedLength, rawLength: frame.rawLength,
        codec: frame.codec, keyReference: frame.keyRef),
      memberOffset: Int(entry.memberOffset), length: Int(entry.length), type: entry.type, ordinal: ordinal)
  }

  func pack(_ number: Int) throws -> PackIdentity {
    let pack = try guarded { () throws(FormatError) in try image.pack(number) }
    return PackIdentity(hash: pack.hash, owner: pack.owner, packClass: pack.packClass, size: pack.size)
  }

  /// A page of a large image that proves bad when it is touched: the cache is at fault, never the repository.
  private func guarded<R>(_ body: () throws(FormatError) -> R) throws -> R {
    do { return try body() } catch {
      discard()
      throw CairnError(
        .failed, "The index cache was damaged (\(error)) and has been removed.",
        guidance: "Run the same command again; it makes the cache anew.")
    }
  }
}
