import ArgumentParser
import FoundationEssentials

/// The command tree as ArgumentParser describes it (`--experimental-dump-help`): the source of `--help` and of the manual alike.
struct CommandDescription: Decodable {
  struct Root: Decodable {
    let command: CommandDescription
  }

  struct Name: Decodable {
    enum Kind: String, Decodable {
      case long, short, longWithSingleDash
    }
    let kind: Kind
    let name: String

    var text: String { (kind == .long ? "--" : "-") + name }
  }

  struct Argument: Decodable {
    enum Kind: String, Decodable {
      case positional, option, flag
    }
    let kind: Kind
    let shouldDisplay: Bool
    let sectionTitle: String?
    let isOptional: Bool
    let isRepeating: Bool
    let names: [Name]?
    let valueName: String?
    let allValues: [String]?
    let abstract: String?
  }

  let superCommands: [String]?
  let shouldDisplay: Bool
  let commandName: String
  let aliases: [String]?
  let abstract: String?
  let discussion: String?
  let subcommands: [CommandDescription]?
  let arguments: [Argument]?

  /// The whole tree.
  static func ofProgram() throws -> CommandDescription {
    try JSONDecoder().decode(Root.self, from: Data(Cairn._dumpHelp().utf8)).command
  }

  /// All commands with something to say of their own, the program first.
  var flattened: [CommandDescription] {
    guard shouldDisplay, commandName != "help" else { return [] }
    return [self] + (subcommands ?? []).flatMap(\.flattened)
  }

  /// `cairn key add`
  var fullName: String { ((superCommands ?? []) + [commandName]).joined(separator: " ") }
}
