import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn key`: what opens the repository.
struct Key: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Manages the passwords and key files that open the repository.",
    subcommands: [KeyList.self, KeyAdd.self, KeyRemove.self, KeyPasswd.self, KeyExport.self])
}

/// `cairn key list`
struct KeyList: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the keys; * marks the one in use.")

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    let slots = try run.openRepository().keySlots()
    if run.console.json {
      var line = JSONLine()
      line.array { line in for slot in slots { line.element { Self.write(slot, to: &$0) } } }
      run.console.line(line)
    } else {
      var table = TextTable([("ID", .left), ("Kind", .left), ("Label", .left), ("User", .left), ("Host", .left), ("Created", .left)])
      for slot in slots {
        table.add([
          (slot.isCurrent ? "*" : " ") + slot.name.prefix(8), slot.isKeyFile ? "key file" : "password", text(slot.label), text(slot.user),
          text(slot.host), LocalTime.text(slot.created.seconds),
        ])
      }
      for line in table.lines() { run.console.line(line) }
    }
    return .success
  }

  private static func write(_ slot: KeySlotInfo, to line: inout JSONLine) {
    line.member("current", slot.isCurrent)
    line.member("id", slot.name)
    line.member("userName", slot.user ?? "")
    line.member("hostName", slot.host ?? "")
    line.member("created", LocalTime.text(slot.created.seconds))
    line.member("kind", slot.isKeyFile ? "key-file" : "password")
    if let label = slot.label, !label.isEmpty { line.member("label", label) }
  }

  private func text(_ value: String?) -> String { value.map { Escaping.terminal(Array($0.utf8)) } ?? "" }
}

/// `cairn key add`
struct KeyAdd: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(commandName: "add", abstract: "Adds a password or key file.")

  @OptionGroup(title: "The new key") var new: NewKeyOptions

  @Option(parsing: .unconditional, help: ArgumentHelp("A name for the key.", valueName: "text"))
  var label: String?

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    let name = try new.withCredential { try repository.addKey($0, label: label ?? "") }
    run.console.remark("saved new key \(name.prefix(8))")
    return .success
  }
}

/// `cairn key remove`
struct KeyRemove: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Removes a key.",
    discussion: "Somebody who has copied the key's object and knows its password can still open a copy of the repository made before.")

  @Argument(help: ArgumentHelp("The first digits of the key's id.", valueName: "id"))
  var id: String

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    let name = try run.openRepository().removeKey(id)
    run.console.remark("removed key \(name.prefix(8))")
    return .success
  }
}

/// `cairn key passwd`
struct KeyPasswd: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "passwd", abstract: "Replaces the key in use by a new password or key file.")

  @OptionGroup(title: "The new key") var new: NewKeyOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    let name = try new.withCredential { try repository.replaceCurrentKey(with: $0) }
    run.console.remark("replaced the key in use; the new one is \(name.prefix(8))")
    return .success
  }
}

/// `cairn key export`
struct KeyExport: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Writes the repository's master key, to be kept offline.",
    discussion: "It opens the repository by --key-file when every other key is lost, and cannot be revoked.")

  @Argument(help: ArgumentHelp("A new file, readable by its owner only; '-' is standard output.", valueName: "file"))
  var file: PathArgument

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    let text = try run.openRepository().exportMasterKey()
    if file.bytes == [0x2d] {
      run.console.write(text)
    } else {
      try GeneratedKeyFile.write(text, to: file.bytes)
      run.console.remark("wrote the master key to \(Escaping.terminal(file.bytes))")
    }
    return .success
  }
}
