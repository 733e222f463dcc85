import CairnAutomation
import CairnKit
import CairnProfiles
import CairnSystem

/// A check of the repository, and the record of it in the journal.
struct CheckRun {
  let run: Invocation
  var trigger = RunRecord.Trigger.manual

  /// - Parameter subset: how `options` were asked for, for the journal.
  func check(_ repository: Repository, _ options: CheckOptions, subset: String?) throws -> CheckReport {
    let started = SystemClock.now().seconds
    func record(_ outcome: RunRecord.Outcome, _ status: Int32) -> RunRecord {
      var record = RunRecord(command: .check, started: started, ended: SystemClock.now().seconds, outcome: outcome, status: status)
      record.profile = run.profile?.name
      record.trigger = trigger
      record.host = Host.name
      record.repository = repository.idHex
      return record
    }
    do {
      let report = try run.withProgress { try repository.check(options, context: run.context) }
      var record = record(report.isDamaged ? .failure : .success, (report.isDamaged ? ExitStatus.failed : .success).rawValue)
      record.check = .init(errors: report.errorCount, readBytes: report.bytesRead, subset: subset)
      if report.isDamaged {
        record.message =
          "The repository is damaged: \(Human.count(report.errorCount, "error"))."
          + (report.errors.first.map { " \(CheckOutput.printable($0.sentence))" } ?? "")
      }
      keep(record)
      return report
    } catch {
      let isInterrupted = error is CancellationError
      let failure = ErrorReport.translate(error)
      var record = record(
        isInterrupted ? .interrupted : .failure, isInterrupted ? ExitStatus.interrupted.rawValue : failure.code.exitStatus)
      record.message = isInterrupted ? nil : failure.message
      keep(record)
      throw error
    }
  }

  private func keep(_ record: RunRecord) {
    guard let state = run.stateDirectory else { return }
    do { try Journal(state: state).append(record) } catch {
      run.reporter.report(.warning("The check is not in the journal: \(ErrorReport.translate(error).message)"))
    }
  }
}
