import ArgumentParser
import CairnKit
import CairnProfiles

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

  /// What is left out: each option takes the place of what the profile says.
  func apply(to backup: inout BackupOptions, _ profile: SourceSettings?) {
    func chosen<T>(_ given: [T], _ configured: [T]?) -> [T] { given.isEmpty ? configured ?? [] : given }
    var options = ExcludeOptions()
    options.patterns = chosen(exclude, profile?.exclude)
    options.caseInsensitivePatterns = chosen(iexclude, profile?.iexclude)
    options.files = chosen(excludeFile.map(\.bytes), profile?.excludeFile)
    options.caseInsensitiveFiles = chosen(iexcludeFile.map(\.bytes), profile?.iexcludeFile)
    options.ifPresent = chosen(excludeIfPresent, profile?.excludeIfPresent)
    options.caches = excludeCaches || profile?.excludeCaches == true
    options.largerThan = excludeLargerThan?.bytes ?? profile?.excludeLargerThan
    backup.excludes = options
    backup.oneFileSystem = oneFileSystem || profile?.oneFileSystem == true
    backup.ignoreFiles = chosen(ignoreFile, profile?.ignoreFile)
  }
}
