/// How a repository cuts files into chunks; fixed when it is created.
package struct ChunkerParameters: Equatable, Sendable {
  /// 0: fixed size (the three sizes are equal); 1: gear64.
  package var algorithm: UInt8
  /// Bytes. Only the last chunk of a file may be shorter.
  package var minimum: UInt32
  package var average: UInt32
  package var maximum: UInt32

  package init(algorithm: UInt8 = Self.gear64, minimum: UInt32, average: UInt32, maximum: UInt32) {
    self.algorithm = algorithm
    self.minimum = minimum
    self.average = average
    self.maximum = maximum
  }

  package static let fixedSize: UInt8 = 0
  package static let gear64: UInt8 = 1

  /// 64 KiB, 256 KiB, 1 MiB: more duplicates found, four times the index.
  package static let small = ChunkerParameters(minimum: 64 << 10, average: 256 << 10, maximum: 1 << 20)
  /// 256 KiB, 1 MiB, 4 MiB: the default.
  package static let normal = ChunkerParameters(minimum: 256 << 10, average: 1 << 20, maximum: 4 << 20)
  /// 1 MiB, 4 MiB, 15 MiB: for tens of terabytes of large files.
  package static let large = ChunkerParameters(minimum: 1 << 20, average: 4 << 20, maximum: 15 << 20)

  /// - Throws: `.unsupportedFeature` for an unknown algorithm, `.invalid` for sizes outside of 256 … 2^24-1 or out of order.
  package func validate() throws(FormatError) {
    guard minimum >= 256, maximum <= UInt32(Limits.blobBytes) else { throw .invalid("chunk sizes") }
    switch algorithm {
    case Self.fixedSize: guard minimum == average, average == maximum else { throw .invalid("chunk sizes") }
    case Self.gear64: guard minimum < average, average < maximum else { throw .invalid("chunk sizes") }
    default: throw .unsupportedFeature
    }
  }
}
