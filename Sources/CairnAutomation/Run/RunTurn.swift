import CairnKit
import CairnSystem
import FoundationEssentials

/// What a run writes into the lock file of its profile while it lasts, so that others can say of it when it began, and notice when it
/// died.
package struct RunMarker: Codable, Sendable, Equatable {
  /// Seconds since 1970.
  package let started: Int64
  package let trigger: RunRecord.Trigger?
  package let process: Int32
  /// With the boot, tells the process from a later one of the same number.
  private let processStart: UInt64?
  private let boot: String

  /// Of this process.
  package init(started: Int64, trigger: RunRecord.Trigger?) {
    self.started = started
    self.trigger = trigger
    process = Host.processID
    processStart = Host.processStartTicks(process)
    boot = Host.bootID
  }

  package var isAlive: Bool { boot == Host.bootID && processStart != nil && Host.processStartTicks(process) == processStart }

  /// What the journal says of a run that did not come to write its own record.
  package func epitaph(profile: String) -> RunRecord {
    var record = RunRecord(command: .backup, started: started, ended: started, outcome: .failure, status: 1)
    record.profile = profile
    record.trigger = trigger
    record.message = "The run ended without a word: it was killed, or the machine went down."
    return record
  }

  private enum CodingKeys: String, CodingKey {
    case started, trigger, process, boot
    case processStart = "process_start"
  }
}

/// The right to run a profile, held until `end` or the end of the process.
package struct RunTurn {
  private let file: OpenFile
  /// Of a run before that died.
  package let dead: RunMarker?

  package enum Answer {
    case mine(RunTurn)
    /// Another process runs the profile.
    case taken(RunMarker?)
  }

  /// Asks for the turn, and never waits for it.
  ///
  /// - Throws: `CairnError(.failed)` when there can be no such file.
  package static func take(_ marker: RunMarker, profile: String, _ files: StateFiles) throws -> Answer {
    guard let file = try files.lock(profile: profile) else { return .taken(current(profile: profile, files)) }
    let turn = RunTurn(file: file, dead: current(profile: profile, files))
    // `try?`: whoever reads it can do without.
    try? turn.write(Array(try JSONEncoder().encode(marker)))
    return .mine(turn)
  }

  /// What the lock file says: of a run that is under way, or that died. nil after a run that ended by itself.
  package static func current(profile: String, _ files: StateFiles) -> RunMarker? {
    // `try?`: what is no marker tells nothing.
    files.read("\(profile).lock", limit: 4096).flatMap { try? JSONDecoder().decode(RunMarker.self, from: Data($0)) }
  }

  /// Gives the turn to the next.
  package func end() {
    // `try?`: at worst the run is taken for one that died.
    try? file.truncate(to: 0)
  }

  private func write(_ bytes: [UInt8]) throws {
    try file.truncate(to: 0)
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
  }
}
