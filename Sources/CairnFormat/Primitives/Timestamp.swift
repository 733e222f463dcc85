/// A point in time: seconds since 1970-01-01T00:00:00Z (may be negative) and nanoseconds counting forward from there.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var seconds: Int64
  /// 0 … 999 999 999.
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// The epoch itself, which stands for an unset time where one is required.
  package static let zero = Timestamp(seconds: 0)
  package static let encodedLength = 12

  /// Reads i64 seconds and u32 nanoseconds.
  ///
  /// - Throws: `.invalid` when the nanoseconds reach a second.
  package init(from reader: inout ByteReader) throws(FormatError) {
    seconds = try reader.i64()
    nanoseconds = try reader.u32()
    guard nanoseconds < 1_000_000_000 else { throw .invalid("nanoseconds") }
  }

  package func encode(into writer: inout ByteWriter) {
    writer.i64(seconds)
    writer.u32(nanoseconds)
  }

  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }
}
