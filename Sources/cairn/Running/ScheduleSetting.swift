import CairnAutomation
import CairnKit
import CairnProfiles
import CairnSystem
import Glibc

/// What the commands about schedules have in common: the configuration, the machine, and where things are kept.
struct ScheduleSetting {
  let run: Invocation
  let configuration: Configuration
  let host: ScheduleHost
  let state: [UInt8]

  init(_ run: Invocation) throws {
    self.run = run
    if let option = run.options.forOneRun.first {
      throw CairnError(
        .usage, "\(option) does not go with 'schedule': what a scheduled run does stands in its profile.",
        guidance: "'cairn config example' shows every key.")
    }
    configuration = try ConfigurationFiles(run.options, run.environment).read()
    host = ScheduleHost(configuration: ConfigurationFiles.personalFolder(run.environment))
    guard let state = run.stateDirectory else {
      throw CairnError(
        .usage, "Schedules need a state directory, and there is none.", guidance: "Set HOME or CAIRN_STATE_DIR.")
    }
    self.state = try Self.absolute(state)
  }

  var files: StateFiles { StateFiles(state: state) }
  var calendar: LocalCalendar { .system }
  var now: Int64 { SystemClock.now().seconds }
  private var chosen: String? { run.options.profile ?? run.environment.value(.profile) }

  /// The profile that is named, or all that have a schedule.
  ///
  /// - Parameter all: whichever is named.
  /// - Throws: `CairnError(.usage)` for one that there is not or that is wrong.
  func profiles(all: Bool = false) throws -> [Profile] {
    if let chosen, !all { return [try configuration.usable(chosen)] }
    return try configuration.profiles.filter { $0.schedule != nil || !$0.mistakes.isEmpty }.map { try configuration.usable($0.name) }
      .filter { $0.schedule != nil }
  }

  /// The profile that has to be named.
  func profile() throws -> Profile {
    guard let chosen else {
      throw CairnError(.usage, "No profile is named.", guidance: "Use --profile NAME.")
    }
    return try configuration.usable(chosen)
  }

  /// Those that `names` say, each once, else those of `profiles()`, each of which can run by itself.
  func runnable(_ names: [String] = [], all: Bool = false) throws -> [Profile] {
    var known: Set<String> = []
    let found = names.isEmpty ? try profiles(all: all) : try names.filter { known.insert($0).inserted }.map { try configuration.usable($0) }
    for profile in found { try ScheduledRun.check(profile) }
    guard !found.isEmpty else {
      throw CairnError(
        .usage, "No profile in \(configuration.files.map(Escaping.terminal).joined(separator: " or ")) has a schedule.",
        guidance: "Write [profile.NAME.schedule] with a time such as every = \"daily\".")
    }
    return found
  }

  // MARK: How runs are started

  /// How others are to start the program.
  ///
  /// - Parameter setsHome: whoever starts it has no HOME by itself.
  func scheduledRun(_ profile: Profile?, setsHome: Bool) throws -> ScheduledRun {
    let environment = run.environment
    let named = run.options.config?.bytes ?? environment.value(.configuration).map(RawArguments.bytes)
    // As the run will find it: CAIRN_CACHE_DIR is handed on, and beats the profile.
    var cache = run.cacheDirectory
    if environment.value(.cacheDirectory) == nil, let own = profile?.repository {
      cache = own.noCache == true ? nil : own.cacheDirectory ?? cache
    }
    var result = ScheduledRun(
      program: try Self.text(try Self.program()), config: try named.map { try Self.text(Self.absolute($0)) }, state: try Self.text(state),
      cache: try cache.map { try Self.text(Self.absolute($0)) })
    let system = (setsHome ? ["HOME"] : []) + ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"]
    for name in system { try Self.add(name, environment.system(name), &result) }
    for name in [EnvironmentVariables.Name.stateDirectory, .cacheDirectory] {
      let path = try environment.value(name).map { try Self.text(Self.absolute(RawArguments.bytes(of: $0))) }
      try Self.add("CAIRN_" + name.rawValue, path, &result)
    }
    // What would make the runs of a timer differ from those of this shell.
    for name in [EnvironmentVariables.Name.host, .memory, .compression, .readConcurrency] {
      try Self.add("CAIRN_" + name.rawValue, environment.value(name), &result)
    }
    return result
  }

  private static func add(_ name: String, _ value: String?, _ run: inout ScheduledRun) throws {
    guard let value else { return }
    run.environment.append((name, try text(RawArguments.bytes(of: value))))
  }

  /// Unit files and crontabs are text, a line for each thing.
  private static func text(_ bytes: [UInt8]) throws -> String {
    guard UTF8Text.isWellFormed(bytes), !bytes.contains(0x0a) else {
      throw CairnError(.usage, "'\(Escaping.terminal(bytes))' cannot stand in a unit or a crontab: it is no line of text.")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The program that is running.
  static func program() throws -> [UInt8] {
    let process = try OpenFile.open(Array("/proc/self".utf8), [.path, .directory])
    let path = try FileSystem.readLink(at: process, name: Array("exe".utf8))
    guard access(String(decoding: path, as: UTF8.self), X_OK) == 0 else {
      throw CairnError(.failed, "It cannot be told where this program lies.", guidance: "Has it been replaced while it ran? Try again.")
    }
    return path
  }

  static func absolute(_ path: [UInt8]) throws -> [UInt8] {
    guard path.first != 0x2f else { return path }
    var buffer = [CChar](repeating: 0, count: 4096)
    guard getcwd(&buffer, buffer.count) != nil else { throw CairnError(.failed, "The working directory is gone.") }
    return buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } + [0x2f] + path
  }

  // MARK: What is installed

  var crontab: CrontabInstaller { CrontabInstaller(host, scratch: files.directory) }

  /// In all places that this person can look at.
  func installed() throws -> [InstalledSchedule] {
    let units = [UnitFiles.Scope.user, .system].flatMap { scope -> [InstalledSchedule] in
      // `try?`: a user without a home has no units.
      (try? UnitInstaller(host, scope))?.installed() ?? []
    }
    return units + crontab.installed()
  }

  /// Whether what is installed is what the profile says now.
  func isCurrent(_ item: InstalledSchedule) -> Bool {
    guard let profile = configuration.profile(item.profile), let schedule = profile.schedule else { return false }
    switch item.place {
    case .crontab: return CrontabText.fingerprint(profile, schedule) == item.fingerprint
    case .units(let scope): return UnitFiles(profile, scope, .neutral)?.fingerprint == item.fingerprint
    }
  }
}

extension Schedule {
  /// What starts a run, in words.
  func words(_ occurrences: Occurrences, now: Int64) -> [String] {
    let times = occurrences.next(3, after: now).map(LocalTime.text)
    var out = times.isEmpty ? [] : [times.joined(separator: ", ") + (isTimed ? ", …" : "")]
    if randomDelay > 0, !out.isEmpty { out[0] += " (up to \(Human.duration(Double(randomDelay))) later)" }
    if atBoot { out.append("when the machine has started") }
    out += volumes.map { "when \(Escaping.terminal(Array($0.text.utf8))) appears" }
    if let watch {
      let paths = watch.paths.map(Escaping.terminal).joined(separator: ", ")
      out.append("\(Human.duration(Double(watch.quietPeriod))) after something changed in \(paths)")
    }
    return out
  }
}
