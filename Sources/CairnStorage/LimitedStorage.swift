package import CairnSystem

/// Another storage, with what goes to it and comes from it kept to so many bytes a second.
package final class LimitedStorage: Storage {
  private let base: any Storage
  private let upload: RateLimiter?
  private let download: RateLimiter?

  /// - Parameters:
  ///   - upload: of what is stored; nil = no limit.
  ///   - download: of what is read.
  package init(_ base: any Storage, upload: RateLimiter?, download: RateLimiter?) {
    self.base = base
    self.upload = upload
    self.download = download
  }

  package var location: String { base.location }
  package var localDirectory: OpenFile? { base.localDirectory }

  package func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    upload?.take(bytes.count)
    try base.put(key, bytes)
  }

  package func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    upload?.take(bytes.count)
    return try base.putIfAbsent(key, bytes)
  }

  package func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter {
    let writer = try base.beginObject(kind: kind)
    return upload.map { LimitedWriter(writer, $0) } ?? writer
  }

  package func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    guard let download, buffer.count > download.pieceSize else {
      download?.take(buffer.count)
      return try base.read(key, at: offset, into: buffer)
    }
    var done = 0
    while done < buffer.count {
      let wanted = min(download.pieceSize, buffer.count - done)
      download.take(wanted)
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + wanted)])
      let count = try base.read(key, at: offset &+ UInt64(done), into: piece)
      done += count
      if count < wanted { break }
    }
    return done
  }

  package func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] {
    let bytes = try base.readAll(key, limit: limit)
    download?.take(bytes.count)
    return bytes
  }

  package func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  package func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws { try base.list(kind, body) }
  package func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  package func delete(_ key: ObjectKey) throws(StorageError) { try base.delete(key) }
  package func retains(_ key: ObjectKey) -> Bool { base.retains(key) }
  package func moveAside(_ key: ObjectKey) throws(StorageError) -> String { try base.moveAside(key) }
  package func flush() throws(StorageError) { try base.flush() }
  package func includeInFlush(_ key: ObjectKey) throws(StorageError) { try base.includeInFlush(key) }
  package func copies(of key: ObjectKey) -> Int { base.copies(of: key) }
  package func releaseReserve(keeping bytes: Int) throws(StorageError) -> Bool { try base.releaseReserve(keeping: bytes) }
  package func makeReserve() { base.makeReserve() }
}

/// What is appended waits; what is read back was not moved anywhere.
private final class LimitedWriter: ObjectWriter {
  private let base: any ObjectWriter
  private let limiter: RateLimiter

  init(_ base: any ObjectWriter, _ limiter: RateLimiter) {
    self.base = base
    self.limiter = limiter
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let count = min(limiter.pieceSize, bytes.count - done)
      limiter.take(count)
      try base.append(UnsafeRawBufferPointer(rebasing: bytes[done..<(done + count)]))
      done += count
    }
  }

  func finish(as key: ObjectKey) throws(StorageError) { try base.finish(as: key) }
  func finish(replacing key: ObjectKey) throws(StorageError) { try base.finish(replacing: key) }
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) { try base.read(at: offset, into: buffer) }
  func cancel() { base.cancel() }
}
