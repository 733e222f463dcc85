import CairnAutomation
import CairnKit
import CairnProfiles
import CairnSystem

/// The upkeep that follows a profile's backup: a check, and a proof, when they are due. What they find leaves the snapshot as it is.
struct UpkeepRun {
  let profile: Profile
  let upkeep: Upkeep
  let series: String?
  let repository: Repository
  let run: Invocation
  let trigger: RunRecord.Trigger

  /// - Returns: a sentence for each thing that is not as it should be.
  /// - Throws: `CancellationError`.
  func follow() throws -> [String] {
    guard let state = run.stateDirectory else {
      return upkeep.check == .never && upkeep.prove == .never
        ? [] : [say("Without a state directory nobody knows when upkeep is due: run 'cairn check' yourself.")]
    }
    let now = SystemClock.now().seconds
    let digest: JournalDigest
    do { digest = try JournalDigest(Journal(state: state), now: now) } catch {
      return [say("The journal cannot be read, so that upkeep is left out: \(ErrorReport.translate(error).message)")]
    }
    let plan = UpkeepPlan(upkeep, digest.repository(repository.idHex), now: now, calendar: .system)
    var sentences: [String] = []
    if let check = plan.check, let sentence = try attempt("check", { try self.check(check, plan.subset) }) { sentences.append(sentence) }
    if plan.proves, let sentence = try attempt("proof", prove) { sentences.append(sentence) }
    return sentences
  }

  private func check(_ what: CheckOptions.ReadData, _ subset: String?) throws -> String? {
    let report = try CheckRun(run: run, trigger: trigger).check(repository, CheckOptions(readData: what), subset: subset)
    CheckOutput(console: run.console).print(report)
    guard report.isDamaged else { return nil }
    return say(
      "The check after the backup found damage of the repository (\(Human.count(report.errorCount, "error"))). "
        + "'cairn check -P \(profile.name)' names it.")
  }

  private func prove() throws -> String? {
    var filter = SnapshotFilter()
    filter.seriesNames = series.map { [$0] } ?? []
    let list = try run.list(repository)
    let chosen = try SnapshotSelector.resolve("latest", in: list.snapshots, filter: filter)
    var options = ProofOptions(snapshot: chosen, seed: ProofRun.randomSeed(), scratch: run.temporaryDirectory)
    options.sample = .drawn(files: upkeep.proveFiles, bytes: nil)
    let output = ProofOutput(try run.withProgress { try ProofRun(run, trigger: trigger).prove(repository, options) })
    output.print(to: run.console)
    guard output.outcome == .failure else { return nil }
    return say("In the proof after the backup files did not come back as recorded: \(output.sentences.joined(separator: "; ")).")
  }

  private func attempt(_ name: String, _ body: () throws -> String?) throws -> String? {
    do { return try body() } catch is CancellationError {
      throw CancellationError()
    } catch { return say("The \(name) after the backup failed: \(ErrorReport.translate(error).message)") }
  }

  private func say(_ sentence: String) -> String {
    run.reporter.report(.warning(sentence))
    return sentence
  }
}
