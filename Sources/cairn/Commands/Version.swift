import ArgumentParser
import CairnKit

/// `cairn version`
struct Version: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(abstract: "Prints the version of this program and of the format it writes.")

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let number = programVersion.split(separator: " ").last.map(String.init) ?? programVersion
    if global.json {
      run.console.line(
        JSONLine.object { line in
          line.member("message_type", "version")
          line.member("version", number)
          line.member("format_version", 1)
          line.member("go_os", "linux")
          line.member("go_arch", Self.architecture)
        })
    } else {
      run.console.line("\(programVersion) (repository format 1, linux/\(Self.architecture))")
    }
    return .success
  }

  private static var architecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #else
      "other"
    #endif
  }
}
