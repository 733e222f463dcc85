extension KeySet {
  /// One of the messages that are being hashed.
  private struct Lane {
    let index: Int
    var state: HMACState
    var rest: UnsafeRawBufferPointer

    /// Takes `count` bytes off the front.
    mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
      defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
      return UnsafeRawBufferPointer(rebasing: rest[..<count])
    }
  }

  /// The ids of several blobs, as `blobID` has them, hashed two at a time: 3.5 GB/s instead of 1.8 on a core with SHA extensions.
  ///
  /// - Parameter companion: a message to be hashed along: beside each blob as many bytes of it.
  package func blobIDs(
    _ blobs: [(type: BlobType, bytes: UnsafeRawBufferPointer)], beside companion: inout SHA256Digest.Companion
  ) -> [BlobID] {
    var ids = [BlobID](repeating: .zero, count: blobs.count)
    var started = 0
    func start() -> Lane? {
      guard started < blobs.count else { return nil }
      defer { started += 1 }
      return Lane(index: started, state: identityState(blobs[started].type), rest: blobs[started].bytes)
    }
    /// The lane itself while it lasts, else the next.
    func going(_ lane: Lane) -> Lane? {
      guard lane.rest.isEmpty else { return lane }
      ids[lane.index] = lane.state.finish()
      return start()
    }
    var first = start()
    // The companion is one long message, which nothing but other messages can be paired with: it goes first.
    while var lane = first, !companion.rest.isEmpty {
      companion.accompany(&lane.state, lane.take(min(lane.rest.count, companion.rest.count)))
      first = going(lane)
    }
    var second = start()
    while var a = first, var b = second {
      let count = min(a.rest.count, b.rest.count)
      let bytes = a.take(count)
      a.state.update(bytes, with: &b.state, b.take(count))
      first = going(a)
      second = going(b)
    }
    if var last = first ?? second {
      last.state.update(last.rest)
      ids[last.index] = last.state.finish()
    }
    return ids
  }

  package func blobIDs(_ blobs: [(type: BlobType, bytes: UnsafeRawBufferPointer)]) -> [BlobID] {
    var nothing = SHA256Digest.Companion(UnsafeRawBufferPointer(start: nil, count: 0))
    return blobIDs(blobs, beside: &nothing)
  }
}
