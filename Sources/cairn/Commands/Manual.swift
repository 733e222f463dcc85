import ArgumentParser
import CairnKit
import CairnSystem

/// `cairn manual`: writes the manual pages when the program is installed.
struct Manual: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Writes the manual pages into a directory.", shouldDisplay: false)

  @Argument(help: "An existing directory.")
  var directory: PathArgument

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var usesProfile: Bool { false }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let commands = try CommandDescription.ofProgram().flattened
    for command in commands {
      let path = directory.bytes + [0x2f] + Array(ManualPage.fileName(command).utf8)
      let file = try OpenFile.open(path, [.write, .create, .truncate], mode: 0o644)
      try Array(ManualPage(command: command, all: commands).text.utf8).withUnsafeBytes { try file.write($0) }
    }
    run.console.remark("wrote \(Human.count(UInt64(commands.count), "page")) to \(Escaping.terminal(directory.bytes))")
    return .success
  }
}
