package import CairnFormat
package import CairnStorage

/// What went wrong, in words a person can act on.
///
/// Thrown by every public verb. Problems with single source or target files are not thrown: they reach the
/// `ProgressSink` and the report (exit status 3).
public struct CairnError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure; more may be added, so switch with a default.
  public struct Code: Hashable, Sendable {
    /// The exit status of the command line for this failure.
    public let exitStatus: Int32
    private let number: UInt8

    private init(_ number: UInt8, _ exitStatus: Int32) {
      self.number = number
      self.exitStatus = exitStatus
    }

    /// Something failed that has no code of its own.
    public static let failed = Code(0, 1)
    /// There is no repository at the place given.
    public static let noRepository = Code(1, 10)
    /// No key slot opens with the passphrase or key file given.
    public static let wrongPassword = Code(2, 12)
    /// An object that is needed is missing or fails authentication.
    public static let damaged = Code(3, 30)
    /// The repository, the target or the cache ran out of space or quota.
    public static let noSpace = Code(4, 31)
    /// The request makes no sense as given.
    public static let usage = Code(5, 64)
    /// The repository was written by a newer version or uses features unknown here.
    public static let unsupportedFormat = Code(6, 1)
    /// A snapshot, path or key that was named does not exist.
    public static let notFound = Code(7, 1)
    /// A prefix or name fits more than one thing.
    public static let ambiguous = Code(8, 1)
    /// None of the sources could be read.
    public static let sourceMissing = Code(9, 1)
    /// The storage refused a request (permission, read-only, I/O error).
    public static let storage = Code(10, 1)
    /// Nothing changed and the caller asked for that to be an error.
    public static let unchanged = Code(11, 32)
    /// A repository exists where a new one was to be made.
    public static let exists = Code(12, 1)
    /// The repository changed under the run; running again helps.
    public static let conflict = Code(13, 1)
    /// Maintenance revoked the session of a backup that was silent for too long; running again helps.
    public static let revoked = Code(14, 1)
    /// The repository lacks what this machine has seen in it before.
    public static let rolledBack = Code(15, 30)
  }

  public let code: Code
  /// A whole sentence; names inside are already escaped for a terminal.
  public let message: String
  /// What to do next, a whole sentence or a command.
  public let guidance: String?

  public init(_ code: Code, _ message: String, guidance: String? = nil) {
    self.code = code
    self.message = message
    self.guidance = guidance
  }

  public var description: String { guidance.map { "\(message)\n\($0)" } ?? message }
}

extension CairnError {
  /// Translates a storage error; `during` completes the sentence "… while <during>".
  package init(_ error: StorageError, during: String) {
    switch error {
    case .notFound(let key):
      self.init(
        .damaged, "\(key.path) is missing from the repository (while \(during)).",
        guidance: "Run 'cairn check' to see which snapshots need it.")
    case .alreadyExists(let key):
      self.init(.conflict, "\(key.path) already exists in the repository (while \(during)).")
    case .noSpace(let sentence):
      self.init(
        .noSpace, "\(Self.withoutStop(sentence)) (while \(during)).",
        guidance: "Free some space and run the same command again; nothing stored so far is lost. 'cairn forget' and 'cairn prune' work "
          + "on a full disk.")
    case .denied(let sentence), .readOnly(let sentence), .io(let sentence):
      self.init(.storage, "\(Self.withoutStop(sentence)) (while \(during)).")
    case .notARepository(let sentence):
      self.init(.noRepository, sentence, guidance: "Create a repository with 'cairn init', or check the --repo option.")
    case .truncated(let key):
      self.init(
        .damaged, "\(key.path) is shorter than it must be (while \(during)).",
        guidance: "Run 'cairn check --read-data' to see what is touched.")
    }
  }

  private static func withoutStop(_ sentence: String) -> Substring { sentence.hasSuffix(".") ? sentence.dropLast() : sentence[...] }

  /// An object that does not decode or authenticate.
  package static func damaged(_ object: String, _ error: FormatError) -> CairnError {
    if case .unsupportedVersion = error { return .newer(object) }
    if case .unsupportedFeature = error { return .newer(object) }
    return CairnError(
      .damaged, "\(object) is damaged: \(error).", guidance: "Run 'cairn check' to see which snapshots and files it touches.")
  }

  private static func newer(_ object: String) -> CairnError {
    CairnError(
      .unsupportedFormat, "\(object) was written by a newer version of cairn, or uses a feature that this one does not know.",
      guidance: "Use a newer cairn with this repository.")
  }
}

/// Runs `body` and turns storage errors into sentences.
package func storageCall<R>(_ during: @autoclosure () -> String, _ body: () throws -> R) throws -> R {
  do { return try body() } catch let error as StorageError { throw CairnError(error, during: during()) }
}
