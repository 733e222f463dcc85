import CairnKit
package import CairnProfiles

/// A unit of systemd's.
package struct UnitFile: Sendable, Equatable {
  /// `cairn-home.timer`
  package let name: String
  package let text: String
  /// To be enabled; else another unit starts it.
  package let isEnabled: Bool
  /// To be started as well.
  package let isStarted: Bool
}

/// The units of a profile: `cairn-NAME.service` is a run, `cairn-NAME.timer` starts it by the calendar, and `cairn-watch@NAME.service` when
/// watched files change. No name of a profile has that sign, so that no other profile's units are called like that.
package struct UnitFiles: Sendable {
  package enum Scope: String, Sendable {
    case user, system
  }

  private let profile: Profile
  private let schedule: Schedule
  private let scope: Scope
  private let run: ScheduledRun

  /// nil where the profile has no schedule.
  package init?(_ profile: Profile, _ scope: Scope, _ run: ScheduledRun) {
    guard let schedule = profile.schedule else { return nil }
    self.profile = profile
    self.schedule = schedule
    self.scope = scope
    self.run = run
  }

  /// What `fingerprint` was when a unit was made, after the profile's name.
  static let mark = "# cairn: "

  /// Changes when the profile changes so that its units do.
  package var fingerprint: String {
    var neutral = self
    if let plain = UnitFiles(profile, scope, .neutral) { neutral = plain }
    return Fingerprint.of(neutral.bodies.map { $0.name + "\n" + $0.text }.joined(separator: "\n"))
  }

  package var files: [UnitFile] {
    let head =
      "# Made by 'cairn schedule install': change the profile and install it again.\n\(Self.mark)\(profile.name) \(fingerprint)\n\n"
    return bodies.map { UnitFile(name: $0.name, text: head + $0.text, isEnabled: $0.isEnabled, isStarted: $0.isStarted) }
  }

  private var bodies: [UnitFile] {
    let wanted = wantedBy
    var files = [
      UnitFile(name: "cairn-\(profile.name).service", text: service(wanted), isEnabled: !wanted.isEmpty, isStarted: false)
    ]
    if schedule.isTimed { files.append(UnitFile(name: "cairn-\(profile.name).timer", text: timer, isEnabled: true, isStarted: true)) }
    if schedule.watch != nil {
      files.append(UnitFile(name: "cairn-watch@\(profile.name).service", text: watcher, isEnabled: true, isStarted: true))
    }
    return files
  }

  // MARK: Units

  /// What starts a run beside the timer: the start of the machine, and devices that appear.
  private var wantedBy: [String] {
    (schedule.atBoot ? [scope == .system ? "multi-user.target" : "default.target"] : []) + schedule.volumes.map(Self.device)
  }

  private var timer: String {
    var lines = ["[Unit]", "Description=Times of the backup of the profile \(profile.name) (Cairn)", "", "[Timer]"]
    lines += schedule.onCalendar.map { "OnCalendar=\($0)" }
    if schedule.catchUp { lines.append("Persistent=true") }
    if schedule.randomDelay > 0 { lines.append("RandomizedDelaySec=\(schedule.randomDelay)") }
    return (lines + ["", "[Install]", "WantedBy=timers.target", ""]).joined(separator: "\n")
  }

  private func service(_ wanted: [String]) -> String {
    var lines = ["[Unit]", "Description=Backup of the profile \(profile.name) (Cairn)"] + network
    if schedule.onMainsPower { lines.append("ConditionACPower=true") }
    // Not oneshot: what wants it at the start of the machine does not wait for its end.
    lines += ["", "[Service]", "Type=exec"] + start(run.words(["backup"], profile.name, ["--scheduled"])) + process
    if !wanted.isEmpty { lines += ["", "[Install]", "WantedBy=\(wanted.joined(separator: " "))"] }
    return (lines + [""]).joined(separator: "\n")
  }

  private var watcher: String {
    let words = run.words(["schedule", "run"], profile.name, ["--events", "watch"])
    var lines = ["[Unit]", "Description=Watches the files of the profile \(profile.name) (Cairn)"] + network
    lines += ["", "[Service]", "Type=exec"] + start(words) + ["Restart=always", "RestartSec=30"] + process
    lines += ["", "[Install]", "WantedBy=\(scope == .system ? "multi-user.target" : "default.target")", ""]
    return lines.joined(separator: "\n")
  }

  /// Users' managers know no such target.
  private var network: [String] { scope == .system ? ["Wants=network-online.target", "After=network-online.target"] : [] }

  private func start(_ words: [String]) -> [String] {
    var lines: [String] = []
    if isConfined {
      // Outside of the confinement, which admits to these directories only if they are there.
      let made = ([run.state] + [run.cache].compactMap(\.self)).map { UnitText.quoted($0, doubling: "%$") }
      lines.append("ExecStartPre=+/bin/mkdir -p -m 700 \(made.joined(separator: " "))")
    }
    // Variables are not replaced in the program's own path.
    let rest = words.dropFirst().map { UnitText.quoted($0, doubling: "%$") }
    return lines + ["ExecStart=" + ([UnitText.quoted(words.first ?? "", doubling: "%")] + rest).joined(separator: " ")]
  }

  /// What holds for the process of a run.
  private var process: [String] {
    var lines = run.environment.map { "Environment=" + UnitText.quoted("\($0.name)=\($0.value)", doubling: "%") }
    if let nice = profile.limits?.nice { lines.append("Nice=\(nice)") }
    if let ioClass = profile.limits?.ioClass { lines.append("IOSchedulingClass=\(ioClass.rawValue)") }
    if let priority = profile.limits?.ioPriority { lines.append("IOSchedulingPriority=\(priority)") }
    // The program ends in good order by itself, hooks that undo what others did included.
    lines += ["KillMode=mixed", "KillSignal=SIGTERM", "TimeoutStopSec=15min"]
    return lines + confinement
  }

  // MARK: Confinement

  /// A run that starts programs of its own, hooks above all, is not confined: they mount, freeze, dump and send as the person who wrote
  /// them means. Nor is one of a user's manager put behind mounts: it would see files of others as those of nobody, and record that.
  private var isConfined: Bool { scope == .system && !ScheduledRun.startsForeignPrograms(profile) }

  private var confinement: [String] {
    var lines = ["UMask=0077", "LockPersonality=true", "RestrictRealtime=true"]
    guard !ScheduledRun.startsForeignPrograms(profile) else { return scope == .system ? lines : ["UMask=0077"] }
    lines += [
      "NoNewPrivileges=true", "RestrictNamespaces=true", "MemoryDenyWriteExecute=true", "SystemCallArchitectures=native",
      "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ]
    guard isConfined else { return lines }
    lines += ["ProtectSystem=strict"]
    lines += writable.map { "ReadWritePaths=" + UnitText.quoted("-" + $0, doubling: "%") }
    return lines + [
      "ProtectKernelTunables=true", "ProtectControlGroups=true", "ProtectHostname=true",
      "CapabilityBoundingSet=" + Self.capabilities.joined(separator: " "),
    ]
  }

  /// Everything else can only be read.
  private var writable: [String] {
    let repository = profile.repository?.path.map { String(decoding: $0, as: UTF8.self) }
    let metrics = profile.upkeep?.metricsFile.map { file in
      String(decoding: file.prefix(upTo: file.lastIndex(of: 0x2f) ?? file.endIndex), as: UTF8.self)
    }
    var seen: Set<String> = []
    return ([repository, run.state, run.cache, metrics].compactMap(\.self) + ["/tmp", "/var/tmp"]).filter { seen.insert($0).inserted }
  }

  /// To read files of everybody without a trace, and to restore a sample with what belongs to it.
  private static let capabilities = [
    "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP", "CAP_LINUX_IMMUTABLE",
    "CAP_SYS_ADMIN", "CAP_SYS_NICE",
  ]

  /// The unit of the device that holds a file system.
  static func device(_ volume: Schedule.Volume) -> String {
    switch volume {
    case .uuid(let uuid): UnitText.path("/dev/disk/by-uuid/\(uuid)") + ".device"
    case .label(let label): UnitText.path("/dev/disk/by-label/" + VolumeName.ofLink(label)) + ".device"
    }
  }
}

/// How udev names links after labels.
enum VolumeName {
  /// Everything but letters, digits and a few signs as `\x20`.
  static func ofLink(_ label: String) -> String {
    label.unicodeScalars.map { scalar in
      let isPlain = scalar.value > 0x7f || UnitText.isLetterOrDigit(scalar) || "#+-.:=@_".unicodeScalars.contains(scalar)
      return isPlain ? String(scalar) : UnitText.escape(UInt8(truncatingIfNeeded: scalar.value))
    }.joined()
  }
}

/// Texts as unit files want them.
enum UnitText {
  /// In quotation marks; nothing in it is taken for a specifier or a variable.
  ///
  /// - Parameter doubling: the characters that are doubled to stand for themselves.
  static func quoted(_ text: String, doubling: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy { isLetterOrDigit($0) || "/._-=:+@,".unicodeScalars.contains($0) }
    if isPlain && !text.isEmpty { return text }
    let inner = text.unicodeScalars.map { scalar -> String in
      if scalar == "\"" || scalar == "\\" { return "\\" + String(scalar) }
      if scalar.value < 0x20 || scalar.value == 0x7f { return escape(UInt8(scalar.value)) }
      return doubling.unicodeScalars.contains(scalar) ? String(scalar) + String(scalar) : String(scalar)
    }
    return "\"" + inner.joined() + "\""
  }

  /// A path as part of a unit's name, as `systemd-escape --path` prints it.
  static func path(_ path: String) -> String {
    path.utf8.drop { $0 == 0x2f }.enumerated().map { index, byte in
      let scalar = Unicode.Scalar(byte)
      if byte == 0x2f { return "-" }
      if isLetterOrDigit(scalar) || scalar == ":" || scalar == "_" || (scalar == "." && index > 0) { return String(scalar) }
      return escape(byte)
    }.joined()
  }

  static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
    (0x30...0x39).contains(scalar.value) || (0x41...0x5a).contains(scalar.value) || (0x61...0x7a).contains(scalar.value)
  }

  static func escape(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return "\\x" + (byte < 16 ? "0" : "") + digits
  }
}
