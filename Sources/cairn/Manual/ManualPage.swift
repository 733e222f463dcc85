import CairnKit

/// One command as a manual page for man(1), in the man(7) macros.
struct ManualPage {
  let command: CommandDescription
  /// Every page, for the references.
  let all: [CommandDescription]

  /// `cairn-key-add.1`
  static func fileName(_ command: CommandDescription) -> String { title(command) + ".1" }
  private static func title(_ command: CommandDescription) -> String { command.fullName.split(separator: " ").joined(separator: "-") }

  var text: String {
    var out = [".TH \"\(Self.title(command).uppercased())\" 1 \"\" \"\(programVersion)\" \"Cairn\""]
    out += [".SH NAME", "\(escape(Self.title(command))) \\- \(escape(sentence(command.abstract)))"]
    out += [".SH SYNOPSIS", ".B \(escape(command.fullName))", synopsis]
    if let aliases = command.aliases, !aliases.isEmpty { out += [".PP", "Also called \(escape(aliases.joined(separator: ", ")))."] }
    if let discussion = command.discussion { out += [".SH DESCRIPTION"] + paragraphs(discussion) }
    out += options
    if let subcommands = command.subcommands?.filter({ $0.shouldDisplay && $0.commandName != "help" }), !subcommands.isEmpty {
      out.append(".SH COMMANDS")
      for sub in subcommands { out += [".TP", ".B \(escape(Self.title(sub)))(1)", escape(sub.abstract ?? "")] }
    }
    if command.superCommands?.isEmpty == false {
      out += [".SH EXIT STATUS"] + ExitStatus.allCases.flatMap { [".TP", ".B \($0.rawValue)", escape($0.meaning)] }
    }
    out += [".SH SEE ALSO", references]
    return out.joined(separator: "\n") + "\n"
  }

  private var synopsis: String {
    var parts = ["[options]"]
    for argument in command.arguments ?? [] where argument.kind == .positional && argument.shouldDisplay {
      let name = "\\fI" + escape(argument.valueName ?? "value") + "\\fR" + (argument.isRepeating ? " ..." : "")
      parts.append(argument.isOptional ? "[\(name)]" : name)
    }
    if command.subcommands?.contains(where: { $0.commandName != "help" }) == true { parts.append("\\fIcommand\\fR") }
    return parts.joined(separator: " ")
  }

  /// The options under the headings of the help.
  private var options: [String] {
    var out: [String] = []
    var heading: String?
    for argument in command.arguments ?? [] where argument.shouldDisplay {
      let title = argument.sectionTitle ?? (argument.kind == .positional ? "Arguments" : "Options")
      if title != heading { out.append(".SH \(escape(title.uppercased()))") }
      heading = title
      out += [".TP", label(argument), escape(argument.abstract ?? "")]
      if let values = argument.allValues, !values.isEmpty { out.append("One of \(escape(values.joined(separator: ", "))).") }
    }
    return out
  }

  private func label(_ argument: CommandDescription.Argument) -> String {
    let value = argument.valueName.map { "\\fI\(escape($0))\\fR" } ?? ""
    guard argument.kind != .positional else { return value }
    // Short names first.
    let names = (argument.names ?? []).sorted { $0.name.count < $1.name.count }
    return names.map { "\\fB\(escape($0.text))\\fR" }.joined(separator: ", ") + (argument.kind == .option ? " " + value : "")
  }

  private var references: String {
    all.filter { $0.fullName != command.fullName }.map { ".BR \(escape(Self.title($0))) (1)" }.joined(separator: ",\n")
      .split(separator: "\n").map { $0.hasSuffix(",") ? $0.dropLast() + " ," : $0 }.joined(separator: "\n")
  }

  /// Lines that are indented, and headings in capitals, stay as they are; the rest flows.
  private func paragraphs(_ discussion: String) -> [String] {
    var out: [String] = []
    var isVerbatim = false
    for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
      let isIndented = line.hasPrefix("  ")
      if isIndented != isVerbatim { out.append(isIndented ? ".PP\n.nf" : ".fi") }
      isVerbatim = isIndented
      if line.isEmpty {
        out.append(".PP")
      } else if !isIndented && line.prefix(4).allSatisfy({ $0.isUppercase }) {
        out.append(".SS \(escape(String(line)))")
      } else {
        out.append(escape(String(line)))
      }
    }
    return isVerbatim ? out + [".fi"] : out
  }

  private func sentence(_ text: String?) -> String {
    guard let text, let first = text.first else { return "" }
    return first.lowercased() + text.dropFirst().trimmingDot()
  }

  private func escape(_ text: String) -> String {
    var out = ""
    for character in text {
      switch character {
      case "\\": out += "\\e"
      case "-": out += "\\-"
      default: out.append(character)
      }
    }
    return out.hasPrefix(".") || out.hasPrefix("'") ? "\\&" + out : out
  }
}

extension StringProtocol {
  func trimmingDot() -> String { hasSuffix(".") ? String(dropLast()) : String(self) }
}
