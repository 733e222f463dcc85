import CairnFormat

/// What this machine has seen of a repository: the storage cannot make it unseen (FORMAT.md, "What a client remembers").
///
/// A later state of the same repository explains all of it: the log only grows, and a snapshot goes only by a record of the log.
struct Anchor: Sendable, Equatable {
  /// Records that the log had, and the digest of the last of them.
  var logLength: UInt64 = 0
  var logHead = ObjectHash.zero
  var configCounter: UInt64 = 0
  /// Snapshots that existed and were not forgotten.
  var snapshots: Set<SessionID> = []

  // MARK: - Comparing

  /// What of it the state neither has nor explains.
  func divergences(from state: RepositoryState) -> [Divergence] {
    var found = logDivergences(from: state.log)
    let isOtherLog = !found.isEmpty
    for session in snapshots.sorted() where !state.exists(session) && (isOtherLog || !state.log.isFoldedOut(session)) {
      found.append(.missing(session))
    }
    return found
  }

  private func logDivergences(from log: LogState) -> [Divergence] {
    if log.next < logLength { return [.shorterLog(seen: logLength, now: log.next)] }
    // A checkpoint may have made the record void, and then nothing is known of it; nor where it cannot be read, which is damage.
    if logLength > 0, let digest = log.digests[logLength - 1], digest != logHead { return [.otherRecord(logLength - 1)] }
    return []
  }

  // MARK: - Remembering

  /// Takes in a state, never going back: what this has seen that the state does not explain stays.
  mutating func advance(to state: RepositoryState, configCounter: UInt64) {
    if logDivergences(from: state.log).isEmpty {
      advance(to: state.log)
      snapshots = snapshots.filter { !state.log.isForgotten($0) && !state.log.isFoldedOut($0) }
    }
    snapshots.formUnion(state.existingSnapshots)
    self.configCounter = max(self.configCounter, configCounter)
  }

  /// Takes in a longer log.
  mutating func advance(to log: LogState) {
    guard logDivergences(from: log).isEmpty, log.next > logLength, let digest = log.digests[log.next - 1] else { return }
    (logLength, logHead) = (log.next, digest)
  }
}

extension RepositoryState {
  /// Snapshots that are listed.
  var existingSnapshots: [SessionID] { acceptedManifests.map(\.0).filter { !log.isForgotten($0) } }

  /// Whether the snapshot is there, or its absence is somebody's decision, or a damage that is reported as such.
  fileprivate func exists(_ session: SessionID) -> Bool {
    log.isForgotten(session) || log.foldedAccepted[session] != nil || registers[session]?.decision == .snapshot
      || unreadableRegisters.contains(session)
  }
}

// MARK: - The file

extension Anchor {
  private static let magic: StaticString = "cairnanchor1"
  private static let tagBytes = 32

  /// The largest file that can be one.
  static let maximumBytes = 256 + 16 * Limits.logSessions

  func encode(_ keys: KeySet) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(Self.magic)
    writer.identifier(keys.repository)
    writer.u64(logLength)
    writer.identifier(logHead)
    writer.u64(configCounter)
    writer.u32(UInt32(clamping: snapshots.count))
    for session in snapshots.sorted() { writer.identifier(session) }
    let tag = Self.tag(writer.bytes, keys)
    writer.append(tag)
    return writer.bytes
  }

  static func decode(_ bytes: [UInt8], _ keys: KeySet) throws(FormatError) -> Anchor {
    guard bytes.count > tagBytes else { throw .truncated }
    let content = Array(bytes.dropLast(tagBytes))
    guard tag(content, keys) == Array(bytes.suffix(tagBytes)) else { throw .authenticationFailed }
    return try content.withReader { reader throws(FormatError) in
      try reader.expectMagic(magic)
      let repository: RepositoryID = try reader.identifier16()
      guard repository == keys.repository else { throw .invalid("repository of the anchor") }
      var anchor = Anchor()
      anchor.logLength = try reader.u64()
      anchor.logHead = try reader.identifier32()
      anchor.configCounter = try reader.u64()
      let count = try reader.u32()
      for _ in 0..<count { anchor.snapshots.insert(try reader.identifier16()) }
      try reader.expectEnd()
      return anchor
    }
  }

  private static func tag(_ content: [UInt8], _ keys: KeySet) -> [UInt8] {
    keys.derivedKey(.cache, "cairn-anchor", content).withBytes { Array($0) }
  }
}
