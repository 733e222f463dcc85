extension KeySet {
  /// Seals a compressed frame: writes nonce, ciphertext and tag, and returns their length, `content.count + 40`.
  ///
  /// - Parameters:
  ///   - codec: As `Codec`; says which cipher is used.
  ///   - rawLength: Length of the frame before compression; authenticated, so that a reader may size its buffer by it.
  ///   - nonce: 24 bytes never used before under this repository's keys.
  ///   - output: At least `content.count + 40` bytes, not overlapping `content`.
  package func sealFrame(
    packClass: PackClass, codec: UInt8, rawLength: UInt32, _ content: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Int {
    let total = content.count + Limits.frameOverhead
    precondition(nonce.count == AEAD.nonceBytes && output.count >= total)
    output.copyMemory(from: nonce)
    let body = UnsafeMutableRawBufferPointer(rebasing: output[AEAD.nonceBytes..<total])
    withFrameContext(packClass, codec, rawLength) { additional in
      withKey(packClass.subkey) { key in
        if codec & Codec.aesGCM == 0 {
          AEAD.encrypt(content, additional: additional, nonce: nonce, key: key, into: body)
        } else {
          FrameGCM.encrypt(content, additional: additional, nonce: nonce, key: key, into: body)
        }
      }
    }
    return total
  }

  /// Opens what `sealFrame` wrote, and lends the compressed content, `frame.count - 40` bytes.
  ///
  /// - Parameter keyReference: From the pack directory. Only 0, the key of epoch 0, exists so far.
  /// - Throws: `FormatError`: `.truncated`, `.unsupportedFeature`, `.authenticationFailed`; and what `body` throws.
  package func withOpenedFrame<Result>(
    packClass: PackClass, codec: UInt8, rawLength: UInt32, keyReference: UInt8 = 0, _ frame: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    guard keyReference == 0 else { throw FormatError.unsupportedFeature }
    guard frame.count >= Limits.frameOverhead else { throw FormatError.truncated }
    guard codec & Codec.aesGCM == 0 else {
      return try withFrameContext(packClass, codec, rawLength) { additional in
        try withKey(packClass.subkey) { try FrameGCM.withPlaintext(frame, additional: additional, key: $0, body) }
      }
    }
    return try withUnsafeTemporaryAllocation(byteCount: frame.count - Limits.frameOverhead, alignment: 16) { output in
      _ = try openFrame(packClass: packClass, codec: codec, rawLength: rawLength, frame, into: output)
      return try body(UnsafeRawBufferPointer(output))
    }
  }

  /// Opens what `sealFrame` wrote and returns the length of the compressed content, `frame.count - 40`.
  ///
  /// - Throws: `FormatError`: as `withOpenedFrame`, and `.limitExceeded` when `output` is too small.
  package func openFrame(
    packClass: PackClass, codec: UInt8, rawLength: UInt32, keyReference: UInt8 = 0, _ frame: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    guard keyReference == 0 else { throw FormatError.unsupportedFeature }
    guard frame.count >= Limits.frameOverhead else { throw FormatError.truncated }
    guard codec & Codec.aesGCM == 0 else {
      return try withOpenedFrame(packClass: packClass, codec: codec, rawLength: rawLength, frame) { content in
        guard output.count >= content.count else { throw FormatError.limitExceeded("plaintext length") }
        if !content.isEmpty { output.copyMemory(from: content) }
        return content.count
      }
    }
    let nonce = UnsafeRawBufferPointer(rebasing: frame[..<AEAD.nonceBytes])
    let body = UnsafeRawBufferPointer(rebasing: frame[AEAD.nonceBytes...])
    return try withFrameContext(packClass, codec, rawLength) { additional in
      try withKey(packClass.subkey) { try AEAD.decrypt(body, additional: additional, nonce: nonce, key: $0, into: output) }
    }
  }

  /// The 30 bytes that bind a frame to its repository and to what its directory says of it: "cairnfr1", repository, class, codec, raw length.
  private func withFrameContext<Result, Failure>(
    _ packClass: PackClass, _ codec: UInt8, _ rawLength: UInt32, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var context = FrameContext(
      magic: FrameContext.magic, repository0: repository.word0.bigEndian, repository1: repository.word1.bigEndian,
      rest: UInt64(packClass.rawValue) | UInt64(codec) << 8 | UInt64(rawLength) << 16)
    return try Swift.withUnsafeBytes(of: &context) { (bytes) throws(Failure) -> Result in
      try body(UnsafeRawBufferPointer(rebasing: bytes[..<30]))
    }
  }
}

/// The frame context as it lies in memory on a little-endian machine; the last two bytes are not part of it.
private struct FrameContext {
  let magic, repository0, repository1, rest: UInt64

  /// "cairnfr1", read little endian.
  static let magic = "cairnfr1".utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }
}

extension PackClass {
  var subkey: Subkey { self == .data ? .data : .tree }
}
