import ArgumentParser

/// What the program's exit status means; the only table of them. The help and the manual print it.
enum ExitStatus: Int32, CaseIterable {
  case success = 0
  case failed = 1
  case incomplete = 3
  case noRepository = 10
  case wrongPassword = 12
  case damaged = 30
  case noSpace = 31
  case unchanged = 32
  case followUpFailed = 33
  case usage = 64
  case interrupted = 130

  var meaning: String {
    switch self {
    case .success: "all went well"
    case .failed: "the command failed; also when 'check' or 'prove' finds damage"
    case .incomplete: "done, except for what is named: it could not be read or written"
    case .noRepository: "there is no repository at the place given"
    case .wrongPassword: "the password or key file is wrong or missing"
    case .damaged: "the repository is damaged so that the command cannot go on"
    case .noSpace: "out of space or quota"
    case .unchanged: "nothing changed (only with --error-if-unchanged)"
    case .followUpFailed: "the snapshot is made; retention, upkeep or a hook after it failed"
    case .usage: "the command line or the configuration is wrong"
    case .interrupted: "interrupted; the repository is consistent"
    }
  }

  /// The table as text, one status a line.
  static var table: String {
    allCases.map { status in
      let number = String(status.rawValue)
      return "  " + String(repeating: " ", count: 3 - number.count) + number + "  " + status.meaning
    }.joined(separator: "\n")
  }
}
