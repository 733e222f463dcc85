/// Every section and key that a file may have, in the order of the example.
package enum Catalogue {
  package struct Section: Sendable {
    /// `profile.retention`
    package let name: String
    package let keys: [Key]
    /// Whether the program does what its keys say.
    package let isCarriedOut: Bool

    /// What stands before a key of the section in the names of `Profile.Entry`.
    package var entryPrefix: String {
      name == "profile" ? "" : (name.hasPrefix("profile.") ? String(name.dropFirst(8)) : name) + "."
    }

    fileprivate init(_ name: String, isCarriedOut: Bool = true, _ keys: [(String, String)]) {
      self.name = name
      self.keys = keys.map { Key(name: $0.0, standard: $0.1) }
      self.isCarriedOut = isCarriedOut
    }
  }

  package struct Key: Sendable {
    package let name: String
    /// What holds where the key is not set, in words; empty = nothing.
    package let standard: String
  }

  package static let sections = [
    Section(
      "repository",
      [
        ("path", ""), ("password-file", ""), ("password-command", ""), ("key-file", ""), ("cache-dir", "~/.cache/cairn"),
        ("no-cache", "false"), ("memory", "\"256M\""), ("compression", "\"auto\""),
      ]),
    Section(
      "profile",
      [
        ("inherit", ""), ("repository", ""), ("sources", ""), ("files-from", ""), ("files-from-verbatim", ""), ("files-from-raw", ""),
        ("stdin-from-command", ""), ("stdin-filename", "\"stdin\""), ("image", ""), ("skip-bad-sectors", "false"), ("exclude", ""),
        ("iexclude", ""),
        ("exclude-file", ""), ("iexclude-file", ""), ("exclude-if-present", ""), ("exclude-caches", "false"), ("exclude-larger-than", ""),
        ("one-file-system", "false"), ("ignore-file", ""), ("tags", ""), ("host", "this machine's name"), ("series", "PROFILE@HOST"),
        ("description", ""), ("kind", "\"auto\""), ("ignore-inode", "false"), ("ignore-ctime", "false"), ("skip-if-unchanged", "false"),
        ("read-concurrency", "by processors"), ("read-back", "true"),
      ]),
    Section("profile.scheme", [("full", "\"never\""), ("differential", "\"never\""), ("incremental", "\"always\"")]),
    Section(
      "profile.retention",
      [
        ("keep-last", ""), ("keep-hourly", ""), ("keep-daily", ""), ("keep-weekly", ""), ("keep-monthly", ""), ("keep-quarterly", ""),
        ("keep-yearly", ""), ("keep-within", ""), ("keep-within-hourly", ""), ("keep-within-daily", ""), ("keep-within-weekly", ""),
        ("keep-within-monthly", ""), ("keep-within-quarterly", ""), ("keep-within-yearly", ""), ("keep-tag", ""), ("keep-kind", ""),
        ("after-backup", "true"), ("prune-every", ""), ("max-unused", "\"2%\""), ("max-repack-size", ""),
      ]),
    Section(
      "profile.schedule",
      [
        ("every", ""), ("days", "[\"mon\"] when weekly"), ("month-days", "[1] when monthly"), ("times", "[\"02:00\"]"), ("cron", ""),
        ("at-boot", "false"),
        ("volumes", ""), ("watch", ""), ("quiet-period", "\"2m\" with watch"), ("minimum-interval", "\"1h\" with watch"),
        ("on-mains-power", "false"),
        ("random-delay", ""), ("catch-up", "true"),
      ]),
    Section(
      "profile.hooks",
      [("before", ""), ("after", ""), ("on-failure", ""), ("finally", ""), ("time-limit", "\"10m\"")]),
    Section(
      "profile.notify", [("time-limit", "\"30s\""), ("webhook", ""), ("ping", ""), ("mail", "")]),
    Section("profile.notify.webhook", [("url", ""), ("on", "[\"incomplete\", \"failure\"]")]),
    Section("profile.notify.ping", [("start", ""), ("success", ""), ("fail", "")]),
    Section(
      "profile.notify.mail",
      [("to", ""), ("from", ""), ("sendmail", "\"/usr/sbin/sendmail\""), ("on", "[\"incomplete\", \"failure\"]")]),
    Section(
      "profile.limits", [("nice", ""), ("io-class", ""), ("io-priority", ""), ("upload", ""), ("download", "")]),
    Section("profile.expect", [("every", ""), ("checked-every", ""), ("proven-every", "")]),
    Section(
      "profile.upkeep",
      [("check", "\"never\""), ("read-data-subset", ""), ("prove", "\"never\""), ("prove-files", "20"), ("metrics-file", "")]),
  ]

  /// The sections that have such a key.
  static func sections(with key: String) -> [String] { sections.filter { $0.keys.contains { $0.name == key } }.map(\.name) }

  /// How a section is begun in a file: `profile.NAME.retention`.
  static func header(_ section: String) -> String {
    let parts = section.split(separator: ".", maxSplits: 1).map(String.init)
    return (parts.prefix(1) + ["NAME"] + parts.dropFirst()).joined(separator: ".")
  }

  /// Whether nothing carries a key out yet.
  ///
  /// - Parameter key: as `Profile.Entry` names it.
  package static func isPending(_ key: String) -> Bool {
    guard let dot = key.lastIndex(of: ".") else { return false }
    let section = "profile." + key[..<dot]
    return sections.contains { $0.name == section && !$0.isCarriedOut }
  }
}
