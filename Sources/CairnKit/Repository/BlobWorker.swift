package import CairnFormat
import CairnSystem
import Glibc

/// One thread's way of storing blobs: hashes, asks whether they are wanted, groups the small ones and seals. Not Sendable.
///
/// Holds two open groups (data and trees) of `Config.groupBytes` each, one four times as large, and a scratch buffer of the largest
/// frame.
package final class BlobWorker {
  private struct Group {
    var bytes: UnsafeMutableRawBufferPointer
    /// What is put in is known to shrink.
    var isProbed = false
    var used = 0
    var members: [FrameMember] = []
  }

  /// Decides whether a blob is to be stored; nil stores all.
  typealias Claim = (BlobKey, BlobType, _ byteCount: Int) throws -> Bool

  private let packs: PackWriter
  private let claim: Claim?
  private let compressor = Compressor()
  private let groupLimit: Int
  private let groupMaximumBlob: Int
  private var data: Group
  private var tree: Group
  /// Chunks of large files. In groups of 4 MiB they shrink by 1.5 % (a disk image) to 2.3 % (programs) more than each alone and take no
  /// longer. What a probe finds incompressible is not copied here.
  private var chunks: Group
  private let chunksLimit: Int
  /// Holds a compressed frame until it is sealed, and then what it opens to.
  private let scratch: UnsafeMutableRawBufferPointer

  init(_ packs: PackWriter, claim: Claim?) {
    self.packs = packs
    self.claim = claim
    let config = packs.repository.config
    groupLimit = Int(config.groupBytes)
    groupMaximumBlob = groupLimit == 0 ? 0 : min(Int(config.groupMaximumBlob), groupLimit)
    data = Group(bytes: .allocate(byteCount: max(groupLimit, 1), alignment: 64))
    tree = Group(bytes: .allocate(byteCount: max(groupLimit, 1), alignment: 64))
    chunksLimit = min(4 * groupLimit, packs.maximumFrameBytes)
    chunks = Group(bytes: .allocate(byteCount: max(chunksLimit, 1), alignment: 64), isProbed: true)
    scratch = .allocate(byteCount: max(Compressor.bound(packs.maximumFrameBytes), packs.maximumFrameBytes), alignment: 64)
  }

  deinit {
    data.bytes.deallocate()
    tree.bytes.deallocate()
    chunks.bytes.deallocate()
    scratch.deallocate()
  }

  /// Stores a blob, unless a backup's repository or run has it already, and returns its id.
  ///
  /// - Parameters:
  ///   - bytes: 1 … `PackWriter.maximumFrameBytes` bytes; consumed before the call returns.
  ///   - type: what the bytes are; part of the id.
  /// - Throws: `CairnError`; also the error of a saver thread that failed meanwhile. Nothing of the run can be committed then.
  package func put(_ bytes: UnsafeRawBufferPointer, _ type: BlobType) throws -> BlobID {
    try check(bytes)
    let id = packs.repository.keys.blobID(type, bytes)
    try store(bytes, type, id)
    return id
  }

  /// As `put` for each of them, in order; hashing several takes half the time.
  package func put(_ blobs: [UnsafeRawBufferPointer], _ type: BlobType) throws -> [BlobID] {
    for bytes in blobs { try check(bytes) }
    let ids = packs.repository.keys.blobIDs(blobs.map { (type, $0) })
    for (bytes, id) in zip(blobs, ids) { try store(bytes, type, id) }
    return ids
  }

  private func check(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count > 0, bytes.count <= packs.maximumFrameBytes else {
      throw CairnError(.failed, "A blob of \(bytes.count) bytes cannot be stored.")
    }
  }

  private func store(_ bytes: UnsafeRawBufferPointer, _ type: BlobType, _ id: BlobID) throws {
    if let claim, try !claim(id.key, type, bytes.count) { return }
    let member = FrameMember(key: id.key, type: type, length: UInt32(bytes.count))
    if bytes.count < groupMaximumBlob {
      if type.packClass == .data {
        try append(bytes, member, to: &data, groupLimit, .data)
      } else {
        try append(bytes, member, to: &tree, groupLimit, .tree)
      }
      return
    }
    let shrinks = isWorthCompressing(bytes, type.packClass)
    if shrinks, type.packClass == .data, bytes.count <= chunksLimit / 2 {
      try append(bytes, member, to: &chunks, chunksLimit, .data)
    } else {
      try seal(bytes, [member], type.packClass, shrinks: shrinks)
    }
  }

  package func put(_ bytes: [UInt8], _ type: BlobType) throws -> BlobID {
    try bytes.withUnsafeBytes { try put($0, type) }
  }

  /// Seals the open groups; to be called when the thread has no more blobs.
  package func flush() throws {
    try close(&data, .data)
    try close(&chunks, .data)
    try close(&tree, .tree)
  }

  private func append(
    _ bytes: UnsafeRawBufferPointer, _ member: FrameMember, to group: inout Group, _ limit: Int, _ packClass: PackClass
  ) throws {
    if group.used + bytes.count > limit { try close(&group, packClass) }
    UnsafeMutableRawBufferPointer(rebasing: group.bytes[group.used..<(group.used + bytes.count)]).copyMemory(from: bytes)
    group.used += bytes.count
    group.members.append(member)
  }

  private func close(_ group: inout Group, _ packClass: PackClass) throws {
    guard group.used > 0 else { return }
    let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(group.bytes)[..<group.used])
    // Chunks were looked at one by one.
    try seal(bytes, group.members, packClass, shrinks: group.isProbed || isWorthCompressing(bytes, packClass))
    group.used = 0
    group.members.removeAll(keepingCapacity: true)
  }

  private func seal(_ raw: UnsafeRawBufferPointer, _ members: [FrameMember], _ packClass: PackClass, shrinks: Bool) throws {
    let keys = packs.repository.keys
    let buffer = try packs.takeFrameBuffer()
    do {
      let (compression, plain) = try shrinks ? compress(raw) : (Codec.raw, raw)
      let codec = compression | packs.repository.config.frameCipher.codecBit
      let nonce = SystemRandom.bytes(24)
      let length = nonce.withUnsafeBytes { nonce in
        keys.sealFrame(
          packClass: packClass, codec: codec, rawLength: UInt32(raw.count), plain, nonce: nonce, into: buffer.bytes)
      }
      let entry = FrameEntry(
        encodedLength: UInt32(length), rawLength: UInt32(raw.count), codec: codec, keyReference: 0, members: members)
      let frame = SealedFrame(buffer: buffer, length: length, packClass: packClass, entry: entry)
      if packs.options.readBack { try verify(frame, raw) }
      try packs.enqueue(frame)
    } catch let error as FormatError {
      throw CairnError(.failed, "A frame cannot be sealed: \(error).")
    }
  }

  /// The zstd level; nil = nothing is compressed.
  private var level: Int32? {
    switch packs.options.compression {
    case .off: nil
    case .auto: Compressor.automaticLevel
    case .level(let level): level
    }
  }

  private func isWorthCompressing(_ raw: UnsafeRawBufferPointer, _ packClass: PackClass) -> Bool {
    level != nil && !(packs.options.compression == .auto && packClass == .data && compressor.looksIncompressible(raw))
  }

  private func compress(_ raw: UnsafeRawBufferPointer) throws -> (UInt8, UnsafeRawBufferPointer) {
    guard let level else { return (Codec.raw, raw) }
    let (codec, count) = try compressor.compress(raw, into: scratch, level: level)
    return codec == Codec.raw ? (codec, raw) : (codec, UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[..<count]))
  }

  /// Opens the sealed frame again and compares: nothing that did not come back as it went in is ever called stored.
  private func verify(_ frame: SealedFrame, _ raw: UnsafeRawBufferPointer) throws {
    let isSame: Bool
    do {
      let (keys, entry) = (packs.repository.keys, frame.entry)
      isSame = try keys.withOpenedFrame(packClass: frame.packClass, codec: entry.codec, rawLength: entry.rawLength, frame.bytes) {
        content in
        guard entry.codec & ~Codec.aesGCM != Codec.raw else { return Self.areEqual(content, raw) }
        let target = UnsafeMutableRawBufferPointer(rebasing: scratch[..<raw.count])
        try compressor.decompress(codec: entry.codec, content, into: target)
        return Self.areEqual(UnsafeRawBufferPointer(target), raw)
      }
    } catch {
      throw CairnError(
        .failed, "A frame that was just sealed does not open again (\(error)): the memory or processor of this machine is faulty.",
        guidance: "Test the machine's memory. Nothing of this frame was stored.")
    }
    guard isSame else {
      throw CairnError(
        .failed, "A frame that was just sealed opens to other bytes: the memory or processor of this machine is faulty.",
        guidance: "Test the machine's memory. Nothing of this frame was stored.")
    }
  }

  private static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count, let first = a.baseAddress, let second = b.baseAddress else { return false }
    return memcmp(first, second, a.count) == 0
  }
}
