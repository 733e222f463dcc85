import CairnKit
import FoundationEssentials

/// What is remembered of a profile's schedule from one process to the next: `STATE/profiles/NAME.schedule`, JSON.
package struct AgentMemory: Codable, Sendable, Equatable {
  /// Of the layout of this file.
  package var schema = 1
  /// Whatever the calendar wanted up to here was dealt with. Seconds since 1970; nil = nothing is known yet.
  package var covered: Int64?
  /// When cron last took up a run by the calendar: it was cut off if the journal knows of none that ended after that.
  package var taken: Int64?
  /// A run that was wanted and has not begun.
  package var wanted: RunRecord.Trigger?
  /// The run that is under way: it was cut off if nobody is running it.
  package var running: RunRecord.Trigger?
  /// How many times in a row a run was cut off.
  package var cutOff: Int?
  /// When the last run began, and the last one that changes started.
  package var began: Int64?
  package var beganByChange: Int64?
  /// The start of the machine that a run was made for.
  package var boot: String?
  /// The volumes that were there when somebody last looked; nil = nobody has.
  package var volumes: [String]?

  package init() {}

  /// A file that is lost or damaged begins anew.
  package init(_ profile: String, _ state: StateFiles) {
    let decoder = JSONDecoder()
    // `try?`: see above.
    self =
      state.read(Self.name(profile), limit: 64 << 10).flatMap { try? decoder.decode(AgentMemory.self, from: Data($0)) } ?? AgentMemory()
    for member in [\AgentMemory.covered, \.taken, \.began, \.beganByChange] {
      if let moment = self[keyPath: member], !(0..<1 << 40).contains(moment) { self[keyPath: member] = nil }
    }
    if let count = cutOff, !(0..<1 << 20).contains(count) { cutOff = nil }
  }

  /// - Throws: `CairnError(.failed)` when it cannot be kept.
  package func save(_ profile: String, _ state: StateFiles) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let text = try? encoder.encode(self) else { return }
    try state.write(Self.name(profile), Array(text) + [0x0a])
  }

  /// What is to be kept: of another agent's events what that one knows.
  func merged(into stored: AgentMemory, _ events: Set<Agent.Event>) -> AgentMemory {
    var memory = self
    if !events.contains(.calendar) { (memory.covered, memory.taken) = (stored.covered ?? covered, stored.taken) }
    if !events.contains(.boot) { memory.boot = stored.boot }
    if !events.contains(.volume) { memory.volumes = stored.volumes }
    if !events.contains(.watch) { memory.beganByChange = stored.beganByChange }
    return memory
  }

  private static func name(_ profile: String) -> String { "\(profile).schedule" }

  private enum CodingKeys: String, CodingKey {
    case schema, covered, taken, wanted, running, began, boot, volumes
    case cutOff = "cut_off"
    case beganByChange = "began_by_change"
  }
}
