import ArgumentParser
import CairnKit
import CairnProfiles

/// `cairn config show`
struct ConfigShow: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Prints what is in force, and where each value comes from.",
    discussion: """
      With --profile all that a command would work with; --verbose names every key, also those that are not set. Without, the profiles that there are. \
      A flag beats a variable, a variable beats the file.

      EXAMPLES
        cairn config show
        cairn config show -P home
      """)

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    guard let profile = run.profile else { return try list(run) }
    let settings = try SettingsTable(run, profile)
    let rows = global.json || global.verbose > 0 ? settings.rows : settings.briefRows
    if run.console.json {
      run.console.line(
        JSONLine.object { line in
          line.member("message_type", "config")
          line.member("profile", profile.name)
          line.list("settings") { line in for row in rows { line.element { row.write(to: &$0) } } }
        })
      return .success
    }
    var table = TextTable([("Setting", .left), ("Value", .left), ("From", .left)])
    for row in rows { table.add([row.key, row.value.isEmpty ? "-" : row.value, row.origin.text]) }
    for line in table.lines() { run.console.line(line) }
    return .success
  }

  /// The profiles.
  private func list(_ run: Invocation) throws -> ExitStatus {
    let configuration = try ConfigurationFiles(global, run.environment).read()
    if run.console.json {
      run.console.line(
        JSONLine.object { line in
          line.member("message_type", "config")
          line.member("files", names: configuration.files)
          line.list("profiles") { line in
            for profile in configuration.profiles {
              line.element { line in
                line.member("name", profile.name)
                line.member("file", bytes: profile.place.file)
                line.member("line", profile.place.line)
                if let repository = profile.repository { line.member("repository", repository.name) }
                line.member("mistakes", profile.mistakes.count)
              }
            }
          }
        })
    } else {
      var table = TextTable([("Profile", .left), ("Repository", .left), ("Sources", .left), ("From", .left)])
      for profile in configuration.profiles {
        let source = profile.source
        let paths = [source.image].compactMap(\.self) + (source.paths ?? [])
        let lists = (source.filesFrom ?? []) + (source.filesFromVerbatim ?? []) + (source.filesFromRaw ?? [])
        let command = source.command.map { [Escaping.terminal(Array($0.joined(separator: " ").utf8))] } ?? []
        let sources = (paths.map(Escaping.terminal) + lists.map { "list \(Escaping.terminal($0))" } + command).joined(separator: "\n")
        table.add([profile.name, profile.repository?.name ?? "", sources, profile.place.text])
      }
      for line in table.lines() { run.console.line(line) }
    }
    guard configuration.allMistakes.isEmpty else {
      run.console.complain("cairn: The configuration is wrong; 'cairn config check' explains it.")
      return .usage
    }
    return .success
  }
}
