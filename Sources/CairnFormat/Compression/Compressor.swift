import CZstd

/// What the user asks of compression.
package enum CompressionLevel: Equatable, Sendable {
  case off
  /// Probe first; compress what promises to shrink at a level chosen by measurement.
  case auto
  /// 1 … 19, as zstd counts.
  case level(Int32)
}

/// Compresses and decompresses frames with zstd. Holds both contexts, whose creation is the expensive part.
///
/// One for each thread: not `Sendable`.
package final class Compressor {
  private let compression: OpaquePointer
  private let decompression: OpaquePointer
  private var level: Int32?

  /// A whole group of chunks at the usual settings (4 MiB); zstd's own choice for the usual levels is half of that. Shorter input gets a window of
  /// its own length, and nothing takes more memory for it.
  private static let windowLog: Int32 = 22

  /// What `CompressionLevel.auto` means. A hash table twice as large makes a disk image 1 % smaller, and a backup of it takes 13 % more
  /// processor time; level 4 compresses 16 % slower for 0.8 %.
  package static let automaticLevel: Int32 = 3

  /// A raw frame is kept unless compression saves at least one byte in this many (2 %).
  private static let leastSaving = 50

  /// Traps when the system has no memory left, as any Swift allocation does.
  package init() {
    guard let compression = ZSTD_createCCtx(), let decompression = ZSTD_createDCtx() else {
      preconditionFailure("out of memory for zstd contexts")
    }
    self.compression = compression
    self.decompression = decompression
    Self.set(compression, ZSTD_c_contentSizeFlag, 0)
    Self.set(compression, ZSTD_c_checksumFlag, 0)
    Self.set(compression, ZSTD_c_dictIDFlag, 0)
    Self.set(compression, ZSTD_c_windowLog, Self.windowLog)
    ZSTD_DCtx_setParameter(decompression, ZSTD_d_windowLogMax, Limits.zstdWindowLog)
  }

  deinit {
    ZSTD_freeCCtx(compression)
    ZSTD_freeDCtx(decompression)
  }

  /// Room to give `compress` for `count` bytes: not more than they are, for what does not shrink stays as it is.
  package static func bound(_ count: Int) -> Int { count }

  /// Compresses `source` into `output` where that saves 2 %.
  ///
  /// - Parameters:
  ///   - output: `bound(source.count)` bytes, not overlapping; with less room more is stored raw.
  ///   - level: 1 … 19; other levels that zstd knows work too.
  /// - Returns: Codec and length of the frame's content. For codec 0 that is `source` itself, and `output` holds nothing of use.
  /// - Throws: `.limitExceeded` when zstd cannot get the memory it needs.
  package func compress(
    _ source: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, level: Int32
  ) throws(FormatError) -> (codec: UInt8, count: Int) {
    let room = min(output.count, source.count - source.count / Self.leastSaving - 1)
    guard room > 0, let count = try shrink(source, into: output, room: room, level: level) else { return (Codec.raw, source.count) }
    return (Codec.zstd, count)
  }

  /// The compressed length, or nil when it exceeds `room`; zstd sees no more room than that, and so stops early where it is hopeless.
  func shrink(
    _ source: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, room: Int, level: Int32
  ) throws(FormatError) -> Int? {
    if self.level != level {
      Self.set(compression, ZSTD_c_compressionLevel, level)
      self.level = level
    }
    let count = ZSTD_compress2(compression, output.baseAddress, room, source.baseAddress, source.count)
    guard ZSTD_isError(count) != 0 else { return count }
    guard ZSTD_getErrorCode(count) == ZSTD_error_dstSize_tooSmall else { throw .limitExceeded("memory for compression") }
    return nil
  }

  private static func set(_ context: OpaquePointer, _ parameter: ZSTD_cParameter, _ value: Int32) {
    let status = ZSTD_CCtx_setParameter(context, parameter, value)
    precondition(ZSTD_isError(status) == 0, "parameters and levels are constants of the program, clamped by zstd")
  }

  /// Decompresses the content of a frame into exactly `output.count` bytes.
  ///
  /// - Parameters:
  ///   - source: Authenticated content of a frame.
  ///   - output: As long as the authenticated raw length says; nothing is written beyond it, whatever `source` claims.
  /// - Throws: `.invalid` when the content is malformed or has another length; `.unsupportedFeature` for an unknown codec.
  package func decompress(
    codec: UInt8, _ source: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(FormatError) {
    switch codec & ~Codec.aesGCM {
    case Codec.raw:
      guard source.count == output.count else { throw .invalid("raw length") }
      if !source.isEmpty { output.copyMemory(from: source) }
    case Codec.zstd:
      try Self.checkHeader(source)
      // Several zstd frames one after another would be a second encoding of the same bytes.
      guard ZSTD_findFrameCompressedSize(source.baseAddress, source.count) == source.count else { throw .invalid("compressed frame") }
      let count = ZSTD_decompressDCtx(decompression, output.baseAddress, output.count, source.baseAddress, source.count)
      guard ZSTD_isError(count) == 0 else { throw .invalid("compressed frame") }
      guard count == output.count else { throw .invalid("raw length") }
    default: throw .unsupportedFeature
    }
  }

  /// RFC 8878: frame header descriptor 0, then a window descriptor, whose value grows with the window.
  private static func checkHeader(_ source: UnsafeRawBufferPointer) throws(FormatError) {
    guard source.count > 6 else { throw .invalid("compressed frame") }
    guard source[4] == 0 else { throw .notCanonical("compressed frame") }
    guard source[5] <= UInt8((Limits.zstdWindowLog - 10) << 3) else { throw .limitExceeded("compression window") }
  }
}
