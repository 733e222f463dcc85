import CairnKit
package import CairnProfiles

/// How a timer of somebody else starts the program: whole paths, nothing of the environment of a shell.
package struct ScheduledRun: Sendable {
  package var program: String
  /// What `--config` is to say; nil = the usual places.
  package var config: String?
  /// Variables that the program reads, by name.
  package var environment: [(name: String, value: String)] = []
  package var state: String
  /// nil = none is kept.
  package var cache: String?

  package init(program: String, config: String?, state: String, cache: String?) {
    self.program = program
    self.config = config
    self.state = state
    self.cache = cache
  }

  /// The words of a command that works with a profile.
  func words(_ verb: [String], _ profile: String, _ rest: [String] = []) -> [String] {
    [program] + (config.map { ["--config", $0] } ?? []) + verb + ["-P", profile] + rest
  }

  /// What is the same whoever installs it where: two texts made with it differ only if the profile does.
  package static let neutral = ScheduledRun(program: "/cairn", config: nil, state: "/state", cache: "/cache")

  /// Refuses what cannot run without a person.
  ///
  /// - Throws: `CairnError(.usage)`.
  package static func check(_ profile: Profile) throws {
    guard profile.schedule != nil else {
      throw CairnError(
        .usage, "The profile '\(profile.name)' (\(profile.place.text)) has no schedule.",
        guidance: "Write [profile.\(profile.name).schedule] with a time such as every = \"daily\".")
    }
    guard !profile.source.isEmpty else {
      throw CairnError(
        .usage, "The profile '\(profile.name)' (\(profile.place.text)) backs up nothing.", guidance: "Write sources = [\"/…\"] into it.")
    }
    guard let repository = profile.repository, repository.path != nil else {
      throw CairnError(
        .usage,
        "The profile '\(profile.name)' (\(profile.place.text)) names no repository, and a scheduled run has no variable or option that does.",
        guidance: "Write repository = \"NAME\" into it.")
    }
    guard repository.secret != nil else {
      throw CairnError(
        .usage,
        "Nothing opens the repository '\(repository.name)' (\(repository.place.text)) in a scheduled run: nobody is there to type a password.",
        guidance: "Write password-file, password-command or key-file into it.")
    }
  }

  /// Whether runs of the profile start programs that nobody here knows: they may need anything of the machine.
  static func startsForeignPrograms(_ profile: Profile) -> Bool {
    if profile.hooks != nil || profile.notices?.mail != nil || profile.source.command != nil { return true }
    if case .passwordCommand = profile.repository?.secret { return true }
    return false
  }
}

extension Schedule {
  /// Whether something has to watch, because no calendar tells.
  package var hasEvents: Bool { !volumes.isEmpty || watch != nil }
  package var isTimed: Bool { rule != nil || !cron.isEmpty }
}

/// A digest of a text that tells whether it is still the same; nothing that has to resist anybody (FNV-1a, 64 bits).
enum Fingerprint {
  static func of(_ text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
