import ArgumentParser
import CairnProfiles

/// Options that every command takes, before or after its name.
struct GlobalOptions: ParsableArguments {
  @Option(
    name: [.customShort("P"), .long], parsing: .unconditional,
    help: ArgumentHelp(
      "A profile of the configuration: the repository, what opens it, and the options that it sets. Else CAIRN_PROFILE.",
      valueName: "name"), completion: .custom { _, _, _ in ConfigurationFiles.profileNames() })
  var profile: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The configuration. Else CAIRN_CONFIG; default ~/.config/cairn/cairn.toml and /etc/cairn/cairn.toml.", valueName: "file"))
  var config: PathArgument?

  @Option(
    name: [.short, .customLong("repo")], parsing: .unconditional,
    help: ArgumentHelp("The repository, a local directory. Else CAIRN_REPOSITORY.", valueName: "directory"), completion: .directory)
  var repository: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A file whose first line names the repository. Else CAIRN_REPOSITORY_FILE.", valueName: "file"))
  var repositoryFile: PathArgument?

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp("A file that holds the password; one newline at its end is dropped. Else CAIRN_PASSWORD_FILE.", valueName: "file"))
  var passwordFile: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A shell command that prints the password. Else CAIRN_PASSWORD_COMMAND.", valueName: "command"),
    completion: .shellCommand("compgen -c"))
  var passwordCommand: String?

  @Option(help: ArgumentHelp("An open descriptor to read the password from. Else CAIRN_PASSWORD_FD.", valueName: "number"))
  var passwordFd: Int32?

  @Option(parsing: .unconditional, help: ArgumentHelp("A key file instead of a password. Else CAIRN_KEY_FILE.", valueName: "file"))
  var keyFile: PathArgument?

  @Flag(help: "Use the empty password; without this, 'init' and 'key add' refuse it.")
  var insecureNoPassword = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where the cache is kept. Else CAIRN_CACHE_DIR; default ~/.cache/cairn.", valueName: "directory"),
    completion: .directory)
  var cacheDir: PathArgument?

  @Flag(help: "Keep no cache; index tables are built in memory for each run.")
  var noCache = false

  @Flag(help: "Write JSON lines for programs instead of text.")
  var json = false

  @Flag(name: [.short, .long], help: "Write results and problems only.")
  var quiet = false

  @Flag(name: [.short, .long], help: "Write more; twice names every entry.")
  var verbose: Int

  @Option(help: ArgumentHelp("Memory for tables and caches. Else CAIRN_MEMORY; default 256M.", valueName: "size"))
  var memory: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Compression of new data: auto, off, 1 to 19, fastest, better or max. Else CAIRN_COMPRESSION; default auto.", valueName: "mode"))
  var compression: CompressionChoice?

  @Option(help: ArgumentHelp("Store at most so many KiB a second; 0 lifts the limit of the profile.", valueName: "rate"))
  var limitUpload: UInt64?

  @Option(help: ArgumentHelp("Read at most so many KiB a second; 0 lifts the limit of the profile.", valueName: "rate"))
  var limitDownload: UInt64?

  @Flag(help: "Has no effect: there are no locks. Accepted for scripts made for restic.")
  var noLock = false

  @Option(help: ArgumentHelp("Has no effect: there are no locks. Accepted for scripts made for restic.", valueName: "duration"))
  var retryLock: String?

  /// Those given that say how one run works, as they are called.
  var forOneRun: [String] {
    let given: [(String, Bool)] = [
      ("--repo", repository != nil), ("--repository-file", repositoryFile != nil), ("--password-file", passwordFile != nil),
      ("--password-command", passwordCommand != nil), ("--password-fd", passwordFd != nil), ("--key-file", keyFile != nil),
      ("--insecure-no-password", insecureNoPassword), ("--cache-dir", cacheDir != nil), ("--no-cache", noCache),
      ("--memory", memory != nil), ("--compression", compression != nil), ("--limit-upload", limitUpload != nil),
      ("--limit-download", limitDownload != nil),
    ]
    return given.filter(\.1).map(\.0)
  }

  func validate() throws {
    if let memory, memory.bytes < 16 << 20 { throw ValidationError("--memory must be at least 16M.") }
    if [limitUpload, limitDownload].contains(where: { ($0 ?? 0) > UInt64(1) << 40 }) {
      throw ValidationError("--limit-upload and --limit-download are in KiB a second.")
    }
    if quiet && verbose > 0 { throw ValidationError("--quiet and --verbose exclude each other.") }
    if noCache && cacheDir != nil { throw ValidationError("--no-cache and --cache-dir exclude each other.") }
  }
}
