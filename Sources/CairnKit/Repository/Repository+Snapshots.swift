package import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// Reads the registers, the log and the manifests; no index, no packs.
  ///
  /// A snapshot whose register is damaged is still listed, because its manifest is authenticated by itself; the damage is a
  /// problem of the result.
  public func snapshots() throws -> SnapshotList {
    try snapshots(readState())
  }

  func snapshots(_ state: RepositoryState) throws -> SnapshotList {
    try readSnapshots(committed(state).filter { !state.log.isForgotten($0.session) }, state)
  }

  /// Every snapshot that was committed and is not folded out, forgotten ones too.
  func committed(_ state: RepositoryState) throws -> [ManifestName] {
    let accepted = state.acceptedManifests.map { ManifestName(session: $0.0, hash: $0.1) }
    return state.unreadableRegisters.isEmpty ? accepted : try accepted + manifestObjects(of: Set(state.unreadableRegisters))
  }

  /// Reads manifests and applies amendments; those that cannot be read become problems.
  func readSnapshots(_ wanted: [ManifestName], _ state: RepositoryState) throws -> SnapshotList {
    var snapshots: [Snapshot] = []
    var problems = state.problems
    // In an order that does not change from run to run.
    for (session, hash) in wanted.map({ ($0.session, $0.hash) }).sorted(by: { $0.0 < $1.0 }) {
      do {
        var manifest = try Records.manifest(session, hash, storage, keys)
        guard manifest.session == session else { throw CairnError(.damaged, "The manifest of \(session.hexadecimal) is another's.") }
        if let amendment = state.log.amendments[session] {
          if let tags = amendment.tags { manifest.tags = tags }
          if let description = amendment.description { manifest.description = description }
        }
        snapshots.append(Snapshot(id: session, manifest: manifest, object: hash))
      } catch let error as CairnError where error.concernsOneObject {
        problems.append(
          ItemProblem(
            path: Array("snapshots/\(session.hexadecimal)-\(hash.hexadecimal)".utf8), during: "reading", message: error.message))
      }
    }
    snapshots.sort { ($0.manifest.time, $0.id) < ($1.manifest.time, $1.id) }
    return SnapshotList(
      snapshots: snapshots, problems: problems, missingIDs: state.missingSnapshots.map(\.hexadecimal),
      forgottenIDs: state.log.restorableIDs)
  }

  /// Manifest objects that lie in the storage for the given sessions.
  private func manifestObjects(of sessions: Set<SessionID>) throws -> [ManifestName] {
    var found: [ManifestName] = []
    try storageCall("listing the snapshots") {
      try storage.list(.snapshots) { key, _ in
        if let name = ManifestName(key.name), sessions.contains(name.session) { found.append(name) }
      }
    }
    return found
  }

  /// Replaces the tags and, when given, the description of snapshots.
  ///
  /// Manifests are never rewritten: the change is a record of the log, and the newest record wins.
  package func amend(_ changes: [(SessionID, tags: [[UInt8]]?, description: [UInt8]?)]) throws {
    guard !changes.isEmpty else { return }
    try appendLog {
      var record = LogRecord(next: $0)
      record.amend = changes.map { SnapshotAmendment(session: $0.0, tags: $0.tags, description: $0.description) }
        .sorted { $0.session < $1.session }
      return record
    }
  }
}
