import ArgumentParser

/// `auto`, `off`, `1`…`19`, or one of restic's words.
struct CompressionArgument: ExpressibleByArgument, Equatable {
  /// nil = auto, 0 = off, else the zstd level.
  let level: Int32?

  init?(argument: String) {
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

  static var defaultCompletionKind: CompletionKind { .list(["auto", "off", "fastest", "better", "max"] + (1...19).map(String.init)) }
}

/// Arguments given as a list with commas: `--tag a,b`.
struct CommaList: ExpressibleByArgument, Equatable {
  let items: [String]

  init?(argument: String) {
    items = argument.split(separator: ",").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
  }
}

extension StringProtocol {
  /// Without spaces and tabs at both ends.
  func trimmingSpaces() -> String {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(self[first...last])
  }
}
