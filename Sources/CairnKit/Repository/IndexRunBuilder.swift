import CairnFormat
import CairnSystem

/// Collects packs and writes them as one sorted image.
///
/// Holds 32 bytes a blob, 20 a frame and 64 a pack until it is written; the caller writes before that exceeds its budget.
struct IndexRunBuilder {
  private(set) var packs: [SegmentPack] = []
  private(set) var frames: [SegmentFrame] = []
  private(set) var entries: [SegmentEntry] = []
  private(set) var covers: [ObjectHash] = []

  var isEmpty: Bool { packs.isEmpty && covers.isEmpty }
  var byteCount: Int { entries.count * MemoryLayout<SegmentEntry>.stride + frames.count * 20 + packs.count * 64 }

  /// - Parameter digest: of the delta that these packs came with; nil for packs found otherwise.
  mutating func add(_ added: [IndexedPack], digest: ObjectHash?) {
    for pack in added {
      let number = UInt32(packs.count)
      packs.append(SegmentPack(hash: pack.hash, owner: pack.owner, size: pack.size, packClass: pack.packClass))
      pack.forEachFrame { frame, offset in
        let frameNumber = UInt32(frames.count)
        frames.append(
          SegmentFrame(
            pack: number, offset: offset, encodedLength: frame.encodedLength, rawLength: frame.rawLength, codec: frame.codec,
            keyRef: frame.keyReference))
        var memberOffset: UInt32 = 0
        for member in frame.members {
          entries.append(
            SegmentEntry(key: member.key, frame: frameNumber, memberOffset: memberOffset, length: member.length, type: member.type))
          memberOffset &+= member.length
        }
      }
    }
    if let digest { covers.append(digest) }
  }

  /// Sorts and writes the image.
  mutating func write(repository: Repository, emit: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
    entries.sort(by: SegmentEntry.precedes)
    var writer = try SegmentImageWriter(
      image: SystemRandom.bytes(16), repository: repository.id, key: IndexCache.key(repository), entries: entries.count,
      frames: frames.count, packs: packs.count, covers: covers, emit: emit)
    for pack in packs { try writer.append(pack) }
    for frame in frames { try writer.append(frame) }
    for entry in entries { try writer.append(entry) }
    try writer.finish()
  }

  /// Writes the union of images as one, streaming: entries are merged by key, packs and frames are put one after another.
  static func merge(_ runs: [IndexRun], repository: Repository, emit: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
    let images = runs.map(\.image)
    func total(_ count: (SegmentImageReader) -> Int) -> Int { images.reduce(0) { $0 + count($1) } }
    var writer = try SegmentImageWriter(
      image: SystemRandom.bytes(16), repository: repository.id, key: IndexCache.key(repository), entries: total(\.entryCount),
      frames: total(\.frameCount), packs: total(\.packCount), covers: runs.flatMap(\.covers), emit: emit)
    for image in images { for number in 0..<image.packCount { try writer.append(try image.pack(number)) } }
    var packBase: UInt32 = 0
    for image in images {
      for number in 0..<image.frameCount {
        var frame = try image.frame(number)
        frame.pack += packBase
        try writer.append(frame)
      }
      packBase += UInt32(image.packCount)
    }
    try mergeEntries(images, into: &writer)
    try writer.finish()
  }

  private static func mergeEntries(_ images: [SegmentImageReader], into writer: inout SegmentImageWriter) throws {
    var bases: [UInt32] = []
    var base: UInt32 = 0
    for image in images {
      bases.append(base)
      base += UInt32(image.frameCount)
    }
    func load(_ number: Int, _ position: Int) throws -> SegmentEntry? {
      guard position < images[number].entryCount else { return nil }
      var entry = try images[number].entry(position)
      entry.frame += bases[number]
      return entry
    }
    var positions = [Int](repeating: 0, count: images.count)
    var heads = try images.indices.map { try load($0, 0) }
    while true {
      var least: Int?
      for (number, head) in heads.enumerated() {
        guard let head else { continue }
        if let current = least, let best = heads[current], !SegmentEntry.precedes(head, best) { continue }
        least = number
      }
      guard let number = least, let entry = heads[number] else { return }
      try writer.append(entry)
      positions[number] += 1
      heads[number] = try load(number, positions[number])
    }
  }
}
