import CairnFormat
import CairnStorage
import CairnSystem
import Glibc

/// Looks at packs for one thread, with buffers of its own.
final class PackInspector {
  private let run: CheckRun
  private let compressor = Compressor()
  private var pack = GrowingBuffer()
  private var raw = GrowingBuffer()
  private var otherRaw = GrowingBuffer()

  init(run: CheckRun) { self.run = run }

  func inspect(_ job: PackCheck.Job) throws {
    try run.context.cancellation.check()
    let name = job.name
    guard let key = ObjectKey(kind: .packs, name: name.name) else { return }
    guard let size = job.size else {
      run.damage.note(name)
      return run.damage.add(pack: name, add(key, "is missing"))
    }
    switch job.source {
    case .indexed(let expected): try inspect(key, name, expected, size: size, isReadWhole: job.isReadWhole)
    case .unlisted:
      let own = try ObjectFault.catching { try PackFile.read(key, size: size, storage: run.storage, keys: run.keys, .damagedTrailer) }
      switch own {
      case .success(let expected): try inspect(key, name, expected, size: size, isReadWhole: job.isReadWhole)
      case .failure(let fault): run.damage.add(pack: name, add(key, fault.what))
      }
    }
    if job.isReadWhole { run.context.counters.filesDone.add() }
  }

  private func inspect(_ key: ObjectKey, _ name: PackName, _ expected: IndexedPack, size: UInt64, isReadWhole: Bool) throws {
    if !isReadWhole {
      guard let fault = try headFault(key, expected, size: size) else { return }
      // Something is wrong at the ends. Which blobs are still good can only be told by reading it all.
      return try readWhole(key, name, expected, size: size, fault: fault)
    }
    try readWhole(key, name, expected, size: size, fault: nil)
    run.packsRead.add()
  }

  private func add(_ key: ObjectKey, _ what: String) -> FindingList.Place? {
    run.findings.add(
      key.path, what, .harmless,
      next: "No snapshot needs what is damaged, so nothing is lost; 'cairn repair packs' takes the pack out of use.")
  }

  // MARK: - Header, directory, trailer

  /// What is wrong with the two ends of a pack, by two small reads; nil when they agree with the index.
  private func headFault(_ key: ObjectKey, _ expected: IndexedPack, size: UInt64) throws -> ObjectFault? {
    let result = try ObjectFault.catching {
      try checkSize(size, expected)
      let table = try PackDirectory.encode(expected.frames, packClass: expected.packClass)
      let tailLength = min(Int(expected.size), table.count + PackDirectory.overhead + PackTrailer.length)
      let header = try range(key, at: 0, count: Int(expected.headerLength))
      let tail = try range(key, at: size - UInt64(tailLength), count: tailLength)
      let trailer = try tail.withUnsafeBytes { bytes throws(FormatError) in
        try PackTrailer.decode(UnsafeRawBufferPointer(rebasing: bytes.suffix(PackTrailer.length)), packSize: size)
      }
      let start = Int64(trailer.directoryOffset) - Int64(size) + Int64(tailLength)
      // The usual case: the directory lies where the index makes us expect it, and the second read brought it along.
      let isInTail = start >= 0 && Int(start) + Int(trailer.directoryLength) <= tailLength
      let sealed =
        try isInTail
        ? Array(tail[Int(start)..<Int(start) + Int(trailer.directoryLength)])
        : range(key, at: trailer.directoryOffset, count: Int(trailer.directoryLength))
      try compare(header, sealed, trailer, expected)
    }
    guard case .failure(let fault) = result else { return nil }
    return fault
  }

  private func checkSize(_ size: UInt64, _ expected: IndexedPack) throws {
    guard size != expected.size else { return }
    if size == 0 { throw ObjectFault(what: "is empty") }
    throw ObjectFault(what: "\(size < expected.size ? "is cut short: it" : "has grown: it") has \(size) bytes instead of \(expected.size)")
  }

  private func compare(_ headerBytes: [UInt8], _ sealed: [UInt8], _ trailer: PackTrailer, _ expected: IndexedPack) throws {
    do {
      let header = try PackHeader.decode(headerBytes)
      guard header.session == expected.owner, header.packClass == expected.packClass, header.encodedLength == Int(expected.headerLength)
      else {
        throw ObjectFault(what: "is another pack than its name says")
      }
      let frames = try sealed.withUnsafeBytes { bytes throws(FormatError) in
        try PackDirectory.open(bytes, header: header, offset: trailer.directoryOffset, keys: run.keys)
      }
      guard frames == expected.frames else { throw ObjectFault(what: "holds another directory than the index says: it is another pack") }
    } catch let error as FormatError {
      throw ObjectFault(what: "has a damaged header or directory (\(error))")
    }
    try checkIndex(expected)
  }

  /// Whether the local image of the index finds what the repository's index says.
  private func checkIndex(_ expected: IndexedPack) throws {
    var offset = expected.headerLength
    for frame in expected.frames {
      if let member = frame.members.first {
        let places = try run.view.index.locations(member.key)
        let isFound = places.contains {
          $0.frame.pack.hash == expected.hash && $0.frame.pack.owner == expected.owner && $0.frame.offset == offset
        }
        if !isFound {
          run.findings.add("the local cache of the index", "does not agree with the repository", .harmless, next: CheckAdvice.cache)
        }
      }
      offset &+= frame.encodedLength
    }
  }

  private func range(_ key: ObjectKey, at offset: UInt64, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let got = try run.storage.read(key, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      guard got == count else { throw StorageError.truncated(key) }
      initialized = count
    }
  }

  // MARK: - All bytes

  /// Reads as much of the pack as there is, compares its hash, and opens every frame.
  private func readWhole(_ key: ObjectKey, _ name: PackName, _ expected: IndexedPack, size: UInt64, fault: ObjectFault?) throws {
    var window = Window(length: Int(min(size, expected.size)), capacity: max(Self.windowBytes, expected.largestFrame))
    let memory = pack.bytes(window.capacity)
    // The pack's own hash is taken beside those of its blobs; then blobs are hashed two at a time, also those of two frames.
    var whole = SHA256Digest.Companion(UnsafeRawBufferPointer(rebasing: memory[..<0]))
    var bad: [(offset: UInt32, members: Int)] = []
    var opened: [Opened] = []
    func close() {
      for frame in compare(opened, beside: &whole) { bad.append((frame.offset, frame.entry.members.count)) }
      opened.removeAll(keepingCapacity: true)
    }
    try expected.forEachFrame { frame, offset in
      let place = Int(offset)..<Int(offset) + Int(frame.encodedLength)
      while place.upperBound > window.end, window.end < window.length { try slide(&window, to: place.lowerBound, key, memory, &whole) }
      let room = opened.isEmpty ? raw.bytes(Int(frame.rawLength)) : otherRaw.bytes(Int(frame.rawLength))
      if let encoded = window.bytes(place, in: memory), let content = open(frame, encoded, expected, into: room) {
        opened.append(Opened(entry: frame, offset: offset, raw: content))
        if !whole.rest.isEmpty || opened.count == 2 || frame.members.count > 1 { close() }
      } else {
        bad.append((offset, frame.members.count))
      }
    }
    close()
    while window.end < window.length { try slide(&window, to: window.end, key, memory, &whole) }
    let failure = window.failure
    let hash = failure == nil ? whole.finish() : nil
    guard let what = try describe(key, expected, size: size, hash: hash, fault: fault, failure: failure, bad) else {
      return try checkIndex(expected)
    }
    run.damage.note(name)
    let parity = hash == expected.hash ? nil : try parity(key, size: size)
    let place =
      parity?.isMendable == true
      ? run.findings.add(key.path, what + places(parity), .harmless, next: CheckAdvice.parity, isMendable: true)
      : add(key, what + places(parity))
    for frame in bad { run.damage.add(frameAt: frame.offset, of: name, place) }
  }

  /// What parity says of a pack that does not hash to its name; nil when it cannot be asked.
  private func parity(_ key: ObjectKey, size: UInt64) throws -> PackParity? {
    let result = try ObjectFault.catching { try PackParity(key, size: size, storage: run.storage) }
    guard case .success(let parity) = result, parity.decoder != nil else { return nil }
    return parity
  }

  private func places(_ parity: PackParity?) -> String {
    guard let parity else { return "" }
    return parity.refusal.map { "; \(parity.places) are damaged, and \($0)" } ?? "; \(parity.places) are damaged, and parity can mend them"
  }

  /// What is wrong, in one sentence; nil when nothing is.
  private func describe(
    _ key: ObjectKey, _ expected: IndexedPack, size: UInt64, hash: ObjectHash?, fault: ObjectFault?, failure: StorageError?,
    _ bad: [(offset: UInt32, members: Int)]
  ) throws -> String? {
    var fault = fault
    if fault == nil, case .failure(let found) = try ObjectFault.catching({ try checkSize(size, expected) }) { fault = found }
    if fault == nil, let failure { fault = ObjectFault(what: failure.predicate) }
    if fault == nil, hash != expected.hash {
      fault = try headFault(key, expected, size: size) ?? ObjectFault(what: "is damaged: its \(size) bytes do not hash to its name")
    }
    if fault == nil, bad.isEmpty { return nil }
    let what = fault?.what ?? "holds other content than its directory says"
    guard !bad.isEmpty else { return "\(what); every blob in it is good" }
    let blobs = bad.reduce(0) { $0 + $1.members }
    return "\(what); \(blobs) of its \(expected.frames.reduce(0) { $0 + $1.members.count }) blobs cannot be read"
  }

  /// Bytes of a pack that are held at once, unless a frame is larger.
  private static let windowBytes = 8 << 20

  /// What a thread touches: the window, and two of the largest frames before compression.
  ///
  /// - Parameter frame: `Config.largestFrameBytes`.
  static func memoryBytes(largest frame: Int) -> Int { max(windowBytes, frame) + 2 * frame }

  /// The part of a pack that lies in memory, from `start` to `end`.
  private struct Window {
    /// Of the pack, as far as it is there.
    let length: Int
    let capacity: Int
    var start = 0
    var end = 0
    /// Ranges of the pack that could be read, ascending.
    var good: [Range<Int>] = []
    /// The first failure.
    var failure: StorageError?

    /// Nil where some of it could not be read.
    func bytes(_ range: Range<Int>, in memory: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer? {
      guard range.lowerBound >= start, good.contains(where: { $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound })
      else { return nil }
      return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[range.lowerBound - start..<range.upperBound - start])
    }
  }

  /// Moves the window forward: keeps what it has from `keep` on, which may be its end, and reads as much behind it as there is room for.
  private func slide(
    _ window: inout Window, to keep: Int, _ key: ObjectKey, _ memory: UnsafeMutableRawBufferPointer, _ whole: inout SHA256Digest.Companion
  ) throws {
    // Frames follow each other, and so never begin behind the window or before it.
    let keep = min(max(keep, window.start), window.end)
    whole.finishRest()
    let kept = window.end - keep
    if let base = memory.baseAddress, keep > window.start { memmove(base, base + (keep - window.start), kept) }
    window.start = keep
    let target = UnsafeMutableRawBufferPointer(rebasing: memory[kept..<min(window.capacity, window.length - keep)])
    try read(key, &window, into: target)
    whole.append(UnsafeRawBufferPointer(target))
  }

  /// Reads what follows the window, in pieces; where a piece cannot be read, goes on behind it.
  private func read(_ key: ObjectKey, _ window: inout Window, into buffer: UnsafeMutableRawBufferPointer) throws {
    var offset = 0
    while offset < buffer.count {
      try run.context.cancellation.check()
      // Whole frames lie within a few of these; smaller ones would lose less to a bad block and cost more calls.
      let end = min(offset + (window.failure == nil ? 4 << 20 : 64 << 10), buffer.count)
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<end])
      let place = window.end..<window.end + piece.count
      do throws(StorageError) {
        try run.storage.readExactly(key, at: UInt64(place.lowerBound), into: piece)
        if let last = window.good.last, last.upperBound == place.lowerBound {
          window.good[window.good.count - 1] = last.lowerBound..<place.upperBound
        } else {
          window.good.append(place)
        }
        run.bytesRead.add(UInt64(piece.count))
        run.context.counters.bytesDone.add(UInt64(piece.count))
      } catch {
        // The piece once more in small steps, then past what cannot be read.
        if window.failure == nil {
          window.failure = error
          continue
        }
      }
      offset = end
      window.end = place.upperBound
    }
  }

  /// A frame and its content before compression.
  private struct Opened {
    let entry: FrameEntry
    let offset: UInt32
    let raw: UnsafeRawBufferPointer
  }

  /// - Parameter room: at least as many bytes as the frame has before compression.
  /// - Returns: the content; nil when the frame does not open.
  private func open(
    _ frame: FrameEntry, _ encoded: UnsafeRawBufferPointer, _ expected: IndexedPack, into room: UnsafeMutableRawBufferPointer
  ) -> UnsafeRawBufferPointer? {
    let content = UnsafeMutableRawBufferPointer(rebasing: room[..<Int(frame.rawLength)])
    do {
      try FrameCodec.open(
        keys: run.keys, packClass: expected.packClass, codec: frame.codec, keyReference: frame.keyReference, encoded: encoded,
        into: content, compressor: compressor)
      return UnsafeRawBufferPointer(content)
    } catch { return nil }
  }

  /// - Returns: the frames whose members do not have the keys that the index says.
  private func compare(_ frames: [Opened], beside whole: inout SHA256Digest.Companion) -> [Opened] {
    var ids = run.keys.blobIDs(frames.flatMap { $0.entry.blobs(of: $0.raw) }, beside: &whole)[...]
    return frames.filter { frame in
      let members = frame.entry.members
      defer { ids.removeFirst(members.count) }
      guard zip(ids, members).allSatisfy({ $0.key == $1.key }) else { return true }
      run.blobsRead.add(UInt64(members.count))
      return false
    }
  }
}

/// Memory that grows to the largest size asked for and is given back at the end.
private struct GrowingBuffer: ~Copyable {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  deinit { memory.deallocate() }

  /// At least `count` bytes of whatever content.
  mutating func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if memory.count < count {
      memory.deallocate()
      memory = .allocate(byteCount: count, alignment: 4096)
    }
    return memory
  }
}
