import CairnFormat
import CairnSystem

/// Reads everything back and compares it with the snapshot: types, content by id, and metadata.
struct RestoreVerification {
  /// A part of one file that one thread compares.
  private struct Job: Sendable {
    var file: OpenFile
    var path: [UInt8]
    var pieces: [(offset: UInt64, length: Int, id: BlobID)]
  }

  private let run: RestoreRun
  private let start: Node
  private let target: OpenFile
  private let jobs = BoundedQueue<Job>(capacity: 8)

  /// Bytes that one job holds at the least, unless the file ends before.
  private static let jobBytes = 32 << 20

  init(_ run: RestoreRun, _ start: Node, _ target: OpenFile) {
    self.run = run
    self.start = start
    self.target = target
  }

  /// Reports each difference as a problem.
  ///
  /// - Throws: `CancellationError`.
  func verify() throws {
    run.context.sink.report(.message("Verifying what was restored."))
    try compare { try walk() }
  }

  /// Compares the content of one file, whatever else is in the target.
  ///
  /// - Throws: `CancellationError`.
  func verify(_ node: Node, in file: OpenFile, path: [UInt8]) throws {
    try compare { try queue(node, file, path, run.view.trees) }
  }

  private func compare(_ produce: () throws -> Void) throws {
    try ThreadScope.run { scope in
      scope.onFailure { [jobs] in jobs.cancel() }
      for number in 0..<max(1, run.context.threads ?? Host.processorCount) {
        scope.spawn("verify-\(number)") { [run, jobs] in
          let worker = RestoreWorker()
          while let job = jobs.pop() { try Self.compare(job, run, worker) }
        }
      }
      try produce()
      jobs.close()
    }
  }

  private static func compare(_ job: Job, _ run: RestoreRun, _ worker: RestoreWorker) throws {
    for first in stride(from: 0, to: job.pieces.count, by: 2) {
      try run.context.cancellation.check()
      let pair = Array(job.pieces[first..<min(first + 2, job.pieces.count)])
      do {
        guard let wrong = try worker.holds(job.file, pair, run.repository.keys).firstIndex(of: false) else { continue }
        run.losses.problem(job.path, during: "verifying", "the content at byte \(pair[wrong].offset) is not that of the snapshot")
        return
      } catch { return try run.note(error, job.path, during: "verifying") }
    }
  }

  // MARK: - Walking

  private func walk() throws {
    let trees = run.view.trees
    var walk = SelectedWalk(start, trees: trees, filter: run.filter)
    // Levels that only lead to something may not exist; a level that is missing takes its contents with it.
    var levels: [(node: Node, directory: OpenFile?)] = [(start, target)]
    while let event = walk.next() {
      try run.context.cancellation.check()
      guard let directory = levels[levels.count - 1].directory else {
        if case .leave = event { levels.removeLast() }
        if case .enter(let node, _) = event { levels.append((node, nil)) }
        continue
      }
      let path = { (name: [UInt8]?) in run.prefixOfTarget(start) + walk.path.flatMap { [0x2f] + $0 } + (name.map { [0x2f] + $0 } ?? []) }
      switch event {
      case .enter(let node, let selected):
        let opened = selected ? check(node, directory, path(nil)) : (try? open(node, directory))
        levels.append((node, opened))
      case .entry(let node):
        if let file = check(node, directory, path(node.name)), node.type == .file { try queue(node, file, path(node.name), trees) }
        run.tally.filesVerified.add()
      case .damaged: break  // reported when it was restored
      case .leave: levels.removeLast()
      }
    }
  }

  private func open(_ node: Node, _ directory: OpenFile) throws(FileError) -> OpenFile {
    try OpenFile.open(node.name, at: directory, node.type == .directory ? [.read, .directory, .noFollow] : .source)
  }

  /// Compares type and metadata.
  ///
  /// - Returns: the file or directory, opened, when it is one.
  private func check(_ node: Node, _ directory: OpenFile, _ path: [UInt8]) -> OpenFile? {
    do {
      let status = try FileSystem.status(at: directory, name: node.name)
      guard Self.isSame(node.type, status.type) else {
        run.losses.problem(path, during: "verifying", "it is something else than in the snapshot")
        return nil
      }
      if let difference = try difference(node, status, directory) {
        run.losses.problem(path, during: "verifying", "\(difference) differs from the snapshot")
      }
      return node.type == .file || node.type == .directory ? try open(node, directory) : nil
    } catch {
      run.losses.problem(path, during: "verifying", (error as? FileError)?.reason ?? "\(error)")
      return nil
    }
  }

  /// The first thing that differs; what could not be restored was reported then and is passed over for ordinary users.
  private func difference(_ node: Node, _ status: FileStatus, _ directory: OpenFile) throws -> String? {
    if run.options.overwrite == .never || run.options.overwrite == .ifNewer { return nil }
    if node.type == .file, status.size != node.size { return "the size" }
    if node.type == .symbolicLink, try FileSystem.readLink(at: directory, name: node.name) != node.linkTarget {
      return "the link's target"
    }
    if run.metadata.setsOwner, run.metadata.userID == 0, status.uid != node.uid || status.gid != node.gid { return "the owner" }
    if node.type != .symbolicLink, run.metadata.userID == 0, run.metadata.setsOwner, status.mode != node.mode { return "the mode" }
    if status.mtime != FileTime(seconds: node.mtime.seconds, nanoseconds: node.mtime.nanoseconds) { return "the modification time" }
    guard run.metadata.setsAttributes, run.metadata.userID == 0 else { return nil }
    let present = try FileSystem.extendedAttributes(at: directory, name: node.name)
    let isComplete = node.extendedAttributes.allSatisfy { wanted in present.contains { $0.name == wanted.name && $0.value == wanted.value }
    }
    return isComplete ? nil : "an extended attribute"
  }

  private static func isSame(_ node: NodeType, _ there: FileType) -> Bool { node.rawValue == there.rawValue }

  private func queue(_ node: Node, _ file: OpenFile, _ path: [UInt8], _ trees: TreeReader) throws {
    var cursor = trees.content(node)
    var job = Job(file: file, path: path, pieces: [])
    var offset: UInt64 = 0
    var bytes = 0
    do {
      while let item = try cursor.next() {
        if let id = item.id {
          job.pieces.append((offset, Int(item.length), id))
          bytes += Int(item.length)
        }
        offset = offset.checkedSum(item.length) ?? offset
        guard bytes >= Self.jobBytes else { continue }
        guard jobs.push(job) else { throw CancellationError() }
        job.pieces = []
        bytes = 0
      }
    } catch let error as CairnError where error.code == .damaged {
      return  // reported when it was restored
    }
    if !job.pieces.isEmpty, !jobs.push(job) { throw CancellationError() }
  }
}
