package import CairnFormat
import CairnSystem
import Synchronization

/// What an archive could not hold or be made of.
package struct TarReport: Sendable, Equatable {
  /// Entries written.
  package var entries: UInt64 = 0
  /// Sockets, which the format has no place for, and directories that could not be read.
  package var problems: UInt64 = 0
}

extension RepositoryView {
  /// Streams an entry, with everything below it, as a tar archive (pax format): long names, sizes above 8 GiB, nanoseconds, extended
  /// attributes with ACLs, hard links and devices included. Holes are written as zeros.
  ///
  /// Sockets are left out, and directories that cannot be read are empty; both are problems of the context.
  /// - Parameters:
  ///   - node: the entry to begin with; a directory comes as "./" and its entries by their names, unless there is a prefix.
  ///   - prefix: components put before every name; they are then the name of the entry itself.
  ///   - receive: gets the archive in order, on the calling thread.
  /// - Throws: `CairnError(.damaged)` when a file cannot be read: the archive is incomplete then; what `receive` throws; `CancellationError`.
  package func writeTar(
    _ node: Node, prefix: [[UInt8]] = [], context: RunContext = RunContext(), to receive: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> TarReport {
    let report = Mutex(TarReport())
    let trees = trees
    let produce: @Sendable (ContentStream.Sink) throws -> Void = { sink in
      var producer = TarProducer(trees: trees, context: context, sink: sink)
      try producer.produce(node, prefix)
      report.withLock { [done = producer.report] in $0 = done }
    }
    try ContentStream(self, context).run(produce, receive)
    return report.withLock { $0 }
  }
}

/// Turns a tree into the pieces of an archive.
private struct TarProducer {
  /// What tells hard links of one file apart from others.
  private struct FileKey: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  let trees: TreeReader
  let context: RunContext
  let sink: ContentStream.Sink
  var report = TarReport()
  private var written: UInt64 = 0
  /// First paths of files with several links, until all of them have come by. Above a million of them, further links are written as files.
  private var firstLinks: [FileKey: (path: [UInt8], left: UInt32)] = [:]
  private static let maximumLinks = 1 << 20

  init(trees: TreeReader, context: RunContext, sink: ContentStream.Sink) {
    self.trees = trees
    self.context = context
    self.sink = sink
  }

  mutating func produce(_ node: Node, _ prefix: [[UInt8]]) throws {
    let name = Array(prefix.joined(separator: [0x2f]))
    try add(node, name.isEmpty ? (node.type == .directory ? [0x2e] : node.name) : name)
    if node.type == .directory, let tree = node.subtree {
      var walk = TreeWalk(trees, root: tree, path: name)
      while let entry = try walk.next({ path, error in self.problem(path, "reading", error.message) }) {
        try context.cancellation.check()
        try add(entry, name.isEmpty ? Array(walk.path.dropFirst()) : walk.path)
      }
    }
    try finish()
  }

  private mutating func add(_ node: Node, _ path: [UInt8]) throws {
    guard node.type != .socket else {
      return problem(path, "archiving", "it is a socket, which a tar archive cannot hold")
    }
    let target = linkTarget(node, path)
    try emit(TarHeader.encode(TarHeader.Entry(path: path, node: node, hardLinkTarget: target)))
    report.entries += 1
    guard node.type == .file, target == nil else { return }
    context.counters.filesDone.add()
    try sink.add(contentOf: node, trees)
    written &+= node.size
    try emit([UInt8](repeating: 0, count: TarHeader.padding(node.size)))
  }

  /// The path of an earlier link to the same file.
  private mutating func linkTarget(_ node: Node, _ path: [UInt8]) -> [UInt8]? {
    guard node.links > 1, node.type != .directory else { return nil }
    let key = FileKey(device: node.device, inode: node.inode)
    guard let first = firstLinks[key] else {
      if firstLinks.count < Self.maximumLinks { firstLinks[key] = (path, node.links - 1) }
      return nil
    }
    firstLinks[key] = first.left > 1 ? (first.path, first.left - 1) : nil
    return first.path
  }

  private mutating func emit(_ bytes: [UInt8]) throws {
    guard !bytes.isEmpty else { return }
    written &+= UInt64(bytes.count)
    try sink.add(.bytes(bytes))
  }

  /// Two empty blocks, then zeros up to the record size of tar, 10 KiB.
  private mutating func finish() throws {
    let end = written &+ 1024
    try emit([UInt8](repeating: 0, count: 1024 + Int((10240 - end % 10240) % 10240)))
  }

  private mutating func problem(_ path: [UInt8], _ during: String, _ message: String) {
    report.problems += 1
    context.problem(SnapshotPath.display(path), during: during, message)
  }
}
