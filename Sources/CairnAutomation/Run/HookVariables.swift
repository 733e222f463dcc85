import CairnKit

/// Where a hook stands in a run.
package enum HookKind: String, Sendable {
  case before, after, finally
  case onFailure = "on-failure"
}

/// The environment of hooks, and of the programs that send notices.
package enum HookVariables {
  /// What a hook is told of the run, as `NAME=value`.
  package static func of(_ kind: HookKind, _ record: RunRecord, repository: [UInt8]?) -> [[UInt8]] {
    var out: [[UInt8]] = []
    func add(_ name: String, _ value: String?) {
      guard let value else { return }
      out.append(Array("CAIRN_\(name)=".utf8) + value.utf8.filter { $0 != 0 })
    }
    add("HOOK", kind.rawValue)
    add("PROFILE", record.profile)
    add("TRIGGER", record.trigger?.rawValue)
    add("SERIES", record.series)
    if let repository { out.append(Array("CAIRN_REPOSITORY=".utf8) + repository.filter { $0 != 0 }) }
    guard kind != .before else { return out }
    add("STATUS", record.outcome.rawValue)
    add("EXIT_STATUS", String(record.status))
    add("MESSAGE", record.message ?? "")
    guard let snapshot = record.snapshot else { return out }
    add("SNAPSHOT_ID", snapshot.id ?? "")
    add("SNAPSHOT_KIND", snapshot.kind)
    add("FILES_NEW", String(snapshot.filesNew))
    add("FILES_CHANGED", String(snapshot.filesChanged))
    add("FILES_UNMODIFIED", String(snapshot.filesUnmodified))
    add("BYTES_ADDED", String(snapshot.addedBytes))
    add("BYTES_STORED", String(snapshot.storedBytes))
    add("PROBLEMS", String(snapshot.problems))
    return out
  }

  /// An environment with `added` in the place of what it says of the same names, and without whatever holds or leads to a password, and
  /// without what was said of a run around this one.
  package static func environment(_ ours: [[UInt8]], adding added: [[UInt8]]) -> [[UInt8]] {
    var names = Set(added.map(name))
    // Two ways to name one thing are an error.
    if names.contains(Array("CAIRN_REPOSITORY".utf8)) { names.insert(Array("CAIRN_REPOSITORY_FILE".utf8)) }
    return ours.filter { entry in
      let name = name(entry)
      return !names.contains(name) && !isSecret(name) && !aboutRun.contains(String(decoding: name, as: UTF8.self))
    } + added
  }

  /// Set for hooks only; those that stand for options of the program are none of these.
  private static let aboutRun: Set<String> = Set(
    [
      "HOOK", "TRIGGER", "SERIES", "STATUS", "EXIT_STATUS", "MESSAGE", "SNAPSHOT_ID", "SNAPSHOT_KIND", "FILES_NEW", "FILES_CHANGED",
      "FILES_UNMODIFIED", "BYTES_ADDED", "BYTES_STORED", "PROBLEMS",
    ].map { "CAIRN_" + $0 })

  private static func name(_ entry: [UInt8]) -> [UInt8] { Array(entry.prefix { $0 != 0x3d }) }

  private static func isSecret(_ name: [UInt8]) -> Bool {
    ["CAIRN_PASSWORD", "RESTIC_PASSWORD"].contains { name.starts(with: Array($0.utf8)) }
  }
}
