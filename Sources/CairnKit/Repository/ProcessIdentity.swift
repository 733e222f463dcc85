import CairnFormat
import CairnSystem

/// Telling whether the process of a session record still runs.
enum ProcessIdentity {
  /// Names the running kernel and the process-id namespace, in which a process id means something.
  static let boot: [UInt8] = {
    let namespace = try? OpenFile.open(Array("/proc/self/ns".utf8), [.path, .directory])  // absent /proc: the boot id alone
    let id = namespace.flatMap { try? FileSystem.readLink(at: $0, name: Array("pid".utf8)) } ?? []
    return Array((Host.bootID + " ").utf8) + id
  }()

  /// Whether the record was written under the running kernel and process-id namespace.
  static func isOfThisBoot(_ record: SessionRecord) -> Bool { record.bootID == boot }

  /// True only when it is certain: same kernel and namespace, and no process with that id and start time.
  static func isGone(_ record: SessionRecord) -> Bool {
    guard record.bootID == boot, record.host == Array(Host.name.utf8), record.processStart != 0 else { return false }
    return Host.processStartTicks(Int32(truncatingIfNeeded: record.processID)) != record.processStart
  }
}
