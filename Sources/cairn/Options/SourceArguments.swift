import ArgumentParser
import CairnKit
import CairnProfiles
import CairnSystem
import Glibc

/// Where a backup takes its files from.
struct SourceArguments: ParsableArguments {
  @Argument(help: ArgumentHelp("Files and directories; with --stdin-from-command the command.", valueName: "path"), completion: .file())
  var paths: [PathArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Read sources from a file ('-': standard input), one pattern a line; # comments.", valueName: "file"))
  var filesFrom: [PathArgument] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("As --files-from, each line a path as it stands.", valueName: "file"))
  var filesFromVerbatim: [PathArgument] = []

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("As --files-from-verbatim, with a NUL byte after each path.", valueName: "file"))
  var filesFromRaw: [PathArgument] = []

  @Flag(help: "Back up standard input as one file.")
  var stdin = false

  @Option(parsing: .unconditional, help: ArgumentHelp("The file's path in the snapshot; default stdin.", valueName: "path"))
  var stdinFilename: PathArgument?

  @Flag(help: "Run the command behind '--' and back up what it prints; no snapshot when it fails.")
  var stdinFromCommand = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Back up a disk, a partition or a file of one as one file, block by block. Of ext2, ext3 and ext4 that are not in use only the "
        + "blocks that hold something are read.", valueName: "device"), completion: .file())
  var image: PathArgument?

  @Flag(help: "With --image: store zeros for what cannot be read, name it, and end with exit status 3.")
  var skipBadSectors = false

  /// Whether anything to back up is named.
  var isGiven: Bool { !paths.isEmpty || hasLists || stdin || image != nil }

  private var hasLists: Bool { !filesFrom.isEmpty || !filesFromVerbatim.isEmpty || !filesFromRaw.isEmpty }

  func validate() throws {
    if stdin && stdinFromCommand { throw ValidationError("--stdin and --stdin-from-command exclude each other.") }
    if (stdin || stdinFromCommand) && hasLists { throw ValidationError("Standard input and --files-from exclude each other.") }
    if stdin && !paths.isEmpty { throw ValidationError("--stdin takes no paths.") }
    if stdinFromCommand && paths.isEmpty { throw ValidationError("--stdin-from-command needs a command behind '--'.") }
    if image != nil && (stdin || stdinFromCommand || hasLists || !paths.isEmpty) {
      throw ValidationError("--image takes one device or file, and nothing else is backed up with it.")
    }
    if skipBadSectors && isGiven && image == nil { throw ValidationError("--skip-bad-sectors goes with --image only.") }
    if !stdin && !stdinFromCommand {
      if stdinFilename != nil { throw ValidationError("--stdin-filename needs --stdin or --stdin-from-command.") }
    }
  }

  /// Fills in the sources; those of the profile where none are named.
  func apply(to options: inout BackupOptions, _ profile: Profile?) throws {
    if !isGiven { return try apply(profile, to: &options) }
    if let image { return Self.apply(image: image.bytes, skipsBadSectors: skipBadSectors, to: &options) }
    let name = stdinFilename?.bytes ?? Array("stdin".utf8)
    if stdin {
      options.standardInput = BackupOptions.StandardInput(name: name, origin: .descriptor(0))
    } else if stdinFromCommand {
      options.standardInput = BackupOptions.StandardInput(name: name, origin: .command(paths.map { RawArguments.text(of: $0.bytes) }))
    } else {
      options.sources = paths.map(\.bytes)
      try Self.read(filesFrom.map(\.bytes), filesFromVerbatim.map(\.bytes), filesFromRaw.map(\.bytes), to: &options)
    }
  }

  private static func apply(image path: [UInt8], skipsBadSectors: Bool, to options: inout BackupOptions) {
    var image = BackupOptions.Image(path: path)
    image.skipsBadSectors = skipsBadSectors
    options.image = image
  }

  private func apply(_ profile: Profile?, to options: inout BackupOptions) throws {
    guard let profile else {
      throw CairnError(
        .usage, "Nothing to back up: name files or directories, or use --files-from or --stdin, or --profile.",
        guidance: "'cairn help backup' tells more.")
    }
    let source = profile.source
    if let image = source.image {
      return Self.apply(image: image, skipsBadSectors: skipBadSectors || source.skipBadSectors == true, to: &options)
    }
    if let command = source.command {
      let name = Array((source.commandFilename ?? "stdin").utf8)
      options.standardInput = BackupOptions.StandardInput(name: name, origin: .command(command))
      return
    }
    guard !source.isEmpty else {
      throw CairnError(
        .usage, "The profile '\(profile.name)' names nothing to back up (\(profile.place.text)).",
        guidance: "Write sources = [\"/what/to/back/up\"] into it, or name files and directories.")
    }
    options.sources = source.paths ?? []
    try Self.read(source.filesFrom ?? [], source.filesFromVerbatim ?? [], source.filesFromRaw ?? [], to: &options)
  }

  private static func read(_ patterns: [[UInt8]], _ lines: [[UInt8]], _ raw: [[UInt8]], to options: inout BackupOptions) throws {
    for list in patterns { options.sources += try SourceList.patterns(list) }
    for list in lines { options.sources += try SourceList.lines(list) }
    for list in raw { options.sources += try SourceList.raw(list) }
    if options.sources.isEmpty { throw CairnError(.usage, "Nothing to back up: the lists name no files.") }
  }
}

/// Reads lists of sources.
enum SourceList {
  /// Lines without spaces at the ends, comments and empty lines left out, globs expanded as the shell does.
  static func patterns(_ file: [UInt8]) throws -> [[UInt8]] {
    var result: [[UInt8]] = []
    for line in try split(file, 0x0a) {
      let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
      let trimmed = Array(Array(line.drop(while: isSpace).reversed()).drop(while: isSpace).reversed())
      guard let first = trimmed.first, first != 0x23 else { continue }
      result += expand(trimmed)
    }
    return result
  }

  static func lines(_ file: [UInt8]) throws -> [[UInt8]] { try split(file, 0x0a).filter { !$0.isEmpty } }

  static func raw(_ file: [UInt8]) throws -> [[UInt8]] {
    let parts = try split(file, 0)
    guard !parts.contains([]) else { throw CairnError(.usage, "'\(Escaping.terminal(file))' names an empty path.") }
    return parts
  }

  /// glob(3); a pattern that matches nothing stays as it is, so that the backup reports it by name.
  private static func expand(_ pattern: [UInt8]) -> [[UInt8]] {
    var found = glob_t()
    defer { globfree(&found) }
    let status = (pattern + [0]).withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { chars in chars.baseAddress.map { glob($0, 0, nil, &found) } ?? GLOB_NOMATCH }
    }
    guard status == 0 else { return [pattern] }
    return (0..<Int(found.gl_pathc)).compactMap { index in
      found.gl_pathv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
  }

  private static func split(_ path: [UInt8], _ separator: UInt8) throws -> [[UInt8]] {
    var bytes = try contents(path)
    if bytes.last == separator { bytes.removeLast() }
    return bytes.isEmpty ? [] : bytes.split(separator: separator, omittingEmptySubsequences: false).map(Array.init)
  }

  private static func contents(_ path: [UInt8]) throws -> [UInt8] {
    do {
      let file = try path == [0x2d] ? OpenFile(adopting: dup(0)) : OpenFile.open(path, .read)
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while case let count = try buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 { bytes += buffer[..<count] }
      return bytes
    } catch let error as FileError {
      throw CairnError(.usage, "Cannot read the list of sources '\(Escaping.terminal(path))': \(error.reason).")
    }
  }
}
