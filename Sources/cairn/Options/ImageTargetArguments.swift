import ArgumentParser
import CairnKit
import CairnSystem
import SystemPackage

/// Writing the image of a disk to a device or a file.
struct ImageTargetArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the image of a disk to a device, or to a file, which is made if need be. Only what differs is written. Blocks that were not in "
        + "use when the image was made are left as they are.", valueName: "device"), completion: .file())
  var image: PathArgument?

  @Flag(help: "With --image: overwrite without asking.")
  var yes = false

  @Flag(help: "With --image: do not read back and compare at the end.")
  var noVerify = false

  @Flag(help: "With --image: write zeros where blocks were not in use when the image was made.")
  var zeroFree = false

  func validate() throws {
    if image == nil && (yes || noVerify || zeroFree) { throw ValidationError("--yes, --no-verify and --zero-free belong to --image.") }
  }

  /// Asks, writes and says what was done.
  ///
  /// - Returns: nil when there was no problem.
  func restore(
    _ snapshot: Snapshot, _ path: [[UInt8]], dryRun: Bool, _ repository: Repository, _ run: Invocation
  ) throws -> ExitStatus? {
    guard let image else { return nil }
    var options = ImageRestoreOptions(snapshot: snapshot, target: image.bytes)
    options.path = path
    options.zeroFree = zeroFree
    options.verify = !noVerify
    options.dryRun = dryRun
    let restore = try repository.prepareImageRestore(options)
    if !run.console.json { run.console.remark("restoring \(SnapshotRecord.title(snapshot)) to \(Escaping.terminal(image.bytes))") }
    if let loss = restore.loss, !yes, !dryRun { try Self.confirm(loss, run.console) }
    let report = try run.withProgress { try restore.run(context: run.context) }
    ImageRestoreSummary(report: report, isDryRun: dryRun, isVerifying: !noVerify).print(to: run.console)
    return report.problems > 0 ? .incomplete : nil
  }

  private static func confirm(_ loss: String, _ console: Console) throws {
    let refusal = CairnError(
      .usage, "This would overwrite \(loss). Nothing was written.",
      guidance: "Give --yes if that is meant, or --dry-run to see how much differs.")
    guard !console.json else { throw refusal }
    let answer: [UInt8]?
    do { answer = try Terminal.read(prompt: "This overwrites \(loss). Type yes to go on: ") } catch {
      throw error.errno == .interrupted ? CancellationError() : refusal
    }
    guard answer == Array("yes".utf8) else { throw refusal }
  }

  /// The device may be in use, and a plain restore would put a file in its place.
  static func inPlace(_ snapshot: Snapshot) -> CairnError {
    CairnError(
      .usage, "Snapshot \(snapshot.shortID) is the image of a disk, which --in-place does not write.",
      guidance: "Use --image DEVICE to write it to a device, or --target DIRECTORY to get it as a file.")
  }
}

/// What the restore of an image says at its end.
struct ImageRestoreSummary {
  let report: ImageRestoreReport
  let isDryRun: Bool
  let isVerifying: Bool

  func print(to console: Console) {
    guard !console.json else { return console.line(json) }
    var line = "\(isDryRun ? "would be written" : "written"): \(Human.bytes(report.bytesWritten)) of \(Human.bytes(report.bytes))"
    line += "; right already: \(Human.bytes(report.bytesEqual))"
    if report.bytesZeroed > 0 { line += "; \(isDryRun ? "would be made zeros" : "made zeros"): \(Human.bytes(report.bytesZeroed))" }
    if report.bytesLeft > 0 { line += "; not in use: \(Human.bytes(report.bytesLeft))" }
    console.remark(line + " in \(Human.duration(report.seconds))")
    if report.problems > 0 {
      console.remark("\(Human.count(report.problems, "problem")): see the lines above; everything else is written")
    } else if report.isVerified {
      console.remark("verified: the target holds what the snapshot says")
    }
  }

  private var json: JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      if isDryRun { line.member("dry_run", true) }
      line.member("seconds_elapsed", UInt64(report.seconds))
      line.member("total_bytes", report.bytes)
      line.member("bytes_restored", report.bytesWritten)
      line.member("bytes_skipped", report.bytesEqual)
      line.member("bytes_zeroed", report.bytesZeroed)
      line.member("bytes_unused", report.bytesLeft)
      line.member("verified", report.isVerified)
      line.member("error_count", report.problems)
    }
  }
}
