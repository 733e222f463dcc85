package import CairnProfiles

/// What a run does outside of itself, so that its order can be tested without.
package protocol RunEffects {
  /// Seconds since 1970.
  var now: Int64 { get }
  /// Whether the run is to stop.
  var isCancelled: Bool { get }
  /// Asks for the right to run the profile.
  ///
  /// - Returns: nil when it is granted, else a sentence that says who has it.
  func takeTurn() -> String?
  /// Gives it back.
  func endTurn()
  func applyLimits()
  /// - Returns: nil when it succeeded, else a sentence.
  func hook(_ command: String, _ kind: HookKind, _ record: RunRecord) -> String?
  /// - Returns: a sentence for each message that could not be sent.
  func notify(_ occasion: Notices.Occasion, _ record: RunRecord) -> [String]
  /// Backs up, and does what follows a backup in the repository. What it came to is put into the record.
  ///
  /// - Returns: the exit status.
  func work(_ record: inout RunRecord) throws -> Int32
  /// Tells the person at the terminal of an error.
  func explain(_ error: any Error) -> (status: Int32, message: String)
  /// Tells of something that went wrong beside the backup.
  func warn(_ sentence: String)
  /// Keeps the record of the run.
  func keep(_ record: RunRecord)
}

/// One run of a profile: hooks, notices, the backup and what follows it, in their order, whatever comes of each.
///
/// - `before`: the first that fails stops the run.
/// - The notice of the start, then the work.
/// - `after` when all of that went well; else, and for a snapshot that lacks files too, `on-failure`. Then `finally`.
/// - The notices of the end, the journal.
package struct ProfileRun {
  private let hooks: Hooks
  private let effects: any RunEffects

  /// The exit status when a snapshot is made and what was to follow failed.
  package static let followUpFailed: Int32 = 33

  package init(hooks: Hooks, effects: any RunEffects) {
    self.hooks = hooks
    self.effects = effects
  }

  /// - Parameter record: says of the run what is known beforehand.
  /// - Returns: the record as it was kept.
  package func perform(_ record: RunRecord) -> RunRecord {
    var record = record
    if let sentence = effects.takeTurn() {
      // Nothing went wrong: the one that is under way does the work.
      record.outcome = .skipped
      record.status = 1
      record.message = sentence
      record.ended = effects.now
      effects.keep(record)
      return record
    }
    effects.applyLimits()
    attempt(&record)
    let kind: HookKind = record.outcome == .success ? .after : .onFailure
    follow(kind, kind == .after ? hooks.after : hooks.onFailure, &record)
    follow(.finally, hooks.finally, &record)
    record.ended = effects.now
    note(effects.notify(record.outcome.occasion, record), &record)
    record = record.bounded
    effects.keep(record)
    effects.endTurn()
    return record
  }

  private func attempt(_ record: inout RunRecord) {
    do {
      for command in hooks.before {
        if let failure = effects.hook(command, .before, record) { throw HookFailure(message: failure) }
      }
      if effects.isCancelled { throw CancellationError() }
      note(effects.notify(.start, record), &record)
      record.status = try effects.work(&record)
      record.outcome = RunRecord.Outcome(status: record.status)
    } catch {
      let failure = effects.explain(error)
      record.status = failure.status
      record.outcome = RunRecord.Outcome(status: failure.status)
      record.message = failure.message
    }
  }

  private func follow(_ kind: HookKind, _ commands: [String], _ record: inout RunRecord) {
    for command in commands {
      guard let failure = effects.hook(command, kind, record) else { continue }
      note([failure], &record)
      guard record.outcome == .success else { continue }
      record.outcome = .incomplete
      record.status = Self.followUpFailed
      record.message = failure
    }
  }

  private func note(_ sentences: [String], _ record: inout RunRecord) {
    guard !sentences.isEmpty else { return }
    for sentence in sentences { effects.warn(sentence) }
    record.asides = (record.asides ?? []) + sentences
  }
}

/// A hook that stops the run.
package struct HookFailure: Error {
  package let message: String
}

extension RunRecord.Outcome {
  /// What an exit status of the program says of a run.
  package init(status: Int32) {
    switch status {
    // 32: nothing had changed, and that was asked for.
    case 0, 32: self = .success
    case 3, ProfileRun.followUpFailed: self = .incomplete
    case 130: self = .interrupted
    default: self = .failure
    }
  }

  /// Which notices it is an occasion for.
  package var occasion: Notices.Occasion {
    switch self {
    case .success: .success
    case .incomplete: .incomplete
    case .failure, .interrupted, .skipped: .failure
    }
  }
}

extension RunRecord {
  /// With texts short enough for a line of the journal.
  var bounded: RunRecord {
    var out = self
    out.message = message.map { Self.cut($0, 4000) }
    out.asides = asides?.prefix(10).map { Self.cut($0, 2000) }
    return out
  }

  private static func cut(_ text: String, _ bytes: Int) -> String {
    text.utf8.count <= bytes ? text : String(decoding: text.utf8.prefix(bytes), as: UTF8.self) + "…"
  }
}
