import CairnFormat
import CairnSystem

import struct SystemPackage.Errno

/// One worker thread of a backup: reads what the walker hands on, stores the content, fills the slots, and feeds the directories
/// that become complete by it.
struct EntryWorker {
  private let run: BackupRun
  private let worker: BlobWorker
  private let content: ContentReader
  private var nodes: NodeReader
  private var buffer: PooledBuffer
  private var tally = Tally()

  init(_ run: BackupRun, _ worker: BlobWorker) {
    self.run = run
    self.worker = worker
    content = ContentReader(run: run)
    nodes = NodeReader(run.accounts)
    buffer = run.buffers.take()
  }

  /// Works until there is nothing more to do.
  mutating func work() throws {
    while let task = run.queue.pop() {
      switch task {
      case .chunks(let jobs): try ChunkJob.process(jobs, worker, run)
      case .item(let item):
        try work(item)
        run.queue.finishItem()
      }
    }
    try worker.flush()
    run.tally.add(tally)
  }

  private mutating func work(_ item: WorkItem) throws {
    switch item {
    case .feed(let directory): try feed(directory)
    case .entries(let batch):
      if let first = batch.jobs.first { run.context.counters.setCurrent(first.absolutePath) }
      for job in batch.jobs {
        try run.context.cancellation.check()
        try process(job)
      }
    }
  }

  // MARK: - Directories

  private mutating func feed(_ start: DirectoryAssembly) throws {
    var directory = start
    while let result = try directory.feed(run.backlog, { [worker] in try worker.put($1, $0) }) {
      let action = tally.count(result.node, base: directory.base)
      run.report(directory.path.bytes(), action, 0, isDirectory: true)
      guard let slot = directory.parent else { return run.root.set(result) }
      guard let next = slot.resolve(result.node, delta: result.delta) else { return }
      directory = next
    }
  }

  // MARK: - Entries

  private mutating func process(_ job: EntryJob) throws {
    let node = try read(job)
    try settle(job, node)
    guard let key = job.linkKey else { return }
    for waiting in run.links.finished(key, node, links: job.status.linkCount) {
      if let node, HardLinks.fits(node, waiting.status), !node.flags.contains(.changedWhileRead) {
        try settle(waiting, node.named(waiting.name))
      } else {
        try settle(waiting, try read(waiting))
      }
    }
  }

  private mutating func settle(_ job: EntryJob, _ node: Node?) throws {
    if let node {
      let action = tally.count(node, base: job.base)
      run.report(job.absolutePath, action, node.size)
    }
    if job.status.type == .regular { run.context.counters.filesDone.add() }
    if let directory = job.slot.resolve(node) { try feed(directory) }
  }

  /// Describes the entry; nil when it is gone or cannot be read. Errors of the source end here.
  private mutating func read(_ job: EntryJob) throws -> Node? {
    run.hooks?.reached(.examined, path: job.absolutePath)
    var job = job
    for _ in 0..<3 {
      do {
        if job.status.type == .regular {
          if let node = try readFile(job) { return node }
        } else if let node = try readSpecial(job) {
          return node
        }
        // Something else took the name meanwhile: look again.
        job.status = try FileSystem.status(at: job.directory, name: job.name)
        guard job.status.type != .directory else {
          return problem(job, "reading", "it was replaced by a directory while the backup ran")
        }
      } catch let error as FileError {
        // Gone since the walker saw it: as if the backup had begun a little later.
        if error.errno == .noSuchFileOrDirectory { return nil }
        return problem(job, error.operation, error.reason)
      }
    }
    return problem(job, "reading", "it keeps being replaced")
  }

  private func problem(_ job: EntryJob, _ during: String, _ message: String) -> Node? {
    run.context.problem(job.absolutePath, during: during, message)
    job.slot.group.directory.markPartial()
    return nil
  }

  // MARK: - Files

  /// Reads a regular file; nil when the name does not lead to one any more.
  private mutating func readFile(_ job: EntryJob) throws -> Node? {
    let file: OpenFile
    do { file = try OpenFile.open(job.name, at: job.directory, .source) } catch {
      // A link (ELOOP), a socket (ENXIO) or a directory (EISDIR) took the name. Links are never followed.
      if [.tooManySymbolicLinkLevels, .noSuchAddressOrDevice, .isDirectory, .operationNotSupportedByDevice].contains(error.errno) {
        return nil
      }
      throw error
    }
    run.hooks?.reached(.opened, path: job.absolutePath)
    var changes = 0
    while true {
      let before = try file.status()
      // Opened without blocking, and not read if it is no file: a fifo or device that took the name does no harm.
      guard before.type == .regular else { return nil }
      var node = nodes.node(job.name, before)
      if job.inheritsContent, let base = job.base, Self.isSame(before, job.status) {
        node.content = base.content
      } else {
        try readContent(file, before, into: &node)
      }
      run.hooks?.reached(.read, path: job.absolutePath)
      try readAttributes(file, job, into: &node)
      let after = try file.status()
      if Self.isSame(before, after) { return node }
      changes += 1
      guard changes == 2 else { continue }
      node.flags.insert(.changedWhileRead)
      run.context.sink.report(
        .message("'\(Escaping.terminal(job.absolutePath))' changed while it was read; the snapshot holds what was read and says so."))
      return node
    }
  }

  private mutating func readContent(_ file: OpenFile, _ status: FileStatus, into node: inout Node) throws {
    let result = try content.read(file, status, &buffer, worker)
    node.content = result.content
    node.size = result.length
    tally.bytesRead += result.read
  }

  private func readAttributes(_ file: OpenFile, _ job: EntryJob, into node: inout Node) throws {
    node.inodeFlags = try file.inodeFlags()
    guard let attributes = NodeReader.attributes(try file.extendedAttributes()) else {
      run.context.problem(job.absolutePath, during: "reading the extended attributes", "together they exceed 1 MiB; they are left out")
      return
    }
    node.extendedAttributes = attributes
  }

  /// Whether it is the same file, and nothing wrote to it or changed its metadata, between two looks.
  private static func isSame(_ before: FileStatus, _ after: FileStatus) -> Bool {
    before.size == after.size && before.mtime == after.mtime && before.ctime == after.ctime && before.inode == after.inode
      && before.device == after.device
  }

  // MARK: - Everything else

  /// Describes a link, fifo, socket or device, none of which is opened; nil when the name leads to something else by now.
  private mutating func readSpecial(_ job: EntryJob) throws -> Node? {
    var node = nodes.node(job.name, job.status)
    if job.status.type == .symbolicLink {
      do { node.linkTarget = try FileSystem.readLink(at: job.directory, name: job.name) } catch {
        if error.errno == .invalidArgument { return nil }
        throw error
      }
      node.size = UInt64(node.linkTarget.count)
    }
    node.extendedAttributes = try specialAttributes(job)
    return node
  }

  private func specialAttributes(_ job: EntryJob) throws -> [NodeAttribute] {
    do {
      if let attributes = NodeReader.attributes(try FileSystem.extendedAttributes(at: job.directory, name: job.name)) { return attributes }
      run.context.problem(job.absolutePath, during: "reading the extended attributes", "together they exceed 1 MiB; they are left out")
    } catch {
      // They are read through /proc. Where that is missing there are none to be had; an entry that is gone is told apart by its status.
      _ = try FileSystem.status(at: job.directory, name: job.name)
      guard error.errno != .noSuchFileOrDirectory else { return [] }
      run.context.problem(job.absolutePath, during: error.operation, error.reason)
    }
    return []
  }
}
