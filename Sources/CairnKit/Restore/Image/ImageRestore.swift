import CairnFormat
import CairnSystem
import SystemPackage

extension Repository {
  /// Opens the target of an image and finds out whether it may be written to. Nothing is written yet.
  ///
  /// - Throws: `CairnError`: `.notFound` and `.usage` when the snapshot has no such image, `.failed` for a target in use or too small.
  public func prepareImageRestore(_ options: ImageRestoreOptions) throws -> ImageRestore {
    let view = try loadView()
    let node = try ImageNode.find(options, view)
    let target = try ImageTarget(options.target, bytes: node.node.size, dryRun: options.dryRun)
    return ImageRestore(repository: self, view: view, options: options, image: node, target: target)
  }
}

/// An image about to be written. The target stays open, and a device held exclusively, as long as this exists.
public struct ImageRestore: Sendable {
  let repository: Repository
  let view: RepositoryView
  let options: ImageRestoreOptions
  let image: ImageNode
  let target: ImageTarget

  /// What is lost by writing, for the question whether that is meant; nil when nothing is.
  public var loss: String? {
    guard !target.isFresh else { return nil }
    let name = Escaping.terminal(target.path)
    guard let device = target.device, let number = target.number else { return "the file '\(name)' (\(target.existingBytes) bytes)" }
    let table = DeviceTable()
    let model = table.model(number)
    var text = table.isPartition(number) ? "the partition" : "the disk"
    text += " '\(name)' (\(device.bytes) bytes"
    if !model.isEmpty { text += ", \(Escaping.terminal(model))" }
    // `try?`: it is only shown.
    let found = try? PartitionTable.read(size: device.bytes, sector: device.logicalSector) { try ImageIO.bytes(target.file, $0, $1) }
    if let found {
      text += ", \(found.partitions.count) partition\(found.partitions.count == 1 ? "" : "s")"
    } else if let probe = (try? ImageIO.bytes(target.file, 0, VolumeProbe.wantedBytes)).flatMap({ VolumeProbe($0) }) {
      text += ", \(probe.kind)"
      if !probe.label.isEmpty { text += " '\(Escaping.terminal(probe.label))'" }
    }
    return text + ")"
  }

  /// Writes the image.
  ///
  /// - Returns: what was done; problems with single chunks have been reported and are counted, everything else is written.
  /// - Throws: `CairnError` when the target fails; `CancellationError`. What was written stays; the same again goes on.
  public func run(context: RunContext) throws -> ImageRestoreReport {
    let started = SystemClock.monotonicNanoseconds()
    for problem in view.problems { context.sink.report(.problem(problem)) }
    var restore = RestoreOptions(snapshot: options.snapshot, target: options.target)
    restore.dryRun = options.dryRun
    // Zeros need not be written where there are none but zeros.
    restore.sparse = target.isFresh
    let run = try RestoreRun(repository, view, restore, context)
    warn(context)
    context.counters.filesTotal.set(1)
    context.counters.bytesTotal.set(image.node.size)
    context.counters.totalsKnown.set(1)
    do {
      if !options.dryRun, !target.isFresh { try target.setLength(image.node.size) }
      try writeContent(run)
      var report = ImageRestoreReport()
      report.bytes = image.node.size
      report.bytesWritten = options.dryRun ? 0 : run.tally.bytesRestored.value
      report.bytesEqual = run.tally.bytesSkipped.value
      let holes = ImageHoles(run, image, target, zeroFree: options.zeroFree)
      try treatHoles(holes, &report)
      if options.dryRun { report.bytesWritten = holes.contentBytes - min(report.bytesEqual, holes.contentBytes) }
      if !options.dryRun { try finish(run, holes, &report) }
      context.counters.filesDone.add()
      report.problems = run.losses.problems
      report.seconds = Double(SystemClock.monotonicNanoseconds() &- started) / 1e9
      return report
    } catch let error as FileError {
      try run.stopIfHopeless(error)
      throw CairnError(
        .failed, "Writing to '\(Escaping.terminal(target.path))' failed (\(error.operation)): \(error.reason).",
        guidance: "What was written stays: run the same command again once the cause is gone.")
    }
  }

  private func warn(_ context: RunContext) {
    guard let device = target.device, let record = image.record else { return }
    if record.logicalSector != 0, record.logicalSector != device.logicalSector, record.table == .gpt {
      context.sink.report(
        .warning(
          "The image is of a disk with sectors of \(record.logicalSector) bytes, the target has sectors of \(device.logicalSector): "
            + "its partition table will not be understood there."))
    }
    if device.bytes > image.node.size, record.table == .gpt, record.source == .disk {
      context.sink.report(
        .message("The target is larger than the image: 'sgdisk -e' or 'sfdisk --relocate gpt-bak-std' moves the second table to its end."))
    }
  }

  private func writeContent(_ run: RestoreRun) throws {
    let directory = RestoredDirectory(name: image.folder, parent: nil, status: nil, inheritance: .unknown)
    let file = PendingFile(
      directory: directory, node: image.node, existing: nil, comparison: target.isFresh ? .none : .content, link: nil,
      destination: target.file)
    run.context.counters.setCurrent(image.path)
    try ThreadScope.run { scope in
      let content = ContentStage(run)
      content.start(in: scope)
      var planner = ContentPlanner(run, content.windows)
      try planner.plan(file, image.node)
      try planner.flush()
      content.windows.close()
    }
  }

  private func treatHoles(_ holes: ImageHoles, _ report: inout ImageRestoreReport) throws {
    // What is fresh has zeros everywhere.
    let mode: ImageHoles.Mode = target.isFresh ? .nothing : options.dryRun ? .count : .zero
    (report.bytesZeroed, report.bytesLeft) = try holes.treat(mode)
  }

  private func finish(_ run: RestoreRun, _ holes: ImageHoles, _ report: inout ImageRestoreReport) throws {
    if target.isFresh { try target.setLength(image.node.size) }
    try target.file.synchronize()
    if options.verify {
      // What is compared is what the device has, as far as the kernel allows.
      target.file.advise(.dontNeed)
      run.context.sink.report(.message("Verifying what was restored."))
      let verification = RestoreVerification(run, image.node, target.file)
      try verification.verify(image.node, in: target.file, path: image.path)
      let (wrong, _) = try holes.treat(target.isFresh ? .nothing : .count)
      if wrong > 0 { run.losses.problem(image.path, during: "verifying", "\(wrong) bytes that should be zeros are not") }
      report.isVerified = true
    }
    try target.place()
    guard let number = target.number, image.record?.table != nil, !DeviceTable().isPartition(number) else { return }
    do throws(FileError) { try target.file.rereadPartitions() } catch {
      // EINVAL: a device without partitions, such as a loop device that was not asked for them.
      guard error.errno != .invalidArgument else { return }
      run.context.sink.report(
        .message("The kernel does not read the new partition table (\(error.reason)): 'partprobe', or the next boot, makes it."))
    }
  }
}

/// Small reads of a target.
enum ImageIO {
  static func bytes(_ file: OpenFile, _ offset: UInt64, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    return Array(bytes[..<got])
  }
}
