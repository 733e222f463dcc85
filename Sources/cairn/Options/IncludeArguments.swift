import ArgumentParser
import CairnKit
import CairnSystem

/// What of a snapshot is restored; restic's options.
struct IncludeArguments: ParsableArguments {
  @Option(
    name: [.short, .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only what matches, directories with their contents; may be repeated.", valueName: "pattern"))
  var include: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("As --include, letter case ignored.", valueName: "pattern"))
  var iinclude: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Read patterns from a file, one a line.", valueName: "file"))
  var includeFile: [PathArgument] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("As --include-file, letter case ignored.", valueName: "file"))
  var iincludeFile: [PathArgument] = []

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

  var isGiven: Bool {
    let patterns = [include, iinclude, exclude, iexclude], files = [includeFile, iincludeFile, excludeFile, iexcludeFile]
    return !patterns.allSatisfy(\.isEmpty) || !files.allSatisfy(\.isEmpty)
  }

  /// The patterns, those in files included.
  struct Patterns {
    var includes: [String], caseInsensitiveIncludes: [String], excludes: [String], caseInsensitiveExcludes: [String]

    func apply(to options: inout RestoreOptions) {
      options.includes = includes
      options.caseInsensitiveIncludes = caseInsensitiveIncludes
      options.excludes = excludes
      options.caseInsensitiveExcludes = caseInsensitiveExcludes
    }
  }

  func read() throws -> Patterns {
    Patterns(
      includes: try include + Self.lines(includeFile), caseInsensitiveIncludes: try iinclude + Self.lines(iincludeFile),
      excludes: try exclude + Self.lines(excludeFile), caseInsensitiveExcludes: try iexclude + Self.lines(iexcludeFile))
  }

  /// Lines without spaces at the ends; comments and empty lines are left out.
  private static func lines(_ files: [PathArgument]) throws -> [String] {
    try files.flatMap { file in
      try SourceList.lines(file.bytes).map { String(decoding: $0, as: UTF8.self).trimmingSpaces() }.filter {
        !$0.isEmpty && !$0.hasPrefix("#")
      }
    }
  }
}
