import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

extension Repository {
  /// Reads the state, compares it with what this machine has seen before, and remembers it. Differences are reported once.
  ///
  /// - Parameter isReporting: false leaves reporting to the caller.
  package func readState(forWriting: Bool = false, isReporting: Bool = true) throws -> RepositoryState {
    guard let file = AnchorFile(self) else { return try RepositoryState.read(storage, keys: keys, forWriting: forWriting) }
    // Before the repository is read: what others see and remember meanwhile may be newer than what is read here.
    let seen = load(file)
    var state = try RepositoryState.read(storage, keys: keys, forWriting: forWriting)
    state.divergences = seen?.divergences(from: state) ?? []
    if let seen, seen.configCounter > config.counter, try isConfigOlder(than: seen.configCounter) { state.divergences.append(.olderConfig) }
    remember(state, file)
    if isReporting { report(state.divergences) }
    return state
  }

  private func load(_ file: AnchorFile) -> Anchor? {
    do { return try file.load() } catch {
      sink.report(.message("\(file.path), which tells what this machine has seen of the repository, is damaged; it is made anew."))
      return nil
    }
  }

  /// It may have been changed since this repository was opened.
  private func isConfigOlder(than counter: UInt64) throws -> Bool {
    try ConfigCopies.read(storage).open(keys, sink: NoProgress()).counter < counter
  }

  private func report(_ divergences: [Divergence]) {
    let new = reportedDivergences.withLock { reported in
      let new = divergences.filter { !reported.contains($0) }
      reported.formUnion(new)
      return new
    }
    if !new.isEmpty { sink.report(.warning(new.warning(location))) }
  }

  // MARK: - Remembering

  private func remember(_ state: RepositoryState, _ file: AnchorFile) {
    file.update { old in
      var anchor = old ?? Anchor()
      anchor.advance(to: state, configCounter: self.config.counter)
      return anchor
    }
  }

  /// Remembers a snapshot that was committed.
  func remember(_ snapshot: SessionID) {
    AnchorFile(self)?.update { old in
      var anchor = old ?? Anchor()
      anchor.snapshots.insert(snapshot)
      return anchor
    }
  }

  /// Remembers a log that this program has just appended to.
  func remember(_ log: LogState) {
    AnchorFile(self)?.update { old in
      var anchor = old ?? Anchor()
      anchor.advance(to: log)
      return anchor
    }
  }

  /// Takes a state as it is for what this machine has seen, whatever it has seen before.
  package func accept(_ state: RepositoryState) {
    AnchorFile(self)?.update { _ in
      var anchor = Anchor()
      anchor.advance(to: state, configCounter: self.config.counter)
      return anchor
    }
  }
}
