import CairnFormat
import CairnSystem

/// Backing up a disk, a partition or a file of one, as one file.
extension Archiver {
  /// Stores the image under its path and the directories that lead there.
  ///
  /// One thread reads, the others hash, compress and seal, as with a big file: memory is that of `archive(_:base:)` for sources.
  /// - Throws: `CairnError` when the image cannot be read, vanishes or changes its size: a part of a disk is no backup.
  func archive(_ image: BackupOptions.Image, base: Snapshot?) throws -> Outcome {
    let place = SourcePlan.source(image.path, workingDirectory: try BackupSources.workingDirectory(options, [image.path]))
    let path = PathNode.absolute(place.absolute).bytes()
    guard let name = place.stored.last else { throw CairnError(.usage, "'\(Escaping.terminal(image.path))' is no disk.") }
    let source = try ImageSource(image, path: path, hooks: options.hooks)
    warnOfMounts(source)
    let plan = try ImagePlan(source, chunkBytes: chunkBytes(image, source))
    for remark in plan.remarks { context.sink.report(.message("'\(Escaping.terminal(path))': \(remark).")) }
    announce(source)
    let workers = Self.workers(context)
    let chunkBytes = plan.record.chunkBytes
    let fixed = ChunkerParameters(algorithm: ChunkerParameters.fixedSize, minimum: chunkBytes, average: chunkBytes, maximum: chunkBytes)
    let chunker: Chunker
    do { chunker = try Chunker(parameters: fixed, seed: session.repository.keys.chunkerSeed) } catch {
      throw CairnError(.usage, "Chunks of \(chunkBytes) bytes are not possible.")
    }
    let run = try makeRun(workers: workers, chunker: chunker)
    run.context.counters.setCurrent(path)
    let content = try read(source, plan, run, workers: workers)
    try source.checkSize()
    guard try !plan.isOutdated(source) else {
      throw CairnError(
        .failed, "A file system of '\(Escaping.terminal(path))' was mounted or changed while it was read. No snapshot was made.",
        guidance: "Unmount or freeze it while the image is made.")
    }
    return try finish(source, plan, run, content, place: place.stored.dropLast() + [name], base: base)
  }

  private func chunkBytes(_ image: BackupOptions.Image, _ source: ImageSource) -> UInt32 {
    // A frame holds a chunk at least; where frames are small, so are the chunks.
    let most = max(session.repository.config.chunker.maximum, 4096)
    return min(image.chunkBytes ?? ImagePlan.chunkBytes(size: source.size), most)
  }

  private func warnOfMounts(_ source: ImageSource) {
    guard let number = source.number else { return }
    for use in DeviceTable().uses(of: number) where use.mayWrite {
      context.sink.report(
        .warning(
          "'\(Escaping.terminal(source.path))': \(use.reason), and may be written to. Unless it is frozen, the image may hold a state that "
            + "never was."))
    }
  }

  private func announce(_ source: ImageSource) {
    context.counters.filesTotal.set(1)
    context.counters.bytesTotal.set(source.size)
    context.counters.totalsKnown.set(1)
    context.sink.report(.scanned(files: 1, bytes: source.size))
  }

  private func read(_ source: ImageSource, _ plan: ImagePlan, _ run: BackupRun, workers: Int) throws -> Content {
    let result = Monitor<Content?>(nil)
    // The bitmaps of the plan go to the one thread that reads.
    let box = UncheckedBox(plan)
    try ThreadScope.run { scope in
      scope.onFailure { run.queue.cancel() }
      for number in 1..<max(2, workers) where workers > 1 {
        scope.spawn("worker \(number)", stackBytes: 16 << 20) {
          var worker = EntryWorker(run, session.makeWorker())
          try worker.work()
        }
      }
      scope.spawn("image") {
        let worker = session.makeWorker()
        var reader = ExtentReader(run: run, worker: worker, buffer: run.buffers.take())
        do {
          try ImageReader(source, box.value).read(into: &reader)
          let content = try reader.finish().content
          result.withLock { $0 = content }
        } catch {
          run.queue.cancel()
          throw error
        }
        try worker.flush()
        run.queue.close()
      }
    }
    guard let content = result.withLock({ $0 }) else { throw CancellationError() }
    return content
  }

  // MARK: - The tree

  private func finish(
    _ source: ImageSource, _ plan: ImagePlan, _ run: BackupRun, _ content: Content, place: [[UInt8]], base: Snapshot?
  ) throws -> Outcome {
    var record = plan.record
    record.unreadable = source.unreadable
    for range in record.unreadable {
      context.problem(
        source.path, during: "reading", "bytes \(range.lowerBound) to \(range.upperBound - 1) cannot be read; zeros are stored for them")
    }
    var nodes = NodeReader(accounts)
    let earlier = try base.map { try self.earlier(place, in: $0) } ?? []
    let old = earlier.count == place.count ? earlier.last : nil
    var node = try self.node(place, source, record, content, old, &nodes)
    if source.wasWritten {
      node.flags.insert(.changedWhileRead)
      context.sink.report(
        .message("'\(Escaping.terminal(source.path))' changed while it was read; the snapshot holds what was read and says so."))
    }
    var tally = Tally()
    tally.bytesRead = source.bytesRead
    run.report(source.path, tally.count(node, base: old), node.size)
    run.context.counters.filesDone.add()
    let root = try store(node, place, earlier, run, &tally, &nodes)
    let isUnchanged = base.map { $0.manifest.root == root } ?? false
    return Outcome(
      root: root, rootNode: nil, delta: isUnchanged ? try emptyTree() : nil, isUnchanged: isUnchanged, tally: tally, excludedSources: 0)
  }

  private func node(
    _ place: [[UInt8]], _ source: ImageSource, _ record: ImageRecord, _ content: Content, _ old: Node?, _ nodes: inout NodeReader
  ) throws -> Node {
    var node: Node
    if source.device == nil {
      node = nodes.node(place[place.count - 1], source.status)
      node.links = 1
      node.device = 0
    } else {
      node = Self.blankNode(place[place.count - 1], .file, source.status.mode, &nodes)
      node.uid = source.status.uid
      node.gid = source.status.gid
      (node.user, node.group) = nodes.names(uid: node.uid, gid: node.gid)
    }
    node.size = source.size
    node.content = content
    do { node.image = try record.encode() } catch { throw CairnError(.failed, "What the image is cannot be recorded: \(error).") }
    if source.device != nil, let old {
      // A device has no time of its own: as long as nothing else differs, it is as old as when it was first seen like this.
      let now = node.mtime
      node.mtime = old.mtime
      if node != old { node.mtime = now }
    }
    return node
  }

  /// The nodes of the base along the path, as far as there are any.
  private func earlier(_ place: [[UInt8]], in base: Snapshot) throws -> [Node] {
    var nodes: [Node] = []
    for depth in place.indices {
      guard let node = try session.view.trees.find(Array(place[...depth]), in: base.manifest.root) else { break }
      nodes.append(node)
    }
    return nodes
  }

  private func store(
    _ image: Node, _ place: [[UInt8]], _ earlier: [Node], _ run: BackupRun, _ tally: inout Tally, _ nodes: inout NodeReader
  ) throws -> BlobID {
    let worker = session.makeWorker()
    var node = image
    for depth in place.indices.reversed() {
      var builder = DirectoryBuilder(keys: run.keys)
      try builder.append(node, store: { try worker.put($1, $0) })
      let tree = try builder.finish(store: { try worker.put($1, $0) })
      guard depth > 0 else {
        try worker.flush()
        return tree.id
      }
      let old = depth - 1 < earlier.count && earlier[depth - 1].type == .directory ? earlier[depth - 1] : nil
      node = old ?? Self.blankNode(place[depth - 1], .directory, 0o755, &nodes)
      node.flags = [.partialDirectory]
      node.subtree = tree.id
      node.subtreeEntries = tree.entries
      node.subtreeBytes = tree.bytes
      _ = tally.count(node, base: old)
    }
    throw CairnError(.failed, "The image has no place in the snapshot.")
  }
}
