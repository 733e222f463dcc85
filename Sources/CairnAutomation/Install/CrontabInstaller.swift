import CairnKit
import CairnSystem

/// The user's crontab, through the program of that name.
package struct CrontabInstaller: Sendable {
  private let host: ScheduleHost
  /// Where the new text is put together.
  private let scratch: [UInt8]

  /// - Parameter scratch: a directory; made when it is needed.
  package init(_ host: ScheduleHost, scratch: [UInt8]) {
    self.host = host
    self.scratch = scratch
  }

  /// Changes the crontab; leaves it alone when `body` does.
  package func change(_ body: (inout CrontabText) throws -> Void) throws {
    let before = try read()
    var text = CrontabText(before)
    try body(&text)
    guard text.text != CrontabText(before).text else { return }
    try write(text.text)
  }

  package func installed() -> [InstalledSchedule] {
    // `try?`: without that program nothing is installed.
    guard let text = try? read() else { return [] }
    return CrontabText(text).blocks.map { InstalledSchedule(profile: $0.profile, place: .crontab, fingerprint: $0.fingerprint) }
  }

  /// - Throws: `CairnError(.failed)` unless it is certain that this is all of it: what is not read here is lost when it is written.
  private func read() throws -> String {
    let (status, text) = try list("2>/dev/null")
    if status == 0 {
      guard text.count < 1 << 20, String(validating: text, as: UTF8.self) != nil else {
        throw CairnError(.failed, "The crontab is no text, or longer than a mebibyte; it is left alone.")
      }
      return String(decoding: text, as: UTF8.self)
    }
    guard status != 127 else {
      throw CairnError(
        .failed,
        "There is no program '\(Escaping.terminal(host.crontab))' here\(host.isSystemdRunning ? "" : ", and systemd is not running").",
        guidance: "'cairn schedule run' stays and runs what is due, for containers and the like.")
    }
    // Again for its words: having no crontab is a failure to most of these programs.
    let (_, words) = try list("2>&1")
    let said = String(decoding: words, as: UTF8.self)
    if text.isEmpty && (said.contains("no crontab") || said.contains("No such file")) { return "" }
    throw CairnError(.failed, "'crontab -l' ended with status \(status): \(Escaping.terminal(Array(said.utf8.prefix(500)))).")
  }

  private func list(_ redirection: String) throws -> (status: Int32, text: [UInt8]) {
    let script = Array("LC_ALL=C exec \"$0\" -l \(redirection)".utf8)
    return try ScheduleHost.output([Array("/bin/sh".utf8), Array("-c".utf8), script, host.crontab])
  }

  private func write(_ text: String) throws {
    let input: OpenFile
    do {
      let folder = try FileSystem.makeDirectories(scratch)
      let name = Array("crontab.new".utf8)
      input = try OpenFile.open(name, at: folder, [.read, .write, .create, .truncate, .noFollow], mode: 0o600)
      // The descriptor is enough.
      try FileSystem.unlink(at: folder, name: name)
      try Array(text.utf8).withUnsafeBytes { try input.write($0, at: 0) }
    } catch let error as FileError {
      throw CairnError(.failed, "The crontab cannot be put together in \(Escaping.terminal(scratch)): \(error.reason).")
    }
    let (status, words) = try withExtendedLifetime(input) { try ScheduleHost.output([host.crontab, Array("-".utf8)], input: input) }
    guard status == 0 else {
      let said = words.isEmpty ? "" : ": " + Escaping.terminal(words)
      throw CairnError(.failed, "'crontab -' ended with status \(status)\(said). The crontab is as before.")
    }
  }
}
