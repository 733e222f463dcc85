/// Compression of new data: `auto`, `off`, `1`…`19`, or one of restic's words.
package struct CompressionChoice: Sendable, Equatable {
  /// nil = auto, 0 = off, else the zstd level.
  package let level: Int32?

  package init?(argument: String) {
    switch argument.lowercased() {
    case "auto": level = nil
    case "off", "none": level = 0
    case "fastest": level = 1
    case "better": level = 8
    case "max": level = 19
    default:
      guard let number = Int32(argument), (1...19).contains(number) else { return nil }
      level = number
    }
  }
}
