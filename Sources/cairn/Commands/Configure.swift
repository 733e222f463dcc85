import ArgumentParser
import CairnKit
import CairnProfiles

/// `cairn config`
struct Configure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Explains and shows the configuration, and the settings of a repository.",
    subcommands: [ConfigCheck.self, ConfigShow.self, ConfigExample.self, ConfigRepository.self])
}

/// `cairn config check`
struct ConfigCheck: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Explains what is wrong with the configuration, line by line.",
    discussion: """
      Looks at the files only: whether a repository is there and opens, 'cairn snapshots -P NAME' tells. The exit status is 64 when \
      something is wrong. What is right and worth knowing is printed as a notice, also a program that is to be run and is not on this machine.
      """)

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let configuration = try ConfigurationFiles(global, run.environment).read()
    if let name = global.profile ?? run.environment.value(.profile), configuration.fatal.isEmpty, configuration.profile(name) == nil {
      _ = try configuration.usable(name)
    }
    let mistakes = configuration.allMistakes
    let machine = MachineNotes(run.environment)
    let notes = configuration.allNotes + Set(configuration.profiles.flatMap(machine.notes)).sorted { $0.text < $1.text }
    if run.console.json {
      run.console.line(Self.record(configuration, mistakes, notes))
    } else {
      for finding in mistakes { run.console.line(finding.text) }
      for finding in notes { run.console.remark("\(finding.place.text): notice: \(finding.message)") }
      let files = configuration.files.map(Escaping.terminal).joined(separator: " and ")
      if mistakes.isEmpty {
        let profiles = Human.count(UInt64(configuration.profiles.count), "profile")
        run.console.remark("\(files): \(profiles), nothing is wrong")
      } else {
        run.console.complain("cairn: \(Human.count(UInt64(mistakes.count), "mistake")) in \(files).")
      }
    }
    return mistakes.isEmpty ? .success : .usage
  }

  private static func record(_ configuration: Configuration, _ mistakes: [ConfigFinding], _ notes: [ConfigFinding]) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "config_check")
      line.member("files", names: configuration.files)
      line.list("profiles") { line in for profile in configuration.profiles { line.element(profile.name) } }
      for (name, findings) in [("mistakes", mistakes), ("notices", notes)] {
        line.list(name) { line in
          for finding in findings {
            line.element { line in
              line.member("file", bytes: finding.place.file)
              line.member("line", finding.place.line)
              line.member("message", finding.message)
            }
          }
        }
      }
    }
  }
}

/// `cairn config example`
struct ConfigExample: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "example", abstract: "Prints a configuration with every key, explained.",
    discussion: """
      EXAMPLES
        cairn config example | less
      """)

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    run.console.write(Array(ExampleConfiguration.text.utf8))
    return .success
  }
}
