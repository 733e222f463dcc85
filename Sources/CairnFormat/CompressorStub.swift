/// Stores frames as they are.
package final class Compressor {
  package init() {}
  package static func bound(_ n: Int) -> Int { n }
  package func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, level: Int32
  ) throws(FormatError) -> (codec: UInt8, count: Int) { (0, source.count) }
  package func looksIncompressible(_ source: UnsafeRawBufferPointer) -> Bool { true }
  package func decompress(
    codec: UInt8, _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws(FormatError) { throw .unsupportedFeature }
}

package enum CompressionLevel: Equatable, Sendable { case off, auto, level(Int32) }
