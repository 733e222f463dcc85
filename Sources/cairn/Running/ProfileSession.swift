import CairnAutomation
import CairnFormat
import CairnKit
import CairnProfiles
import CairnSystem

/// Runs a profile: the backup with everything that the profile wants around it.
final class ProfileSession {
  private let run: Invocation
  private let profile: Profile
  private let host: String
  private let series: String
  private let state: [UInt8]?
  private let hooks: HookRunner
  private let notices: NoticeSender
  /// What the run itself does, once it is known.
  private var body: ((((inout RunRecord) -> Void) -> Void) throws -> ExitStatus)?
  private var turn: RunTurn?
  private var trigger = RunRecord.Trigger.manual
  private let started = SystemClock.now().seconds

  init(_ run: Invocation, _ profile: Profile, host: String, series: String?) {
    self.run = run
    self.profile = profile
    self.host = host
    self.series = series ?? profile.seriesName(host: host)
    state = run.stateDirectory
    // What hooks do with the program goes by the same configuration.
    let configuration = run.options.config.map { [Array("CAIRN_CONFIG=".utf8) + $0.bytes] } ?? []
    let environment = HookVariables.environment(EnvironmentVariables.entriesOfProcess(), adding: configuration)
    let cancellation = run.context.cancellation
    let allowance = StopAllowance()
    // `try?`: that none is named, or two, is said when it is opened.
    let repository = try? run.repositorySetting()?.value
    hooks = HookRunner(
      timeLimit: Double((profile.hooks ?? Hooks()).timeLimit), environment: environment, repository: repository, cancellation: cancellation,
      allowance: allowance
    ) { [console = run.console] kind, line in Self.show(kind, line, on: console) }
    notices = NoticeSender(
      profile.notices ?? Notices(), environment: environment, cancellation: cancellation, allowance: allowance)
  }

  /// Runs `body` with everything around it. Errors are said and not thrown: the run goes on to its end.
  func perform(_ trigger: RunRecord.Trigger, _ body: @escaping (((inout RunRecord) -> Void) -> Void) throws -> ExitStatus) -> ExitStatus {
    self.body = body
    self.trigger = trigger
    var record = RunRecord(command: .backup, started: started, ended: started, outcome: .failure, status: ExitStatus.failed.rawValue)
    record.profile = profile.name
    record.trigger = trigger
    record.host = host
    record.series = series
    let kept = ProfileRun(hooks: profile.hooks ?? Hooks(), effects: self).perform(record)
    return ExitStatus(rawValue: kept.status) ?? .failed
  }

  /// Puts a run into the journal that could not begin.
  static func keepRefusal(of profile: String, _ trigger: RunRecord.Trigger, _ failure: CairnError, _ run: Invocation) {
    guard let state = run.stateDirectory else { return }
    let now = SystemClock.now().seconds
    var record = RunRecord(command: .backup, started: now, ended: now, outcome: .failure, status: failure.code.exitStatus)
    record.profile = profile
    record.trigger = trigger
    record.host = Host.name
    record.message = failure.message
    do { try Journal(state: state).append(record) } catch { run.reporter.report(.warning(ErrorReport.translate(error).message)) }
  }

  /// A line that a hook writes; with `--json` a record on standard error, so that it never gets between those of the command.
  private static func show(_ kind: HookKind, _ line: [UInt8], on console: Console) {
    if console.json {
      console.complain(
        JSONLine.object { json in
          json.member("message_type", "hook_output")
          json.member("hook", kind.rawValue)
          json.member("line", bytes: line)
        })
    } else if !console.isQuiet {
      console.complain("\(kind.rawValue): \(Escaping.terminal(line))")
    }
  }
}

extension ProfileSession: RunEffects {
  var now: Int64 { SystemClock.now().seconds }
  var isCancelled: Bool { run.context.cancellation.isCancelled }

  func takeTurn() -> String? {
    guard let state else {
      warn("There is no state directory: nothing keeps this run from running twice at once, and it does not get into the journal.")
      return nil
    }
    do {
      let marker = RunMarker(started: started, trigger: trigger)
      switch try RunTurn.take(marker, profile: profile.name, StateFiles(state: state)) {
      case .mine(let turn):
        self.turn = turn
        if let dead = turn.dead {
          warn("The run of \(LocalTime.text(dead.started)) ended without a word: it was killed, or the machine went down.")
          append(dead.epitaph(profile: profile.name))
        }
        return nil
      case .taken(let other):
        let since = other.map { " since \(LocalTime.text($0.started)) (process \($0.process))" } ?? ""
        let sentence = "The profile '\(profile.name)' is running already\(since)."
        return explain(CairnError(.failed, sentence, guidance: "Wait for its end; two runs of a profile at once would be of no use."))
          .message
      }
    } catch {
      warn(ErrorReport.translate(error).message)
      return nil
    }
  }

  func endTurn() { turn?.end() }

  /// Before the first thread starts: what is set holds for threads that start later.
  func applyLimits() {
    guard let limits = profile.limits else { return }
    func attempt(_ what: String, _ body: () throws(FileError) -> Void) {
      do throws(FileError) { try body() } catch { warn("\(what) cannot be set: \(error.reason). The run goes on without.") }
    }
    if let nice = limits.nice { attempt("The priority \(nice)") { () throws(FileError) in try ProcessPriority.setNice(nice) } }
    switch limits.ioClass {
    case .idle: attempt("The I/O class 'idle'") { () throws(FileError) in try ProcessPriority.setIdleIO() }
    case .bestEffort:
      attempt("The I/O class 'best-effort'") { () throws(FileError) in try ProcessPriority.setBestEffortIO(limits.ioPriority ?? 4) }
    case nil: break
    }
  }

  func hook(_ command: String, _ kind: HookKind, _ record: RunRecord) -> String? {
    run.console.flush()
    return hooks.run(command, kind, record)
  }

  func notify(_ occasion: Notices.Occasion, _ record: RunRecord) -> [String] { notices.send(occasion, record) }

  func work(_ record: inout RunRecord) throws -> Int32 {
    guard let body else { return ExitStatus.failed.rawValue }
    return try body { $0(&record) }.rawValue
  }

  func explain(_ error: any Error) -> (status: Int32, message: String) {
    if isCancelled || error is CancellationError {
      _ = ErrorReport.print(CancellationError(), on: run.console)
      return (ExitStatus.interrupted.rawValue, "The run was interrupted.")
    }
    if let failure = error as? HookFailure { return explain(CairnError(.failed, failure.message)) }
    let failure = ErrorReport.translate(error)
    return (ErrorReport.print(failure, on: run.console).rawValue, failure.message)
  }

  func warn(_ sentence: String) { run.reporter.report(.warning(sentence)) }

  func keep(_ record: RunRecord) {
    append(record)
    guard record.outcome != .skipped, let file = profile.upkeep?.metricsFile else { return }
    do {
      guard let state else { throw CairnError(.failed, "Without a state directory there are no metrics.") }
      let digest = try JournalDigest(Journal(state: state), now: now)
      // Profiles may share a file, by inheritance for one. `try?`: the configuration that cannot be read any more was good at the start.
      let all = (try? ConfigurationFiles(run.options, run.environment).read())?.profiles ?? []
      let sharing = all.filter { $0.upkeep?.metricsFile == file && $0.name != profile.name && !$0.source.isEmpty }
      let statuses = (sharing + [profile]).sorted { $0.name < $1.name }.map {
        ProfileStatus($0, digest, repository: nil, marker: nil, now: now, calendar: .system)
      }
      try Metrics.write(Metrics.text(statuses), to: file)
    } catch { warn(ErrorReport.translate(error).message) }
  }

  private func append(_ record: RunRecord) {
    guard let state else { return }
    do { try Journal(state: state).append(record) } catch { warn(ErrorReport.translate(error).message) }
  }
}

extension RunRecord {
  /// Takes over what a backup came to.
  mutating func note(_ report: BackupReport, firstProblem: String?) {
    let s = report.statistics
    snapshot = SnapshotPart(
      id: report.snapshot?.idHex, kind: report.kindName, base: report.baseHex, filesNew: s.filesNew, filesChanged: s.filesChanged,
      filesUnmodified: s.filesUnchanged, totalBytes: s.bytesProcessed, addedBytes: s.bytesAdded, storedBytes: s.bytesStored,
      problems: report.problems)
    if report.problems > 0 {
      message = Human.count(report.problems, "problem") + (firstProblem.map { ", the first: \($0)" } ?? "")
    }
  }

  /// Adds to why the run is no success.
  mutating func add(_ sentence: String) { message = message.map { "\($0) \(sentence)" } ?? sentence }
}
