import ArgumentParser
import CairnFormat
import CairnKit
import CairnProfiles

/// `cairn find`
struct Find: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Finds files by name in snapshots.",
    discussion: """
      A pattern is a path of globs: '*', '?', '[a-z]', and '**' for any number of directories; with a slash in front it begins at \
      the root. What lies in a directory that matches, matches too.

      EXAMPLES
        cairn find '*.odt'
        cairn find -s latest --newest 2d /etc
      """)

  enum TypeChoice: String, ExpressibleByArgument, CaseIterable {
    case file, dir, symlink, fifo, socket, chardev, dev
  }

  @Argument(help: ArgumentHelp("What to look for.", valueName: "pattern"))
  var patterns: [String]

  @Flag(name: [.customShort("i"), .long], help: "Ignore letter case.")
  var ignoreCase = false

  @Option(
    name: [.short, .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Look in this snapshot only; may be repeated.", valueName: "snapshot"))
  var snapshot: [String] = []

  @Option(
    name: [.customShort("O"), .long], parsing: .unconditional,
    help: ArgumentHelp("Changed at this time or later; a duration counts back from now.", valueName: "time"))
  var oldest: TimeOrAge?

  @Option(
    name: [.customShort("N"), .long], parsing: .unconditional,
    help: ArgumentHelp("Changed at this time or earlier; a duration counts back from now.", valueName: "time"))
  var newest: TimeOrAge?

  @Option(help: ArgumentHelp("Only entries of this type; may be repeated.", valueName: "type"))
  var type: [TypeChoice] = []

  @Option(help: ArgumentHelp("Only files of at least this size.", valueName: "size"))
  var minSize: ByteSize?

  @Option(help: ArgumentHelp("Only files of at most this size.", valueName: "size"))
  var maxSize: ByteSize?

  @Flag(name: [.short, .long], help: "Show mode, owner, size and time.")
  var long = false

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "find" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let patterns = try patterns.map { try FindPattern($0, ignoringCase: ignoreCase) }
    let view = try run.openView()
    run.stopsOnSignals()
    let snapshots = try run.choose(snapshot, from: view.snapshots, filters.filter(run), forgotten: view.forgottenIDs)
    var output = FindOutput(console: run.console, isLong: long)
    try view.find(patterns, in: snapshots, options: options, context: run.context) { match in
      output.show(match)
      try run.console.check()
    }
    output.finish()
    return run.status
  }

  private var options: FindOptions {
    var options = FindOptions()
    if !type.isEmpty { options.types = Set(type.map(\.nodeType)) }
    options.oldest = oldest?.time
    options.newest = newest?.time
    options.minimumSize = minSize?.bytes
    options.maximumSize = maxSize?.bytes
    return options
  }
}

extension Find.TypeChoice {
  var nodeType: NodeType {
    switch self {
    case .file: .file
    case .dir: .directory
    case .symlink: .symbolicLink
    case .fifo: .fifo
    case .socket: .socket
    case .chardev: .characterDevice
    case .dev: .blockDevice
    }
  }
}

/// A moment, or how long ago it was.
struct TimeOrAge: ExpressibleByArgument {
  let time: Timestamp

  init?(argument: String) {
    if let moment = TimeArgument(argument: argument) {
      time = Timestamp(seconds: moment.seconds, nanoseconds: moment.nanoseconds)
    } else if let span = TimeSpan(argument: argument), let now = TimeArgument(argument: "now") {
      time = Timestamp(seconds: now.seconds - span.seconds, nanoseconds: now.nanoseconds)
    } else {
      return nil
    }
  }
}
