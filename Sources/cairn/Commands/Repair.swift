import ArgumentParser

/// `cairn repair`: what puts a damaged repository right.
struct Repair: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mends a damaged repository.", subcommands: [RepairParity.self])
}
