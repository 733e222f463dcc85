extension KeySet {
  /// Seals a compressed frame: writes nonce, ciphertext and tag, and returns their length, `content.count + 40`.
  ///
  /// - Parameters:
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
      withKey(packClass.subkey) { AEAD.encrypt(content, additional: additional, nonce: nonce, key: $0, into: body) }
    }
    return total
  }

  /// Opens what `sealFrame` wrote and returns the length of the compressed content, `frame.count - 40`.
  ///
  /// - Parameter keyReference: From the pack directory. Only 0, the key of epoch 0, exists so far.
  /// - Throws: `.truncated`, `.limitExceeded` when `output` is too small, `.unsupportedFeature`, `.authenticationFailed`.
  package func openFrame(
    packClass: PackClass, codec: UInt8, rawLength: UInt32, keyReference: UInt8 = 0, _ frame: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(FormatError) -> Int {
    guard keyReference == 0 else { throw .unsupportedFeature }
    guard frame.count >= Limits.frameOverhead else { throw .truncated }
    let nonce = UnsafeRawBufferPointer(rebasing: frame[..<AEAD.nonceBytes])
    let body = UnsafeRawBufferPointer(rebasing: frame[AEAD.nonceBytes...])
    return try withFrameContext(packClass, codec, rawLength) { (additional) throws(FormatError) -> Int in
      try withKey(packClass.subkey) { (key) throws(FormatError) -> Int in
        try AEAD.decrypt(body, additional: additional, nonce: nonce, key: key, into: output)
      }
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
