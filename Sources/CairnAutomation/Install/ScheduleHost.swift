import CairnKit
import CairnSystem

/// What installs schedules on a machine, and where to.
package struct ScheduleHost: Sendable {
  /// The programs, as they are looked up.
  package var systemctl = Array("systemctl".utf8)
  package var crontab = Array("crontab".utf8)
  package var systemUnits = Array("/etc/systemd/system".utf8)
  /// nil = the user has no place for units.
  package var userUnits: [UInt8]?
  package var isSystemdRunning: Bool
  /// A user's units run without a login.
  package var isLingering: Bool

  /// This machine.
  ///
  /// - Parameter configuration: the directory of a person's configuration, `~/.config`.
  package init(configuration: [UInt8]?) {
    userUnits = configuration.map { $0 + Array("/systemd/user".utf8) }
    isSystemdRunning = Self.exists("/run/systemd/system")
    isLingering = Self.exists("/var/lib/systemd/linger/\(Host.userName)")
  }

  private static func exists(_ path: String) -> Bool {
    // `try?`: what cannot be looked at is as good as not there.
    (try? OpenFile.open(Array(path.utf8), .path)) != nil
  }

  package func units(_ scope: UnitFiles.Scope) throws -> [UInt8] {
    if scope == .system { return systemUnits }
    guard let userUnits else { throw CairnError(.usage, "There is no place for a user's units: HOME is not set.") }
    return userUnits
  }

  /// Runs a program to its end.
  ///
  /// - Parameter input: what it reads; nil = nothing.
  /// - Returns: its exit status (128 + n after signal n) and what it printed, up to a mebibyte.
  /// - Throws: `CairnError(.failed)` when it cannot be run.
  static func output(_ words: [[UInt8]], input: OpenFile? = nil) throws -> (status: Int32, text: [UInt8]) {
    do {
      let child = try ChildProcess.spawn(.arguments(words), stdin: input?.descriptor, captureStandardOutput: true)
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while let pipe = child.standardOutput {
        let count = try buffer.withUnsafeMutableBytes { try pipe.read(into: $0) }
        if count == 0 { break }
        if text.count < 1 << 20 { text += buffer[..<count] }
      }
      switch try child.wait() {
      case .exited(let status): return (status, text)
      case .signaled(let signal): return (128 + signal, text)
      }
    } catch let error as FileError {
      throw CairnError(.failed, "Cannot run '\(Escaping.terminal(words.first ?? []))': \(error.reason).")
    }
  }
}

/// What was done so far, and how to undo it.
struct UndoList {
  private var steps: [() -> Void] = []

  mutating func onFailure(_ step: @escaping () -> Void) { steps.append(step) }

  /// Undoes everything, the last thing first.
  func undo() { for step in steps.reversed() { step() } }
}

/// A schedule that was installed.
package struct InstalledSchedule: Sendable, Equatable {
  package enum Place: Sendable, Equatable {
    case units(UnitFiles.Scope)
    case crontab

    package var words: String {
      switch self {
      case .units(let scope): "systemd (\(scope.rawValue))"
      case .crontab: "crontab"
      }
    }
  }

  package let profile: String
  package let place: Place
  /// Of the profile as it was then.
  package let fingerprint: String
}
