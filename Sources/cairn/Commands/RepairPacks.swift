import ArgumentParser
import CairnKit
import CairnStorage

/// `cairn repair packs`
struct RepairPacks: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "packs",
    abstract: "Saves what can be read of damaged packs, looks elsewhere for the rest, and names what is lost.",
    discussion: """
      Reads all packs, or those that are named. What is lost is looked for in all other packs, in the files below --source and in the \
      repository --from; files that have changed since do not matter as long as the lost part is the same. The exit status is 3 when \
      files remain damaged.

      EXAMPLES
        cairn repair packs --dry-run
        cairn repair packs --source /home --from /mnt/other/repository
      """)

  @OptionGroup(title: "Options") var repair: RepairArguments

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A directory that may have files with the lost content; may be repeated.", valueName: "directory"),
    completion: .directory)
  var source: [PathArgument] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Another repository that may have the lost content; the password is that of --repo unless it is given below.",
      valueName: "directory"),
    completion: .directory)
  var from: PathArgument?

  @Option(parsing: .unconditional, help: ArgumentHelp("A file that holds the password of the other repository.", valueName: "file"))
  var fromPasswordFile: PathArgument?

  @Option(parsing: .unconditional, help: ArgumentHelp("A key file of the other repository.", valueName: "file"))
  var fromKeyFile: PathArgument?

  @Argument(help: ArgumentHelp("Packs: paths, names or their first digits; all if none is given.", valueName: "pack"))
  var packs: [String] = []

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "repair" }

  func validate() throws {
    if from == nil, fromPasswordFile != nil || fromKeyFile != nil { throw ValidationError("--from is missing.") }
    if fromPasswordFile != nil, fromKeyFile != nil { throw ValidationError("--from-password-file and --from-key-file exclude each other.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    var options = PackRepairOptions()
    let output = RepairOutput(console: run.console)
    options.repair = repair.options(output)
    options.packs = packs
    options.sources = source.map(\.bytes)
    if let from { options.others = [try other(from.bytes, run)] }
    run.stopsOnSignals()
    let report = try run.withProgress { try repository.repairPacks(options, context: run.context) }
    return output.print(report)
  }

  private func other(_ path: [UInt8], _ run: Invocation) throws -> Repository {
    var password = try run.passwordSetting().value
    if let fromPasswordFile { password = .file(fromPasswordFile.bytes) }
    if let fromKeyFile { password = .keyFile(fromKeyFile.bytes) }
    return try run.openRepository(at: try RepositoryPath.local(path), with: password)
  }
}
