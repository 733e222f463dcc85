import CairnFormat
import CairnSystem
import Glibc

/// Backing up what comes through a descriptor or from a program, as one file.
extension Archiver {
  /// Stores the stream under `input.name` and the directories that lead there.
  ///
  /// - Throws: `CairnError(.failed)` when the program cannot be started or fails: its output is not to be trusted then.
  func archive(_ input: BackupOptions.StandardInput, base: Snapshot?) throws -> Outcome {
    let names = SourcePlan.source(input.name, workingDirectory: [0x2f]).stored
    guard let name = names.last else {
      throw CairnError(.usage, "'\(Escaping.terminal(input.name))' is no name for a file.")
    }
    let run = try makeRun(workers: 1)
    let worker = session.makeWorker()
    var buffer = run.buffers.take()
    let (stream, process) = try open(input.origin)
    var nodes = NodeReader(accounts)
    var node = Self.blankNode(name, .file, 0o600, &nodes)
    let content: ContentReader.Result
    do { content = try ContentReader(run: run).read(stream: stream, &buffer, worker) } catch let error as FileError {
      throw CairnError(.failed, "Reading the standard input failed: \(error.reason).")
    }
    try process.map { try Self.requireSuccess($0, input.origin) }
    node.content = content.content
    node.size = content.length
    var tally = Tally()
    tally.bytesRead = content.read
    run.report(input.name, tally.count(node, base: nil), node.size)
    run.context.counters.filesDone.add()
    var root: InnerItem?
    for depth in names.indices.reversed() {
      var builder = DirectoryBuilder(keys: run.keys)
      try builder.append(node, store: { try worker.put($1, $0) })
      let tree = try builder.finish(store: { try worker.put($1, $0) })
      root = tree
      guard depth > 0 else { break }
      node = Self.blankNode(names[depth - 1], .directory, 0o755, &nodes)
      node.flags = [.partialDirectory]
      node.subtree = tree.id
      node.subtreeEntries = tree.entries
      node.subtreeBytes = tree.bytes
      _ = tally.count(node, base: nil)
    }
    try worker.flush()
    guard let root else { throw CairnError(.failed, "The standard input has no place in the snapshot.") }
    return Outcome(root: root.id, rootNode: nil, delta: nil, isUnchanged: false, tally: tally, excludedSources: 0)
  }

  static func blankNode(_ name: [UInt8], _ type: NodeType, _ mode: UInt32, _ nodes: inout NodeReader) -> Node {
    var node = Node(name: name, type: type)
    node.mode = mode
    node.uid = Host.userID
    node.gid = Host.groupID
    node.mtime = Timestamp(SystemClock.now())
    (node.user, node.group) = nodes.names(uid: node.uid, gid: node.gid)
    return node
  }

  private func open(_ origin: BackupOptions.StandardInput.Origin) throws -> (OpenFile, ChildProcess?) {
    switch origin {
    case .descriptor(let descriptor):
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
      guard copy >= 0 else { throw CairnError(.failed, "The standard input is not open.") }
      return (OpenFile(adopting: copy, path: Array("standard input".utf8)), nil)
    case .command(let command):
      do {
        let process = try ChildProcess.spawn(.arguments(command.map { Array($0.utf8) }), captureStandardOutput: true)
        guard let output = process.standardOutput else { throw CairnError(.failed, "The program has no output.") }
        return (output, process)
      } catch let error as FileError {
        throw CairnError(.failed, "The program '\(Escaping.terminal(error.path))' cannot be started: \(error.reason).")
      }
    }
  }

  private static func requireSuccess(_ process: ChildProcess, _ origin: BackupOptions.StandardInput.Origin) throws {
    guard case .command(let command) = origin else { return }
    let name = Escaping.terminal(Array((command.first ?? "").utf8))
    let status: ExitStatus
    do { status = try process.wait() } catch { throw CairnError(.failed, "How '\(name)' ended cannot be told: \(error.reason).") }
    switch status {
    case .exited(0): return
    case .exited(let code): throw CairnError(.failed, "'\(name)' failed with exit status \(code), so no snapshot was made.")
    case .signaled(let signal): throw CairnError(.failed, "'\(name)' was ended by signal \(signal), so no snapshot was made.")
    }
  }
}
