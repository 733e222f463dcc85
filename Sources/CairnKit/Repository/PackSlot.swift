import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// A sealed frame on its way into a pack. Owns a pooled buffer.
final class SealedFrame: Sendable {
  let buffer: PooledBuffer
  let length: Int
  let packClass: PackClass
  let entry: FrameEntry

  init(buffer: PooledBuffer, length: Int, packClass: PackClass, entry: FrameEntry) {
    self.buffer = buffer
    self.length = length
    self.packClass = packClass
    self.entry = entry
  }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[..<length]) }
}

/// The open pack of one class: frames are written as they come, the directory when it is full. One thread at a time is
/// let in by the lock; others wait, which only happens while a pack is closed.
final class PackSlot: Sendable {
  private struct Open {
    var writer: any ObjectWriter
    var digest: SHA256Digest.Incremental
    var header: PackHeader
    var owner: SessionID
    var written: Int
    var frames: [FrameEntry] = []
    var members = 0
  }

  private let state = Mutex<OpenBox?>(nil)
  private let storage: any Storage
  private let keys: KeySet
  private let packClass: PackClass
  private let target: Int
  private let parity: ParityChoice?

  /// The open pack lives in a class so that it can be changed in place under the lock.
  private final class OpenBox: @unchecked Sendable {
    var open: Open
    init(_ open: Open) { self.open = open }
  }

  /// - Parameters:
  ///   - target: bytes at which a pack is full, directory and padding included, parity not.
  ///   - parity: the shards of every pack; nil for none.
  init(storage: any Storage, keys: KeySet, packClass: PackClass, target: Int, parity: ParityChoice?) {
    self.storage = storage
    self.keys = keys
    self.packClass = packClass
    // Padding must not take the pack over the limit of the format.
    self.target = min(target, parity?.targetLimit ?? Limits.packBytes / 16 * 15)
    self.parity = parity
  }

  /// Appends a frame; returns the pack that had to be closed to make room, if any.
  ///
  /// - Parameter owner: the session under which a new pack is opened.
  func append(_ frame: SealedFrame, owner: SessionID) throws -> IndexedPack? {
    try state.withLock { box in
      let (open, closed) = try takeOpen(&box, for: frame, owner)
      open.open.digest.update(frame.bytes)
      try write(frame, to: open)
      box = open
      return closed
    }
  }

  /// As `append` of one frame to each of two packs, which hashes both at once.
  ///
  /// - Returns: the packs that had to be closed.
  static func append(
    _ first: SealedFrame, to one: PackSlot, _ second: SealedFrame, to other: PackSlot, owner: SessionID
  ) throws -> [IndexedPack] {
    try one.state.withLock { boxOfOne in
      try other.state.withLock { boxOfOther in
        let (a, closedOfOne) = try one.takeOpen(&boxOfOne, for: first, owner)
        let (b, closedOfOther) = try other.takeOpen(&boxOfOther, for: second, owner)
        SHA256Digest.Incremental.update(&a.open.digest, first.bytes, &b.open.digest, second.bytes)
        try one.write(first, to: a)
        boxOfOne = a
        try other.write(second, to: b)
        boxOfOther = b
        return [closedOfOne, closedOfOther].compactMap { $0 }
      }
    }
  }

  /// The pack that has room for the frame. Taken out of its place, where it comes back only when all went well: what failed half-way
  /// must never get a name.
  private func takeOpen(
    _ box: inout OpenBox?, for frame: SealedFrame, _ owner: SessionID
  ) throws -> (open: OpenBox, closed: IndexedPack?) {
    guard let open = box.take() else { return (try begin(owner), nil) }
    guard isFull(open.open, with: frame.entry) else { return (open, nil) }
    let closed = try close(open)
    return (try begin(owner), closed)
  }

  private func write(_ frame: SealedFrame, to box: OpenBox) throws {
    try storageCall("writing a pack") { try box.open.writer.append(frame.bytes) }
    box.open.written += frame.length
    box.open.members += frame.entry.members.count
    box.open.frames.append(frame.entry)
  }

  /// Closes the open pack, if there is one. After an error there is none.
  func finish() throws -> IndexedPack? {
    try state.withLock { box in try box.take().map(close) }
  }

  /// Drops the open pack without a trace.
  func cancel() {
    state.withLock { box in
      box?.open.writer.cancel()
      box = nil
    }
  }

  private func isFull(_ open: Open, with frame: FrameEntry) -> Bool {
    let members = open.members + frame.members.count
    let directoryEstimate = (open.frames.count + 1) * 16 + members * 20 + 512
    return open.written + Int(frame.encodedLength) + directoryEstimate > target || members > Limits.packMembers
  }

  private func begin(_ owner: SessionID) throws -> OpenBox {
    var header = PackHeader(packClass: packClass, session: owner, salt: SystemRandom.bytes(PackHeader.saltLength))
    header.hasParity = parity != nil
    let writer = try storageCall("starting a pack") { try storage.beginObject(kind: .packs) }
    var open = Open(writer: writer, digest: SHA256Digest.Incremental(), header: header, owner: owner, written: 0)
    try put(header.encode(), &open)
    return OpenBox(open)
  }

  private func put(_ bytes: [UInt8], _ open: inout Open) throws {
    try bytes.withUnsafeBytes { raw in
      open.digest.update(raw)
      try storageCall("writing a pack") { try open.writer.append(raw) }
    }
    open.written += bytes.count
  }

  /// Padding up to a size class, the sealed directory, the parity, the trailer.
  private func putEnding(_ open: inout Open) throws {
    do {
      let directory = try PackDirectory.encode(open.frames, packClass: packClass)
      let length = directory.count + PackDirectory.overhead
      let padding =
        parity?.paddingLength(currentLength: open.written, directoryLength: length)
        ?? PackLayout.paddingLength(currentLength: open.written, directoryLength: length)
      let offset = open.written + padding
      try put(SystemRandom.bytes(padding), &open)
      let nonce = SystemRandom.bytes(AEAD.nonceBytes)
      try put(PackDirectory.seal(directory, header: open.header, offset: UInt64(offset), nonce: nonce, keys: keys), &open)
      let end = offset + length
      try putParity(&open, directoryLength: length)
      try put(
        PackTrailer(directoryOffset: UInt64(offset), directoryLength: UInt32(length), parityOffset: UInt64(end)).encode(), &open)
    } catch let error as FormatError {
      throw CairnError(.failed, "A pack's directory cannot be written: \(error).")
    }
  }

  /// The parity of all that was written, which is read back for it: a pack is larger than what memory should hold of it.
  private func putParity(_ open: inout Open, directoryLength: Int) throws {
    guard let layout = try parity?.layout(coveredLength: open.written, directoryLength: directoryLength) else { return }
    let writer = open.writer
    try ParityEncoder.encode(layout) { offset, buffer in
      try storageCall("reading back a pack") { try writer.read(at: UInt64(offset), into: buffer) }
    } write: { piece in
      open.digest.update(piece)
      try storageCall("writing a pack") { try writer.append(piece) }
      open.written += piece.count
    }
  }

  /// Pads, seals the directory, makes the object durable and returns what the index has to know of it.
  private func close(_ box: OpenBox) throws -> IndexedPack {
    try putEnding(&box.open)
    let pack = IndexedPack(
      hash: box.open.digest.finish(), owner: box.open.owner, size: UInt64(box.open.written), packClass: packClass,
      headerLength: UInt32(box.open.header.encodedLength), frames: box.open.frames)
    let identity = PackIdentity(hash: pack.hash, owner: pack.owner, packClass: packClass, size: pack.size)
    let key = try identity.key()
    try storageCall("storing \(key.path)") { try box.open.writer.finish(as: key) }
    return pack
  }
}
