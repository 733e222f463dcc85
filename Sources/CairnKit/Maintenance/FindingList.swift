import CairnFormat
import Synchronization

/// Collects findings from several threads.
final class FindingList: Sendable {
  /// A finding's place in the list; nil where the list was full.
  typealias Place = Int

  private struct State {
    var findings: [CheckFinding] = []
    var places: [String: Place] = [:]
    var snapshots: [Set<String>] = []
    var unlistedErrors: UInt64 = 0
    var unlistedHints: UInt64 = 0
  }
  private let state = Mutex(State())

  /// Adds a finding; one about an object that has one of the same words already is that one.
  @discardableResult
  func add(_ object: String, _ what: String, _ kind: CheckFinding.Kind, next: String, isMendable: Bool = false) -> Place? {
    state.withLock { state in
      let key = object + "\u{0}" + what
      if let place = state.places[key] { return place }
      guard state.findings.count < CheckReport.maximumFindings else {
        if kind == .garbage { state.unlistedHints += 1 } else { state.unlistedErrors += 1 }
        return nil
      }
      state.findings.append(CheckFinding(object: object, what: what, kind: kind, isMendable: isMendable, next: next))
      state.snapshots.append([])
      state.places[key] = state.findings.count - 1
      return state.findings.count - 1
    }
  }

  /// Notes that a path of a snapshot needs the object of a finding. That makes it a loss, unless the path stands for nothing that a
  /// restore needs.
  func touch(_ place: Place?, _ snapshot: String, _ path: [UInt8], isLoss: Bool = true) {
    guard let place else { return }
    state.withLock { state in
      if isLoss { Self.makeLoss(&state.findings[place]) }
      if state.findings[place].affected.count < CheckReport.maximumAffected {
        state.findings[place].affected.append(CheckFinding.Affected(snapshot: snapshot, path: path))
      }
      state.findings[place].affectedCount += 1
      if state.snapshots[place].insert(snapshot).inserted { state.findings[place].affectedSnapshots.append(snapshot) }
    }
  }

  /// As `touch` for so many paths that the list has no room for.
  func touchUnlisted(_ place: Place, _ snapshot: String, count: UInt64) {
    state.withLock { state in
      Self.makeLoss(&state.findings[place])
      state.findings[place].affectedCount += count
      if state.snapshots[place].insert(snapshot).inserted { state.findings[place].affectedSnapshots.append(snapshot) }
    }
  }

  private static func makeLoss(_ finding: inout CheckFinding) {
    guard finding.kind != .loss else { return }
    finding.kind = .loss
    if !finding.isMendable { finding.next = CheckAdvice.replace(finding.object) }
  }

  /// Whether no more paths of a finding will be listed.
  func isFull(_ place: Place) -> Bool {
    state.withLock { $0.findings[place].affected.count >= CheckReport.maximumAffected }
  }

  /// Puts everything into the report, by object.
  func finish(into report: inout CheckReport) {
    let state = state.withLock { $0 }
    let sorted = state.findings.sorted { ($0.object, $0.what) < ($1.object, $1.what) }
    report.errors = sorted.filter { $0.kind != .garbage }
    report.hints = sorted.filter { $0.kind == .garbage }
    report.unlistedErrors = state.unlistedErrors
    report.unlistedHints = state.unlistedHints
  }
}
