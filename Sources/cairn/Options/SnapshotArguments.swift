public import ArgumentParser
public import CairnKit
import CairnProfiles

/// What a new snapshot is and says of itself.
struct SnapshotArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "full reads every file; incremental trusts size, times and inode against the newest snapshot of the series, differential against the "
        + "newest full one. Default auto: by the scheme of the profile; without one full for the first, else incremental.",
      valueName: "kind"))
  var kind: BackupOptions.KindChoice?

  @Option(parsing: .unconditional, help: ArgumentHelp("The series by name; default: host and sources make it.", valueName: "name"))
  var series: String?

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Tags of the snapshot; may be repeated.", valueName: "tag,..."))
  var tag: [CommaList] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("A sentence to keep with the snapshot.", valueName: "text"))
  var description: String?

  @Option(
    name: [.customShort("H"), .long], parsing: .unconditional,
    help: ArgumentHelp("The host name to record. Else CAIRN_HOST; default this machine's.", valueName: "name"))
  var host: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The snapshot's time: 'YYYY-MM-DD HH:MM:SS' or 'now', the default.", valueName: "time"))
  var time: TimeArgument?

  @Option(parsing: .unconditional, help: ArgumentHelp("Compare with this snapshot instead of the series' own.", valueName: "snapshot"))
  var parent: String?

  @Flag(name: [.short, .long], help: "Read every file again.")
  var force = false

  @Flag(help: "A changed inode number does not make a file count as changed.")
  var ignoreInode = false

  @Flag(help: "A changed ctime does not make a file count as changed.")
  var ignoreCtime = false

  @Flag(help: "Make no snapshot when nothing changed.")
  var skipIfUnchanged = false

  @Flag(help: "As --skip-if-unchanged, with exit status 32.")
  var errorIfUnchanged = false

  func validate() throws {
    if force && parent != nil { throw ValidationError("--force and --parent exclude each other.") }
  }

  /// - Parameter isOwn: whether the profile's own sources are backed up. Others make no snapshot of its series: it would take the place
  ///   of one that has them.
  func apply(to options: inout BackupOptions, _ run: Invocation, isOwn: Bool) {
    let profile = run.profile
    let recordedHost = run.hostSetting(flag: host)
    options.kind = kind ?? profile?.source.kind ?? .auto
    options.seriesName = series ?? (isOwn ? profile?.seriesName(host: recordedHost.value) : nil)
    options.tags = tag.isEmpty ? profile?.tags ?? [] : tag.flatMap(\.items)
    options.description = description ?? profile?.source.description
    options.host = recordedHost.origin == .standard ? nil : recordedHost.value
    if let time { options.setTime(seconds: time.seconds, nanoseconds: time.nanoseconds) }
    options.parent = parent
    options.readEverything = force
    options.ignoreInode = ignoreInode || profile?.source.ignoreInode == true
    options.ignoreCtime = ignoreCtime || profile?.source.ignoreCtime == true
    options.skipIfUnchanged = skipIfUnchanged || errorIfUnchanged || profile?.source.skipIfUnchanged == true
  }
}

extension BackupOptions.KindChoice: ExpressibleByArgument {}
