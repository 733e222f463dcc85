import CairnAutomation
import CairnProfiles
import CairnTestSupport
import Foundation

/// Profiles and programs for tests of schedules.
enum ScheduleFixture {
  /// A profile `p` that may run by itself.
  ///
  /// - Parameters:
  ///   - schedule: the lines of its section.
  ///   - more: sections after it.
  static func profile(_ schedule: String, _ more: String = "", repository: String = "/mnt/my backup/r", name: String = "p") throws
    -> Profile
  {
    let text = """
      [repository.r]
      path = "\(repository)"
      key-file = "/home/a/key"
      [profile.\(name)]
      repository = "r"
      sources = ["/home/a"]
      [profile.\(name).schedule]
      \(schedule)
      \(more)
      """
    let configuration = Configuration([.init(path: Array("/c.toml".utf8), text: Array(text.utf8))], home: Array("/home/a".utf8))
    guard let profile = configuration.profile(name), configuration.allMistakes.isEmpty else {
      throw Mistaken(text: configuration.allMistakes.map(\.text).joined(separator: "\n"))
    }
    return profile
  }

  struct Mistaken: Error { let text: String }

  static func schedule(_ lines: String) throws -> Schedule {
    guard let schedule = try profile(lines).schedule else { throw Mistaken(text: "no schedule") }
    return schedule
  }

  /// Where systemd's own reading of what is made for it can be had.
  static let hasSystemdAnalyze = path(of: "systemd-analyze") != nil

  private static func path(of program: String) -> String? {
    ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].map { $0 + program }.first(where: FileManager.default.isExecutableFile)
  }

  /// Runs a program that is looked up in the usual places.
  ///
  /// - Returns: nil when there is none.
  static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String)? {
    guard let path = path(of: program) else { return nil }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}
