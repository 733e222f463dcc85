import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// Fetches the content of files: takes windows from the walk and has the workers compare, fetch, verify and write.
///
/// While the workers are busy with one window the walk fills the next, and one may wait between them.
final class ContentStage: Sendable {
  let windows = BoundedQueue<ContentWindow>(capacity: 1)
  private let run: RestoreRun
  private let team: WorkerTeam

  /// Files to be finished without fetching anything are handed out in such numbers.
  private static let finishBatch = 32
  /// Bytes of an existing file that one worker compares at a time.
  private static let comparedBytes: UInt64 = 32 << 20

  init(_ run: RestoreRun) {
    self.run = run
    team = WorkerTeam(count: max(1, run.context.threads ?? Host.processorCount))
  }

  func start(in scope: ThreadScope) {
    scope.onFailure { [self] in
      team.stop()
      windows.cancel()
    }
    team.start(in: scope)
    scope.spawn("restore-plan") { [self] in
      defer { team.close() }
      while let window = windows.pop() { try handle(window) }
    }
  }

  private func handle(_ window: ContentWindow) throws {
    let isEqual = try compare(window)
    if run.options.dryRun {
      window.pieces = []
    } else {
      window.locate(in: run.view.blobs.index, isEqual: isEqual)
    }
    var counts = [Int](repeating: 0, count: window.files.count)
    for piece in window.pieces { counts[Int(piece.file)] += 1 }
    for (file, count) in zip(window.files, counts) where count > 0 { file.addPieces(count) }
    let ready = window.complete.map { window.files[Int($0)] }.filter { $0.complete() }
    try finish(ready)
    let jobs = window.fetchJobs(workers: team.count)
    let fetch = FrameFetch(run, window)
    try team.run(jobs.count) { worker, number in try fetch.run(jobs[number], worker) }
  }

  private func finish(_ files: [PendingFile]) throws {
    let run = run
    let size = Self.finishBatch
    try team.run((files.count + size - 1) / size) { _, number in
      for file in files[(number * size)..<min(files.count, number * size + size)] {
        try run.context.cancellation.check()
        try run.finish(file)
      }
    }
  }

  // MARK: - Comparing

  private struct CompareJob {
    var file: UInt32
    var pieces: Range<Int>
    var holes: Range<Int>
  }

  /// Compares pieces with existing files.
  ///
  /// - Returns: for each piece whether the existing file has it; empty when there is nothing to compare.
  private func compare(_ window: ContentWindow) throws -> [Bool] {
    let jobs = compareJobs(window)
    guard !jobs.isEmpty else { return [] }
    let equal = EqualFlags(window.pieces.count)
    let run = run
    try team.run(jobs.count) { worker, number in
      let job = jobs[number]
      try ExistingContent(run, window.files[Int(job.file)], worker)
        .compare(window.pieces[job.pieces], window.holes[job.holes], equal)
    }
    return equal.values
  }

  private func compareJobs(_ window: ContentWindow) -> [CompareJob] {
    var jobs: [CompareJob] = []
    var piece = 0
    var hole = 0
    for (number, file) in window.files.enumerated() {
      let file32 = UInt32(number)
      let firstHole = hole
      while hole < window.holes.count, window.holes[hole].file == file32 { hole += 1 }
      if hole > firstHole { jobs.append(CompareJob(file: file32, pieces: 0..<0, holes: firstHole..<hole)) }
      var first = piece
      var bytes: UInt64 = 0
      while piece < window.pieces.count, window.pieces[piece].file == file32 {
        bytes += UInt64(window.pieces[piece].length)
        piece += 1
        if file.comparison == .content, bytes >= Self.comparedBytes {
          jobs.append(CompareJob(file: file32, pieces: first..<piece, holes: 0..<0))
          first = piece
          bytes = 0
        }
      }
      if file.comparison == .content, piece > first { jobs.append(CompareJob(file: file32, pieces: first..<piece, holes: 0..<0)) }
    }
    return jobs
  }
}

/// One flag for each piece of a window, set by several threads, each at its own places.
final class EqualFlags: @unchecked Sendable {
  // Unchecked: no two jobs share a piece, and the flags are read after all jobs are done.
  private let flags: UnsafeMutableBufferPointer<Bool>

  init(_ count: Int) {
    flags = .allocate(capacity: count)
    flags.initialize(repeating: false)
  }

  deinit { flags.deallocate() }

  func set(_ index: Int) { flags[index] = true }
  var values: [Bool] { Array(flags) }
}
