import CairnFormat
import CairnStorage

extension Repository {
  /// Refuses to let a policy decide while it is not known what was forgotten: such snapshots would count as kept, in the place of others.
  ///
  /// - Throws: `CairnError(.damaged)` when a log record, or a register, is known to be lost.
  func requireCertainRecords(_ state: RepositoryState) throws {
    if let number = state.log.unreadable.first { throw Self.uncertain("log/\(Records.logName(number)) is missing or cannot be read") }
    if let session = state.unreadableRegisters.first { throw Self.uncertain("commits/\(session.hexadecimal) cannot be read") }
    // A session bears the length that the log had when it began.
    let newest = state.registers.keys.map(\.epoch).max() ?? 0
    if try UInt64(newest) > state.log.next || isLogShort(state) {
      throw Self.uncertain("log/\(Records.logName(state.log.next)) is missing")
    }
    if let session = try Ownerless.find(self).manifests.first {
      throw Self.uncertain("commits/\(session.hexadecimal) is missing, while the manifest of its snapshot is there")
    }
  }

  /// Whether a manifest bears a length that the log has not reached.
  private func isLogShort(_ state: RepositoryState) throws -> Bool {
    var later: [ManifestName] = []
    try storageCall("listing the snapshots") {
      try storage.list(.snapshots) { key, _ in
        if let name = ManifestName(key.name), UInt64(name.session.epoch) > state.log.next { later.append(name) }
      }
    }
    for name in later {
      // Anybody can give a file such a name.
      let result = try ObjectFault.catching { _ = try Records.manifest(name.session, name.hash, storage, keys) }
      if case .success = result { return try LogState.length(storage) == state.log.next }
    }
    return false
  }

  private static func uncertain(_ what: String) -> CairnError {
    CairnError(
      .damaged, "\(what), so it is not known which snapshots are forgotten; no policy was applied.",
      guidance: "Run 'cairn repair index', then look at 'cairn snapshots': what was forgotten may be listed again.")
  }
}
