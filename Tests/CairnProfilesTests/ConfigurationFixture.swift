@testable import CairnProfiles

/// Reads texts as configuration files of a person whose home is /home/a.
enum Config {
  static func read(_ texts: String...) -> Configuration {
    let files = texts.enumerated().map { Configuration.File(path: Array("/c\($0.offset).toml".utf8), text: Array($0.element.utf8)) }
    return Configuration(files, home: Array("/home/a".utf8))
  }

  /// A profile `p` with these lines, and the repository that it names.
  static func profile(_ lines: String) -> Profile? {
    read("[repository.r]\npath = \"/r\"\n[profile.p]\nrepository = \"r\"\n" + lines).profile("p")
  }

  /// What is wrong with such a profile, one line each: `line: message`.
  static func mistakes(_ lines: String) -> [String] { profile(lines)?.mistakes.map { "\($0.place.line): \($0.message)" } ?? ["no profile"] }
}
