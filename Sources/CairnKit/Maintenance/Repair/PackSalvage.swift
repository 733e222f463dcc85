import CairnFormat
import CairnStorage
import CairnSystem

/// Copies what can be read of damaged packs into new ones, and notes what cannot and lies nowhere else.
struct PackSalvage {
  let view: RepositoryView
  let bad: Set<PackName>
  let writer: PackWriter
  let wanted: WantedBlobs
  let context: RunContext
  private let compressor = Compressor()
  /// Blobs taken over: another damaged pack may have them, too.
  private let copied: OrdinalBitmap
  /// Blobs taken over.
  private(set) var salvaged: UInt64 = 0

  init(_ view: RepositoryView, _ bad: Set<PackName>, _ writer: PackWriter, _ wanted: WantedBlobs, _ context: RunContext) {
    self.view = view
    self.bad = bad
    self.writer = writer
    self.wanted = wanted
    self.context = context
    copied = OrdinalBitmap(capacity: view.index.count)
  }

  mutating func salvage(_ damaged: PackExamination.BadPack) throws {
    let loaded = LoadedPack(damaged.pack)
    for (number, frame) in damaged.pack.frames.enumerated() {
      try context.cancellation.check()
      let needed = try frame.members.filter { try !isElsewhere($0.key) }
      guard !needed.isEmpty else { continue }
      if damaged.isThere, try copy(loaded.location(number), frame, damaged.pack.packClass) {
        salvaged += UInt64(frame.members.count)
        for member in frame.members { _ = wanted.drop(member.key) }
      } else {
        for member in needed where try !isCopied(member.key) { wanted.add(member.key, member.type) }
      }
    }
  }

  /// - Returns: whether the frame is good and lies in a new pack now.
  private func copy(_ location: FrameLocation, _ frame: FrameEntry, _ packClass: PackClass) throws -> Bool {
    let key = try location.pack.key()
    let result = try ObjectFault.catching {
      try withUnsafeTemporaryAllocation(byteCount: Int(frame.encodedLength), alignment: 16) { encoded in
        try view.repository.storage.readExactly(key, at: UInt64(location.offset), into: encoded)
        try withUnsafeTemporaryAllocation(byteCount: Int(frame.rawLength), alignment: 16) { raw in
          try view.blobs.openFrame(location, encoded: UnsafeRawBufferPointer(encoded), into: raw, compressor: compressor)
          try verify(frame, UnsafeRawBufferPointer(raw))
        }
        return Array(UnsafeRawBufferPointer(encoded))
      }
    }
    guard case .success(let bytes) = result else { return false }
    try bytes.withUnsafeBytes { try writer.append(frame, $0, packClass) }
    for member in frame.members { if let place = try view.index.locate(member.key) { copied.insert(place.ordinal) } }
    return true
  }

  private func isCopied(_ key: BlobKey) throws -> Bool { try view.index.locate(key).map { copied.contains($0.ordinal) } ?? false }

  private func verify(_ frame: FrameEntry, _ raw: UnsafeRawBufferPointer) throws {
    var offset = 0
    for member in frame.members {
      let blob = UnsafeRawBufferPointer(rebasing: raw[offset..<(offset + Int(member.length))])
      guard view.repository.keys.blobID(member.type, blob).key == member.key else { throw FormatError.invalid("blob of a frame") }
      offset += Int(member.length)
    }
  }

  /// Whether a pack that is not known to be damaged has the blob, and it can be read there.
  private func isElsewhere(_ key: BlobKey) throws -> Bool {
    let places = try view.index.locations(key)
    if let first = places.first, copied.contains(first.ordinal) { return true }
    for place in places where !bad.contains(place.frame.pack.packName) {
      let result = try ObjectFault.catching {
        try view.blobs.withRawFrame(place.frame, cached: true) { raw in
          guard place.memberOffset + place.length <= raw.count else { throw FormatError.truncated }
          let blob = UnsafeRawBufferPointer(rebasing: raw[place.memberOffset..<(place.memberOffset + place.length)])
          guard view.repository.keys.blobID(place.type, blob).key == key else { throw FormatError.authenticationFailed }
        }
      }
      if case .success = result { return true }
    }
    return false
  }
}
