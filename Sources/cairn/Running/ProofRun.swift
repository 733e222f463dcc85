import CairnAutomation
import CairnFormat
import CairnKit
import CairnProfiles
import CairnSystem

/// A proof, and the record of it in the journal.
struct ProofRun {
  private let run: Invocation
  private let trigger: RunRecord.Trigger

  init(_ run: Invocation, trigger: RunRecord.Trigger = .manual) {
    self.run = run
    self.trigger = trigger
  }

  /// Short enough to be typed.
  static func randomSeed() -> UInt64 { SystemRandom.bytes(3).reduce(0) { $0 << 8 | UInt64($1) } }

  /// Proves a snapshot, and keeps what came of it in the journal.
  func prove(_ repository: Repository, _ options: ProofOptions) throws -> ProofReport {
    let started = SystemClock.now().seconds
    do {
      let report = try repository.prove(options, context: run.context)
      let output = ProofOutput(report)
      var record = RunRecord(
        command: .prove, started: started, ended: SystemClock.now().seconds, outcome: output.outcome, status: output.status.rawValue)
      if output.outcome != .success { record.message = output.sentences.joined(separator: " ") }
      record.proof = output.part
      keep(record, repository, options)
      return report
    } catch {
      let isInterrupted = error is CancellationError
      let failure = ErrorReport.translate(error)
      let status = isInterrupted ? ExitStatus.interrupted.rawValue : failure.code.exitStatus
      var record = RunRecord(
        command: .prove, started: started, ended: SystemClock.now().seconds, outcome: isInterrupted ? .interrupted : .failure,
        status: status)
      record.message = isInterrupted ? nil : failure.message
      keep(record, repository, options)
      throw error
    }
  }

  private func keep(_ record: RunRecord, _ repository: Repository, _ options: ProofOptions) {
    guard let state = run.stateDirectory else { return }
    var record = record
    record.profile = run.profile?.name
    record.trigger = trigger
    record.host = Host.name
    record.repository = repository.idHex
    let manifest = options.snapshot.manifest
    record.series = manifest.seriesName.isEmpty ? manifest.series.hexadecimal : String(decoding: manifest.seriesName, as: UTF8.self)
    do { try Journal(state: state).append(record) } catch {
      run.reporter.report(.warning("The proof is not in the journal: \(ErrorReport.translate(error).message)"))
    }
  }
}

extension Invocation {
  /// TMPDIR, else /tmp.
  var temporaryDirectory: [UInt8] {
    let named = environment.system("TMPDIR").map { RawArguments.bytes(of: $0) } ?? []
    return named.first == 0x2f ? named : Array("/tmp".utf8)
  }
}
