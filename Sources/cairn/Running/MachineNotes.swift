import CairnKit
import CairnProfiles
import Glibc

/// What a profile needs of this machine and does not find; no mistake, as the configuration may be for another.
struct MachineNotes {
  /// Folders in which programs are looked for.
  private let path: [String]

  init(_ environment: EnvironmentVariables) {
    path = (environment.system("PATH") ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
  }

  func notes(_ profile: Profile) -> [ConfigFinding] {
    var out: [ConfigFinding] = []
    func note(_ key: String, _ message: String) { out.append(ConfigFinding(place: profile.place(of: key), message: message)) }
    let notices = profile.notices
    if let key = notices?.webhook.map({ _ in "notify.webhook.url" }) ?? notices?.ping.map({ Self.key(of: $0) }),
      !path.contains(where: { access($0 + "/curl", X_OK) == 0 })
    {
      note(key, "there is no program 'curl' on this machine, which sends webhooks and pings; install it")
    }
    if let mail = notices?.mail, !Self.isExecutable(mail.sendmail) {
      let key = profile.entries.contains { $0.key == "notify.mail.sendmail" } ? "notify.mail.sendmail" : "notify.mail.to"
      note(key, "there is no program \(Escaping.terminal(mail.sendmail)) to send mails with; install a mail server, or name another")
    }
    let hooks = profile.hooks ?? Hooks()
    for (key, commands) in [("before", hooks.before), ("after", hooks.after), ("on-failure", hooks.onFailure), ("finally", hooks.finally)] {
      for command in commands {
        // Whatever else a line for the shell may say, a whole path at its beginning is a program.
        let program = command.prefix { !" \t\n;|&<>()$`\\\"'*?[#~=".contains($0) }
        guard program.hasPrefix("/"), program.endIndex == command.endIndex || command[program.endIndex] == " " else { continue }
        if !Self.isExecutable(Array(program.utf8)) {
          note("hooks.\(key)", "'\(key)' runs \(Escaping.terminal(Array(program.utf8))), and there is no such program on this machine")
        }
      }
    }
    if let file = profile.upkeep?.metricsFile, let slash = file.lastIndex(of: 0x2f) {
      let folder = String(decoding: file[..<max(slash, 1)], as: UTF8.self)
      if access(folder, W_OK) != 0 {
        note("upkeep.metrics-file", "the directory \(Escaping.terminal(Array(folder.utf8))) is not there, or may not be written to by you")
      }
    }
    return out
  }

  private static func key(of ping: Notices.Ping) -> String {
    "notify.ping." + (ping.success != nil ? "success" : ping.fail != nil ? "fail" : "start")
  }

  private static func isExecutable(_ path: [UInt8]) -> Bool { access(String(decoding: path, as: UTF8.self), X_OK) == 0 }
}
