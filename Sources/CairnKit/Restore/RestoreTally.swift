/// The counts of a restore while it runs. Any thread.
final class RestoreTally: Sendable {
  let filesRestored = Counter()
  let filesUpdated = Counter()
  let filesUnchanged = Counter()
  let filesSkipped = Counter()
  let deleted = Counter()
  let directories = Counter()
  let bytesRestored = Counter()
  let bytesSkipped = Counter()
  let filesVerified = Counter()

  func report(problems: UInt64, verified: Bool, seconds: Double) -> RestoreReport {
    var report = RestoreReport()
    report.filesRestored = filesRestored.value
    report.filesUpdated = filesUpdated.value
    report.filesUnchanged = filesUnchanged.value
    report.filesSkipped = filesSkipped.value
    report.deleted = deleted.value
    report.directories = directories.value
    report.bytesRestored = bytesRestored.value
    report.bytesSkipped = bytesSkipped.value
    report.filesVerified = verified ? filesVerified.value : nil
    report.problems = problems
    report.seconds = seconds
    return report
  }
}
