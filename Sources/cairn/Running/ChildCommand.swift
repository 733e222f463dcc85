import CairnAutomation
import CairnKit

/// How this program starts a run of a profile as a process of its own.
struct ChildCommand: Sendable {
  private let program: [UInt8]
  private let options: [[UInt8]]

  init(_ run: Invocation, program: [UInt8]) throws {
    self.program = program
    let config = try run.options.config.map { [Array("--config".utf8), try ScheduleSetting.absolute($0.bytes)] } ?? []
    let flags = (run.options.json ? ["--json"] : []) + (run.options.quiet ? ["--quiet"] : [])
    options = config + flags.map { Array($0.utf8) }
  }

  func words(_ profile: String, _ trigger: RunRecord.Trigger) -> [[UInt8]] {
    [program] + options + ["backup", "-P", profile, "--trigger", trigger.rawValue].map { Array($0.utf8) }
  }
}
