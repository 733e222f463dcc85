/// One line of the journal: a run of a profile, or a check or proof of a repository, and what came of it.
///
/// As JSON its members are called as the properties, with underscores. Members that a version does not know are skipped; those that a
/// record lacks are nil.
package struct RunRecord: Codable, Sendable, Equatable {
  package enum Command: String, Codable, Sendable { case backup, check, prove, prune, forget }

  /// What started a run.
  package enum Trigger: String, Codable, Sendable, CaseIterable {
    case manual, schedule, boot, volume, watch
    case catchUp = "catch-up"
  }

  package enum Outcome: String, Codable, Sendable {
    case success
    /// The snapshot exists, with files left out; or what was to follow it failed.
    case incomplete
    case failure, interrupted
    /// It did not begin: another run of the profile was under way.
    case skipped
  }

  /// Of the layout of this record.
  package var schema = 1
  package var command: Command
  /// Seconds since 1970, by this machine's clock.
  package var started: Int64
  package var ended: Int64
  package var outcome: Outcome
  /// The exit status of the command.
  package var status: Int32
  /// Why it is not `success`, in a sentence or several.
  package var message: String?
  package var profile: String?
  package var trigger: Trigger?
  package var host: String?
  /// The repository's id, in hexadecimal digits, once it was opened.
  package var repository: String?
  package var series: String?
  package var snapshot: SnapshotPart?
  /// Size of all that the repository stores, after the run, where it is known. Bytes.
  package var repositoryBytes: UInt64?
  package var check: CheckPart?
  package var proof: ProofPart?
  /// Hooks and notices that failed, and retention: what went wrong beside the backup itself, a sentence each.
  package var asides: [String]?

  /// What a backup stored.
  package struct SnapshotPart: Codable, Sendable, Equatable {
    /// Hexadecimal digits; nil when no snapshot was made, because nothing had changed.
    package var id: String?
    package var kind: String
    package var base: String?
    package var filesNew: UInt64
    package var filesChanged: UInt64
    package var filesUnmodified: UInt64
    /// Bytes of all files of the snapshot.
    package var totalBytes: UInt64
    /// Bytes that the repository did not have yet, before and after compression.
    package var addedBytes: UInt64
    package var storedBytes: UInt64
    /// Files and directories that could not be read.
    package var problems: UInt64

    package init(
      id: String?, kind: String, base: String?, filesNew: UInt64, filesChanged: UInt64, filesUnmodified: UInt64, totalBytes: UInt64,
      addedBytes: UInt64, storedBytes: UInt64, problems: UInt64
    ) {
      self.id = id
      self.kind = kind
      self.base = base
      self.filesNew = filesNew
      self.filesChanged = filesChanged
      self.filesUnmodified = filesUnmodified
      self.totalBytes = totalBytes
      self.addedBytes = addedBytes
      self.storedBytes = storedBytes
      self.problems = problems
    }

    private enum CodingKeys: String, CodingKey {
      case id, kind, base, problems
      case filesNew = "files_new"
      case filesChanged = "files_changed"
      case filesUnmodified = "files_unmodified"
      case totalBytes = "total_bytes"
      case addedBytes = "added_bytes"
      case storedBytes = "stored_bytes"
    }
  }

  /// What a check looked at.
  package struct CheckPart: Codable, Sendable, Equatable {
    package var errors: UInt64
    /// Bytes of packs that were read; 0 = structure only.
    package var readBytes: UInt64
    /// `1/5`, `10%`; nil = all, or none.
    package var subset: String?

    package init(errors: UInt64, readBytes: UInt64, subset: String?) {
      self.errors = errors
      self.readBytes = readBytes
      self.subset = subset
    }

    private enum CodingKeys: String, CodingKey {
      case errors, subset
      case readBytes = "read_bytes"
    }
  }

  /// What a proof restored and compared.
  package struct ProofPart: Codable, Sendable, Equatable {
    package var snapshot: String
    package var files: UInt64
    package var bytes: UInt64
    /// Files that did not come back as recorded.
    package var failures: UInt64
    /// The number from which the sample was drawn, so that it can be drawn again.
    package var seed: UInt64

    package init(snapshot: String, files: UInt64, bytes: UInt64, failures: UInt64, seed: UInt64) {
      self.snapshot = snapshot
      self.files = files
      self.bytes = bytes
      self.failures = failures
      self.seed = seed
    }
  }

  package init(command: Command, started: Int64, ended: Int64, outcome: Outcome, status: Int32) {
    self.command = command
    self.started = started
    self.ended = ended
    self.outcome = outcome
    self.status = status
  }

  private enum CodingKeys: String, CodingKey {
    case schema, command, started, ended, outcome, status, message, profile, trigger, host, repository, series, snapshot, check, proof
    case asides
    case repositoryBytes = "repository_bytes"
  }
}
