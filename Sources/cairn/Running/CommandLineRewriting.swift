/// Spellings that ArgumentParser does not know but users of restic type.
enum CommandLineRewriting {
  /// `--verbose=N` becomes N times `--verbose`; what follows `--` stays.
  static func apply(_ arguments: [String]) -> [String] {
    var result: [String] = []
    var isLiteral = false
    for argument in arguments {
      if argument == "--" { isLiteral = true }
      if !isLiteral, argument.hasPrefix("--verbose="), let count = Int(argument.dropFirst(10)), (0...9).contains(count) {
        result += Array(repeating: "--verbose", count: count)
      } else {
        result.append(argument)
      }
    }
    return result
  }
}
