package import CairnFormat

/// Something this machine has seen of a repository and that is no longer so, without anybody having decided it.
package enum Divergence: Hashable, Sendable {
  /// The log has fewer records than it had.
  case shorterLog(seen: UInt64, now: UInt64)
  /// Another record lies where one was.
  case otherRecord(UInt64)
  /// A snapshot is gone that nobody has forgotten.
  case missing(SessionID)
  /// The config is an earlier one.
  case olderConfig

  /// The object that tells, for `check`.
  var object: String {
    switch self {
    case .shorterLog(_, let now): "log/\(Records.logName(now))"
    case .otherRecord(let number): "log/\(Records.logName(number))"
    case .missing(let session): "commits/\(session.hexadecimal)"
    case .olderConfig: "config"
    }
  }

  /// Completes a sentence that begins with the object.
  var finding: String {
    switch self {
    case .shorterLog(let seen, let now):
      "is missing: the log had \(seen) records when this machine last saw it, and now has \(now): the repository was rolled back"
    case .otherRecord: "is not the record that this machine has seen there: the repository was rolled back and then changed"
    case .missing(let session):
      "is missing: snapshot \(session.hexadecimal.prefix(8)), which this machine has seen, is gone, and nobody has forgotten it"
    case .olderConfig: "is older than the one that this machine has seen"
    }
  }
}

extension [Divergence] {
  /// Ids that are named one by one in a warning.
  private static let shownIDs = 8

  /// Whole sentences for people, with what to do next.
  func warning(_ location: String) -> String {
    (sentences(location) + [Self.advice]).joined(separator: " ")
  }

  static var advice: String {
    "Newer data may be hidden or lost. If an older copy was put back on purpose, 'cairn check --accept-rollback' accepts what is there; "
      + "until then this machine forgets and prunes nothing here."
  }

  /// - Parameter action: completes "Nothing was …".
  func requireNone(_ action: String, at location: String) throws {
    guard !isEmpty else { return }
    let message = (["Nothing was \(action)."] + sentences(location)).joined(separator: " ")
    throw CairnError(.rolledBack, message, guidance: Self.advice)
  }

  private func sentences(_ location: String) -> [String] {
    var sentences: [String] = []
    var missing: [SessionID] = []
    for divergence in self {
      switch divergence {
      case .shorterLog(let seen, let now):
        sentences.append(
          "The repository at \(location) was rolled back: its log has \(now) records, and had \(seen) when this machine last saw it.")
      case .otherRecord(let number):
        sentences.append(
          "The repository at \(location) was rolled back and then changed: record \(number) of its log is not the one that this machine has "
            + "seen.")
      case .olderConfig:
        sentences.append("The configuration of the repository at \(location) is older than the one that this machine has seen.")
      case .missing(let session): missing.append(session)
      }
    }
    guard !missing.isEmpty else { return sentences }
    let names = missing.prefix(Self.shownIDs).map { String($0.hexadecimal.prefix(8)) }.joined(separator: ", ")
    let more = missing.count > Self.shownIDs ? " and \(missing.count - Self.shownIDs) more" : ""
    sentences.append(
      missing.count == 1
        ? "Snapshot \(names), which this machine has seen, is missing from \(location), and nobody has forgotten it."
        : "Snapshots \(names)\(more), which this machine has seen, are missing from \(location), and nobody has forgotten them.")
    return sentences
  }
}

extension RepositoryState {
  /// Snapshots that this machine has seen, that are gone, and that nobody has forgotten.
  package var missingSnapshots: [SessionID] {
    divergences.compactMap { if case .missing(let session) = $0 { session } else { nil } }
  }

  /// Refuses to delete on the word of a state older than one that this machine has seen.
  func requireFresh(at location: String) throws { try divergences.requireNone("deleted", at: location) }
}
