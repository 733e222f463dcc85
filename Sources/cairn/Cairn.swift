import ArgumentParser
import CairnKit

/// The root of the command line.
struct Cairn: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairn",
    abstract: "Backs up directories into an encrypted, deduplicating repository, and restores them.",
    discussion: """
      Snapshots are named by 'latest', 'latest~N' (the Nth before the latest) or the first digits of an id; \
      SNAPSHOT:PATH means a path inside.

      EXIT STATUS
      \(ExitStatus.table)

      ENVIRONMENT (RESTIC_... stands in for those restic has too)
      \(EnvironmentVariables.table)
      """,
    version: programVersion,
    subcommands: [Manual.self],
    groupedSubcommands: [
      CommandGroup(name: "Backing up and restoring", subcommands: [Setup.self, Init.self, Backup.self, Restore.self]),
      CommandGroup(
        name: "Looking at snapshots",
        subcommands: [Snapshots.self, Browse.self, Ls.self, Find.self, History.self, Diff.self, Cat.self, Stats.self, Report.self]),
      CommandGroup(
        name: "Keeping the repository",
        subcommands: [Forget.self, Prune.self, Check.self, Prove.self, Repair.self, Tag.self, Key.self, Configure.self]),
      CommandGroup(name: "Runs of profiles", subcommands: [ScheduleGroup.self, Status.self, Log.self]),
      CommandGroup(name: "The program", subcommands: [Version.self, Completions.self]),
    ])

  @OptionGroup(title: "Global options") var global: GlobalOptions
}
