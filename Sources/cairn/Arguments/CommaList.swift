import ArgumentParser

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
