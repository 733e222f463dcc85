import CairnFormat
import CairnKit
import CairnSystem

/// A tree of files with one blob each, whose content follows from the file's number; stored as two snapshots, the second without an
/// eighth of it.
///
/// Nothing of it is ever a file: blobs, tree nodes and manifests are made here, and stored as every backup stores them. Holds one
/// directory a thread.
struct SyntheticTree: Sendable {
  static let filesInDirectory = 500
  static let branches = 16
  /// Blobs that share a frame, as small files do.
  static let groupBlobs = 4

  let repository: Repository
  let blobs: Int

  private var directories: Int { (blobs + Self.filesInDirectory - 1) / Self.filesInDirectory }
  private var client: ClientID { ClientID(word0: 1, word1: 2) }
  private var series: SeriesID { SeriesID(word0: 3, word1: 4) }

  /// The bytes of a file.
  static func content(_ number: Int) -> [UInt8] {
    var state = UInt64(truncatingIfNeeded: number) &* 0x2545_f491_4f6c_dd1d
    return [UInt8](unsafeUninitializedCapacity: 96) { bytes, count in
      for place in stride(from: 0, to: 96, by: 8) {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        UnsafeMutableRawBufferPointer(bytes).storeBytes(of: word ^ (word >> 31), toByteOffset: place, as: UInt64.self)
      }
      count = 96
    }
  }

  func store() throws {
    let all = try write { session in try branches(session) }
    _ = try write(base: all.snapshot) { _ in Array(all.nodes.dropFirst(Self.branches / 8)) }
  }

  // MARK: - Snapshots

  private func write(base: Snapshot? = nil, _ makeBranches: (SessionWriter) throws -> [Node]) throws -> (snapshot: Snapshot, nodes: [Node])
  {
    var options = WriterOptions()
    options.packs.compression = .off
    options.packs.readBack = false
    let description = SessionDescription(series: series, client: client)
    return try SessionWriter.write(to: repository, description: description, options: options, context: RunContext()) { session in
      let started = Timestamp(SystemClock.now())
      let nodes = try makeBranches(session)
      let worker = session.makeWorker()
      let root = try directory(nodes, worker)
      try worker.flush()
      try session.flush()
      var manifest = Manifest(
        session: session.session, time: Timestamp(SystemClock.now()), root: root.id, kind: base == nil ? .full : .incremental,
        series: series, base: base?.id, client: client, started: started)
      manifest.paths = [Array("/synthetic".utf8)]
      manifest.statistics.filesTotal = root.entries
      manifest.statistics.bytesProcessed = root.bytes
      return (try session.commit(manifest), nodes)
    }
  }

  // MARK: - Directories

  /// The directories at the top, made by as many threads as there are processors.
  private func branches(_ session: SessionWriter) throws -> [Node] {
    let nodes = Monitor<[Int: Node]>([:])
    let threads = Host.processorCount
    try ThreadScope.run { scope in
      for thread in 0..<threads {
        scope.spawn("branches \(thread)") {
          let worker = session.makeWorker()
          for branch in stride(from: thread, to: Self.branches, by: threads) {
            let node = try self.branch(branch, worker)
            nodes.withLock { $0[branch] = node }
          }
          try worker.flush()
        }
      }
    }
    return nodes.withLock { nodes in (0..<Self.branches).compactMap { nodes[$0] } }
  }

  private func branch(_ number: Int, _ worker: BlobWorker) throws -> Node {
    let range = directories * number / Self.branches..<directories * (number + 1) / Self.branches
    var builder = DirectoryBuilder(keys: repository.keys)
    for directory in range {
      let files = directory * Self.filesInDirectory..<min(blobs, (directory + 1) * Self.filesInDirectory)
      var leaf = DirectoryBuilder(keys: repository.keys)
      for file in files { try leaf.append(self.file(file, worker), store: { try worker.put($1, $0) }) }
      let tree = try leaf.finish(store: { try worker.put($1, $0) })
      try builder.append(node("d", directory, tree), store: { try worker.put($1, $0) })
    }
    return node("branch", number, try builder.finish(store: { try worker.put($1, $0) }))
  }

  private func directory(_ nodes: [Node], _ worker: BlobWorker) throws -> InnerItem {
    var builder = DirectoryBuilder(keys: repository.keys)
    for node in nodes { try builder.append(node, store: { try worker.put($1, $0) }) }
    return try builder.finish(store: { try worker.put($1, $0) })
  }

  private func file(_ number: Int, _ worker: BlobWorker) throws -> Node {
    let content = Self.content(number)
    let id = try worker.put(content, .data)
    if number % Self.groupBlobs == Self.groupBlobs - 1 { try worker.flush() }
    var node = Node(name: Self.name("f", number), type: .file)
    node.mode = 0o644
    node.mtime = Timestamp(seconds: 1_700_000_000 + Int64(number), nanoseconds: 0)
    node.ctime = node.mtime
    node.inode = UInt64(number) + 1000
    node.size = UInt64(content.count)
    node.content = .items([ContentItem(length: node.size, id: id)])
    return node
  }

  private func node(_ prefix: String, _ number: Int, _ tree: InnerItem) -> Node {
    var node = Node(name: Self.name(prefix, number), type: .directory)
    node.mode = 0o755
    node.subtree = tree.id
    node.subtreeEntries = tree.entries
    node.subtreeBytes = tree.bytes
    return node
  }

  /// Of one length, so that names sort as numbers do.
  private static func name(_ prefix: String, _ number: Int) -> [UInt8] {
    let digits = Array(String(number).utf8)
    return Array(prefix.utf8) + [UInt8](repeating: 0x30, count: max(0, 9 - digits.count)) + digits
  }
}
