import CairnFormat
import Synchronization

@testable import CairnKit

/// Something that must not happen.
struct Violation: Sendable, CustomStringConvertible {
  /// Data that was committed is not there; else something failed or was left over that should not.
  let isLoss: Bool
  let description: String

  static func loss(_ text: String) -> Violation { Violation(isLoss: true, description: text) }
}

/// Knows what was backed up, and judges what a repository shows of it.
final class Oracle: Sendable {
  private struct Item {
    var tree: SimulatedTree
    /// A commit said so: from then on it is listed unless it was forgotten.
    var session: SessionID?
    /// Somebody has tried to forget it, with whatever result, and nobody has brought it back for certain.
    var mayBeForgotten = false
    /// A forgetting that failed may still have its effect later.
    var isForgettingUncertain = false
    /// Counts beginnings and ends of forgetting, to see whether one was on its way.
    var forgetEvents = 0
    var forgetsUnderWay = 0
    /// Everything that somebody tried to tag it with, and what it was tagged with last if that is certain.
    var triedTags: [[UInt8]] = []
    var lastTag: [UInt8]?
    var tagsUnderWay = 0
    var isTagUncertain = false
  }

  private struct State {
    var items: [Item] = []
    var violations: [Violation] = []
    var commits = 0
    var restores = 0
    var rescues = 0
    var undone = 0
  }
  private let state: Mutex<State>

  init(_ known: [(SimulatedTree, SessionID)] = []) {
    state = Mutex(State(items: known.map { Item(tree: $0.0, session: $0.1) }))
  }

  var violations: [Violation] { state.withLock { $0.violations } }
  var commits: Int { state.withLock { $0.commits } }
  var restores: Int { state.withLock { $0.restores } }
  /// Packs that were condemned and became needed again.
  var rescues: Int { state.withLock { $0.rescues } }
  /// Snapshots that were forgotten and certainly brought back.
  var undone: Int { state.withLock { $0.undone } }

  func lose(_ text: String) { state.withLock { $0.violations.append(.loss(text)) } }
  func violate(_ text: String) { state.withLock { $0.violations.append(Violation(isLoss: false, description: text)) } }

  // MARK: - What clients report

  /// A backup of this tree begins; the number goes into its manifest.
  func begin(_ tree: SimulatedTree) -> Int {
    state.withLock { state in
      state.items.append(Item(tree: tree))
      return state.items.count - 1
    }
  }

  /// The backup has chosen another tree after all.
  func replace(_ number: Int, _ tree: SimulatedTree) { state.withLock { $0.items[number].tree = tree } }

  func tree(_ number: Int) -> SimulatedTree { state.withLock { $0.items[number].tree } }

  func committed(_ number: Int, _ snapshot: SessionID) {
    state.withLock { state in
      state.items[number].session = snapshot
      state.commits += 1
    }
  }

  func beginForget(_ number: Int) {
    state.withLock { state in
      state.items[number].mayBeForgotten = true
      state.items[number].forgetEvents += 1
      state.items[number].forgetsUnderWay += 1
    }
  }

  func endForget(_ number: Int, isCertain: Bool) {
    state.withLock { state in
      state.items[number].forgetEvents += 1
      state.items[number].forgetsUnderWay -= 1
      if !isCertain { state.items[number].isForgettingUncertain = true }
    }
  }

  /// To be compared at the end of an undoing.
  func forgetEvents(_ number: Int) -> Int? {
    state.withLock { state in state.items[number].forgetsUnderWay > 0 ? nil : state.items[number].forgetEvents }
  }

  /// A forgetting was undone, and the answer came.
  func undone(_ number: Int, eventsBefore: Int?) {
    state.withLock { state in
      let item = state.items[number]
      guard let eventsBefore, item.forgetEvents == eventsBefore, !item.isForgettingUncertain else { return }
      state.items[number].mayBeForgotten = false
      state.undone += 1
    }
  }

  func beginTag(_ number: Int, _ tag: [UInt8]) {
    state.withLock { state in
      state.items[number].triedTags.append(tag)
      state.items[number].tagsUnderWay += 1
      if state.items[number].tagsUnderWay > 1 { state.items[number].isTagUncertain = true }
    }
  }

  func endTag(_ number: Int, _ tag: [UInt8], isCertain: Bool) {
    state.withLock { state in
      state.items[number].tagsUnderWay -= 1
      state.items[number].lastTag = tag
      if !isCertain { state.items[number].isTagUncertain = true }
    }
  }

  func pruned(_ report: PruneReport) { state.withLock { $0.rescues += Int(report.rescued.count) } }

  // MARK: - Judging

  static func number(_ manifest: Manifest) -> Int? { Int(String(decoding: manifest.description, as: UTF8.self)) }

  func mayBeForgotten(_ number: Int) -> Bool { state.withLock { $0.items[number].mayBeForgotten } }

  /// What was read of a snapshot.
  func check(_ manifest: Manifest, _ files: [String: [UInt8]], by reader: String) {
    guard let number = Self.number(manifest) else { return lose("\(reader): a snapshot that nobody made") }
    state.withLock { state in
      state.restores += 1
      guard state.items.indices.contains(number) else {
        return state.violations.append(.loss("\(reader): snapshot #\(number) was never made"))
      }
      let expected = state.items[number].tree.files
      if files != expected {
        let wrong = Set(expected.keys).union(files.keys).filter { files[$0] != expected[$0] }.sorted()
        state.violations.append(.loss("\(reader): snapshot #\(number) has other contents: \(wrong.joined(separator: ", "))"))
      }
    }
  }

  private static func checkTags(_ manifest: Manifest, _ item: Item, _ number: Int, by reader: String) -> String? {
    let expected = item.lastTag.map { [$0] } ?? []
    let isRight = item.isTagUncertain ? manifest.tags.allSatisfy(item.triedTags.contains) : manifest.tags == expected
    return isRight ? nil : "\(reader): snapshot #\(number) has the tags \(manifest.tags.map { String(decoding: $0, as: UTF8.self) })"
  }

  /// What is listed when nothing runs any more.
  func checkComplete(_ listed: [Manifest], by reader: String) {
    let found = Set(listed.map(\.session))
    state.withLock { state in
      for manifest in listed {
        guard let number = Self.number(manifest), state.items.indices.contains(number) else { continue }
        if let wrong = Self.checkTags(manifest, state.items[number], number, by: reader) { state.violations.append(.loss(wrong)) }
      }
      for (number, item) in state.items.enumerated() {
        guard let session = item.session, !item.mayBeForgotten, !found.contains(session) else { continue }
        state.violations.append(.loss("\(reader): snapshot #\(number) (\(session.hexadecimal)) is gone"))
      }
    }
  }
}
