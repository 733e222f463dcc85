import CairnFormat
import CairnSystem

/// Beginning again (FORMAT.md, "A writer").
extension SessionWriter {
  /// How often a run is begun at most.
  package static let maximumAttempts = 5

  /// Runs `body` with a session; and, when maintenance revokes that, all of it again with a new one, which finds out anew what is
  /// there. What the other stored is adopted where it still exists.
  ///
  /// After an error of the storage nothing more is written; after anything else what was stored is kept for the next run.
  /// - Parameters:
  ///   - repeats: false when `body` cannot be run twice.
  ///   - body: ends with `commit` or `abandon`.
  package static func write<R>(
    to repository: Repository, description: SessionDescription, options: WriterOptions = WriterOptions(), context: RunContext,
    repeats: Bool = true, _ body: (SessionWriter) throws -> R
  ) throws -> R {
    var earlier = EarlierAttempts()
    while true {
      let writer = try begin(repository, description: description, options: options, context: context, after: earlier)
      do { return try writer.run(body) } catch let error as CairnError where error.code == .revoked {
        writer.giveUp()
        earlier.add(writer)
        guard repeats, earlier.sessions.count < maximumAttempts else { throw error }
        let name = writer.session.hexadecimal.prefix(8)
        context.sink.report(.message("Maintenance revoked this backup's session \(name); checking again what it needs."))
      } catch {
        if mayStillWrite(error) { writer.abandon() }
        throw error
      }
    }
  }

  private static func mayStillWrite(_ error: any Error) -> Bool {
    guard let error = error as? CairnError else { return error is CancellationError }
    return ![.storage, .noSpace, .damaged, .conflict].contains(error.code)
  }
}
