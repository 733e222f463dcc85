package import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// Fetches, opens and verifies blobs. Safe from any thread.
package final class BlobReader: Sendable {
  private let storage: any Storage
  private let keys: KeySet
  private let state: Mutex<BlobIndex>
  /// Gives a newer index than the one that did not lead to a blob; nil when there is none.
  private let refresh: @Sendable () throws -> BlobIndex?
  private let cache: FrameCache
  /// Idle decompression contexts; one is made when a thread finds none.
  private let idle = Mutex<[CompressorBox]>([])

  private final class CompressorBox: @unchecked Sendable {
    // Used by one thread at a time: taken out of `idle` and put back.
    let compressor = Compressor()
  }

  /// - Parameters:
  ///   - cacheBytes: bytes of opened frames to keep.
  ///   - refresh: asked when a blob cannot be read where the index has it: maintenance may have moved it meanwhile.
  init(
    storage: any Storage, keys: KeySet, index: BlobIndex, cacheBytes: Int, refresh: @escaping @Sendable () throws -> BlobIndex? = { nil }
  ) {
    self.storage = storage
    self.keys = keys
    self.state = Mutex(index)
    self.refresh = refresh
    self.cache = FrameCache(limit: cacheBytes)
  }

  /// Reads a blob and verifies it against its whole id.
  ///
  /// Every copy that the index knows is tried, and every blob that shares the id's first half.
  /// - Throws: `CairnError(.damaged)` naming the blob and the packs when no copy is good; `.storage` when the storage could
  ///   read none of them.
  package func read(_ id: BlobID, _ type: BlobType) throws -> [UInt8] {
    try withBlob(id, type) { [UInt8]($0) }
  }

  /// As `read`, without the copy; the bytes are valid during the call only.
  package func withBlob<R>(_ id: BlobID, _ type: BlobType, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try withBlob(id, where: { $0 == type }) { bytes, _ in try body(bytes) }
  }

  /// Reads a node of a tree or list, whichever of those types the index says it has; verified as by `read`.
  package func readNode(_ id: BlobID) throws -> [UInt8] {
    try withBlob(id, where: { $0.packClass == .tree }) { bytes, _ in [UInt8](bytes) }
  }

  /// Where blobs are looked for now: the view's index, or a newer one once that has led to nothing.
  package var index: BlobIndex { state.withLock { $0 } }

  private func withBlob<R>(_ id: BlobID, where accepts: (BlobType) -> Bool, _ body: (UnsafeRawBufferPointer, BlobType) throws -> R) throws
    -> R
  {
    while true {
      let index = self.index
      let result: Result<R, any Error>
      do { result = try withBlob(id, in: index, where: accepts, body) } catch let error as CairnError where error.concernsOneObject {
        guard try isRefreshed(after: index) else { throw error }
        continue
      }
      // What `body` throws is no reason to look elsewhere.
      return try result.get()
    }
  }

  /// One thread at a time asks; the others find what it has found.
  private func isRefreshed(after index: BlobIndex) throws -> Bool {
    try state.withLock { current in
      if current !== index { return true }
      guard let newer = try refresh() else { return false }
      current = newer
      return true
    }
  }

  private func withBlob<R>(
    _ id: BlobID, in index: BlobIndex, where accepts: (BlobType) -> Bool, _ body: (UnsafeRawBufferPointer, BlobType) throws -> R
  ) throws -> Result<R, any Error> {
    var failures: [String] = []
    var code = CairnError.Code.storage
    for location in try index.locations(id.key) where accepts(location.type) {
      // What `body` throws is no fault of this copy, so it is kept apart.
      var result: Result<R, any Error>?
      do {
        let type = location.type
        result = try withMember(location) { bytes in keys.blobID(type, bytes) == id ? Result { try body(bytes, type) } : nil }
        if result == nil {
          failures.append("\(try location.frame.pack.key().path) holds another blob in its place")
          code = .damaged
        }
      } catch let error as CairnError where error.concernsOneObject {
        if error.code != .storage { code = .damaged }
        failures.append(error.message)
      }
      if let result { return result }
    }
    let short = id.hexadecimal.prefix(16)
    guard !failures.isEmpty else {
      throw CairnError(
        .damaged, "Blob \(short)… is not in the index.", guidance: "Run 'cairn check' to see which snapshots and files it touches.")
    }
    throw CairnError(
      code, "Blob \(short)… cannot be read: \(failures.joined(separator: "; "))",
      guidance: "Run 'cairn check --read-data' to see which snapshots and files it touches.")
  }

  private func withMember<R>(_ location: BlobLocation, _ body: (UnsafeRawBufferPointer) throws -> R?) throws -> R? {
    try withRawFrame(location.frame, cached: true) { raw in
      guard location.memberOffset >= 0, location.memberOffset + location.length <= raw.count else {
        throw CairnError.damaged(try location.frame.pack.key().path, .invalid("a blob reaches beyond its frame"))
      }
      return try body(UnsafeRawBufferPointer(rebasing: raw[location.memberOffset..<(location.memberOffset + location.length)]))
    }
  }

  /// Runs `body` on an opened frame.
  ///
  /// - Parameter cached: keep the frame for the next caller; right for trees and groups, wrong for bulk reads.
  package func withRawFrame<R>(_ location: FrameLocation, cached: Bool, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    if cached, let frame = cache.get(location) { return try frame.bytes.withUnsafeBytes(body) }
    let frame = FrameCache.Frame(try fetch(location))
    if cached { cache.put(location, frame) }
    return try frame.bytes.withUnsafeBytes(body)
  }

  private func fetch(_ location: FrameLocation) throws -> [UInt8] {
    let key = try location.pack.key()
    let length = Int(location.encodedLength)
    guard length <= Limits.frameEncodedBytes, Int(location.rawLength) <= Limits.frameRawBytes else {
      throw CairnError.damaged(key.path, .limitExceeded("frame length"))
    }
    let box = idle.withLock { $0.popLast() } ?? CompressorBox()
    defer { idle.withLock { $0.append(box) } }
    return try withUnsafeTemporaryAllocation(byteCount: length, alignment: 16) { encoded in
      let got = try storageCall("reading \(key.path)") { try storage.read(key, at: UInt64(location.offset), into: encoded) }
      guard got == length else { throw CairnError(.truncated(key), during: "reading a frame") }
      return try [UInt8](unsafeUninitializedCapacity: Int(location.rawLength)) { raw, count in
        try openFrame(
          location, encoded: UnsafeRawBufferPointer(encoded), into: UnsafeMutableRawBufferPointer(raw), compressor: box.compressor)
        count = Int(location.rawLength)
      }
    }
  }

  /// Decrypts and decompresses a frame that the caller has fetched.
  ///
  /// - Parameters:
  ///   - encoded: exactly `location.encodedLength` bytes.
  ///   - raw: exactly `location.rawLength` bytes.
  /// - Throws: `CairnError(.damaged)` naming the pack.
  package func openFrame(
    _ location: FrameLocation, encoded: UnsafeRawBufferPointer, into raw: UnsafeMutableRawBufferPointer, compressor: Compressor
  ) throws {
    do {
      try FrameCodec.open(
        keys: keys, packClass: location.pack.packClass, codec: location.codec, keyReference: location.keyReference, encoded: encoded,
        into: raw,
        compressor: compressor)
    } catch let error as FormatError {
      throw CairnError.damaged("the frame at \(location.offset) of \(try location.pack.key().path)", error)
    }
  }
}

/// Opening a sealed frame: authenticate and decrypt, then decompress into exactly the length that was authenticated.
package enum FrameCodec {
  package static func open(
    keys: KeySet, packClass: PackClass, codec: UInt8, keyReference: UInt8, encoded: UnsafeRawBufferPointer,
    into raw: UnsafeMutableRawBufferPointer, compressor: Compressor
  ) throws {
    guard keyReference == 0 else { throw FormatError.unsupportedFeature }
    guard encoded.count > Limits.frameOverhead else { throw FormatError.truncated }
    let plainLength = encoded.count - Limits.frameOverhead
    if codec & ~Codec.aesGCM == Codec.raw {
      guard plainLength == raw.count else { throw FormatError.invalid("length of an uncompressed frame") }
      _ = try keys.openFrame(packClass: packClass, codec: codec, rawLength: UInt32(raw.count), encoded, into: raw)
      return
    }
    try keys.withOpenedFrame(packClass: packClass, codec: codec, rawLength: UInt32(raw.count), encoded) {
      try compressor.decompress(codec: codec, $0, into: raw)
    }
  }
}
