/// Lengths that objects are padded to, so that a stored length says little about what is inside.
package enum SizeClass {
  /// The smallest length of the pack size classes that holds `count` bytes.
  ///
  /// The granule is a 64th of the largest power of two not above `count`, at least 4096: at most 1.6 % is added from 256 KiB on.
  /// - Parameter count: 0 … 2^62.
  package static func padded(_ count: Int) -> Int {
    guard count > 0 else { return 4096 }
    return roundUp(count, max(4096, (1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)) >> 6))
  }

  /// As `padded`, but with a granule of 256 bytes up to 4096: what envelopes use for their plaintext.
  package static func envelope(_ count: Int) -> Int {
    count <= 4096 ? max(256, roundUp(count, 256)) : padded(count)
  }

  private static func roundUp(_ count: Int, _ granule: Int) -> Int { (count + granule - 1) / granule * granule }
}
