import CairnKit
import CairnSystem

/// What Prometheus' text collector reads.
package enum Metrics {
  /// The text format 0.0.4, whose lines are sorted by metric.
  package static func text(_ statuses: [ProfileStatus]) -> String {
    var out = ""
    func add(_ name: String, _ help: String, _ value: (ProfileStatus) -> Double?) {
      let lines = statuses.compactMap { status in
        value(status).map { "cairn_\(name){profile=\"\(escaped(status.name))\"} \(number($0))\n" }
      }
      guard !lines.isEmpty else { return }
      out += "# HELP cairn_\(name) \(help)\n# TYPE cairn_\(name) gauge\n" + lines.joined()
    }
    add("up", "Whether the repository could be looked into.") { $0.isUp ? 1 : 0 }
    add("well", "Whether nothing needs attention.") { $0.isWell ? 1 : 0 }
    add("overdue", "Whether a backup is overdue.") { $0.isOverdue ? 1 : 0 }
    add("last_success_timestamp_seconds", "When the last complete backup was made.") { $0.lastSuccess.map { Double($0) } }
    add("last_run_timestamp_seconds", "When the last run began.") { $0.lastRun.map { Double($0.started) } }
    add("last_run_status", "The exit status of the last run.") { $0.lastRun.map { Double($0.status) } }
    add("last_run_duration_seconds", "How long the last run took.") {
      $0.lastRun.map { Double(max(0, $0.ended.subtractingClamped($0.started))) }
    }
    add("snapshot_bytes", "Size of the files of the last complete backup.") { $0.lastSnapshot.map { Double($0.totalBytes) } }
    add("added_bytes", "Bytes that the last complete backup added, before compression.") { $0.lastSnapshot.map { Double($0.addedBytes) } }
    add("stored_bytes", "Bytes that the last complete backup stored.") { $0.lastSnapshot.map { Double($0.storedBytes) } }
    add("repository_bytes", "Bytes that the repository stores.") { $0.repositoryBytes.map { Double($0) } }
    add("last_check_timestamp_seconds", "When the repository was last checked.") { $0.lastCheck.map { Double($0.ended) } }
    add("last_check_errors", "Errors that the last check found.") { $0.lastCheck?.check.map { Double($0.errors) } }
    add("last_proof_timestamp_seconds", "When a sample was last restored and compared.") { $0.lastProof.map { Double($0.ended) } }
    add("last_proof_failures", "Files that did not come back as recorded in the last proof.") {
      $0.lastProof?.proof.map { Double($0.failures) }
    }
    return out
  }

  /// Replaces a file that everybody may read: a collector sees the old one or the new one.
  ///
  /// - Throws: `CairnError(.failed)`.
  package static func write(_ text: String, to path: [UInt8]) throws {
    do throws(FileError) {
      let slash = path.lastIndex(of: 0x2f)
      let folder = slash.map { $0 == 0 ? [0x2f] : Array(path[..<$0]) } ?? [0x2e]
      let name = Array(path[((slash ?? -1) + 1)...])
      let directory = try OpenFile.open(folder, [.read, .directory])
      // Until it is there whole its name does not end in .prom, as those do that a collector reads.
      try FileSystem.place(Array(text.utf8), at: directory, name: name, mode: 0o644)
    } catch {
      throw CairnError(.failed, "The metrics cannot be written to \(Escaping.terminal(path)): \(error.reason).")
    }
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { out, character in
      switch character {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      default: out.append(character)
      }
    }
  }

  private static func number(_ value: Double) -> String {
    value.magnitude < 1e15 && value == value.rounded() ? String(Int64(value)) : "\(value)"
  }
}
