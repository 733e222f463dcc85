import ArgumentParser
import CairnKit

/// What a backup leaves out; restic's options.
struct ExcludeArguments: ParsableArguments {
  @Option(
    name: [.short, .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Leave out what matches; may be repeated.", valueName: "pattern"))
  var exclude: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("As --exclude, letter case ignored.", valueName: "pattern"))
  var iexclude: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Read patterns from a file, one a line.", valueName: "file"))
  var excludeFile: [PathArgument] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("As --exclude-file, letter case ignored.", valueName: "file"))
  var iexcludeFile: [PathArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Leave out what a directory holds that has a file NAME, which begins with HEADER if one is given.", valueName: "name[:header]"))
  var excludeIfPresent: [String] = []

  @Flag(help: "Leave out what cache directories hold: those with a CACHEDIR.TAG.")
  var excludeCaches = false

  @Option(help: ArgumentHelp("Leave out files larger than this.", valueName: "size"))
  var excludeLargerThan: ByteSize?

  @Flag(name: [.customShort("x"), .long], help: "Stay in the file systems of the sources; mount points are kept as empty directories.")
  var oneFileSystem = false

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Honour ignore files of this name, such as .gitignore, by git's rules; may be repeated.", valueName: "name"))
  var ignoreFile: [String] = []

  var options: ExcludeOptions {
    var options = ExcludeOptions()
    options.patterns = exclude
    options.caseInsensitivePatterns = iexclude
    options.files = excludeFile.map(\.bytes)
    options.caseInsensitiveFiles = iexcludeFile.map(\.bytes)
    options.ifPresent = excludeIfPresent
    options.caches = excludeCaches
    options.largerThan = excludeLargerThan?.bytes
    return options
  }
}
