import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport

@testable import CairnKit

/// A tree to store without a file system under it.
indirect enum SampleNode: Sendable {
  case file([UInt8])
  case directory([String: SampleNode])
  case link(String)
  /// Anything else: the node as it is, but for its name; its content is stored if there is any.
  case custom(Node, [UInt8]?)
  /// The same at another modification time (seconds).
  case touched(SampleNode, Int64)
}

/// Stores sample trees as snapshots, through the real session writer.
struct SampleStore {
  let repository: Repository
  /// Bytes of a chunk; files are cut at multiples of it.
  var chunk = 20_000

  func snapshot(
    _ root: [String: SampleNode], time: Int64 = 1_700_000_000, base: Snapshot? = nil, deltaRoot: [(String, NodeFlags)]? = nil,
    series: SeriesID = .zero
  ) throws -> Snapshot {
    let description = SessionDescription(series: nil, client: .zero)
    let session = try SessionWriter.begin(repository, description: description, context: RunContext())
    return try session.run { session in
      let worker = session.makeWorker()
      let built = try store(root, worker)
      var manifest = Manifest(
        session: .zero, time: Timestamp(seconds: time, nanoseconds: 0), root: built.id, kind: base == nil ? .full : .incremental,
        series: series,
        base: base?.id, client: .zero, started: .zero)
      if let deltaRoot {
        var builder = DirectoryBuilder(keys: repository.keys)
        for (name, flag) in deltaRoot {
          var node = Node(name: Array(name.utf8), type: .file)
          node.flags = flag
          try builder.append(node) { try worker.put($1, $0) }
        }
        manifest.deltaRoot = try builder.finish { try worker.put($1, $0) }.id
      }
      try worker.flush()
      return try session.commit(manifest)
    }
  }

  private func store(_ entries: [String: SampleNode], _ worker: BlobWorker) throws -> InnerItem {
    var builder = DirectoryBuilder(keys: repository.keys)
    let names = entries.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    for name in names {
      guard let entry = entries[name] else { continue }
      try builder.append(try node(Array(name.utf8), entry, worker)) { try worker.put($1, $0) }
    }
    return try builder.finish { try worker.put($1, $0) }
  }

  private func node(_ name: [UInt8], _ entry: SampleNode, _ worker: BlobWorker) throws -> Node {
    switch entry {
    case .file(let bytes):
      var node = Node(name: name, type: .file)
      node.mode = 0o644
      node.mtime = Timestamp(seconds: 1_600_000_000, nanoseconds: 0)
      try fill(&node, bytes, worker)
      return node
    case .directory(let entries):
      var node = Node(name: name, type: .directory)
      node.mode = 0o755
      node.mtime = Timestamp(seconds: 1_600_000_000, nanoseconds: 0)
      let built = try store(entries, worker)
      (node.subtree, node.subtreeEntries, node.subtreeBytes) = (built.id, built.entries, built.bytes)
      return node
    case .link(let target):
      var node = Node(name: name, type: .symbolicLink)
      node.mode = 0o777
      node.linkTarget = Array(target.utf8)
      return node
    case .custom(var node, let content):
      node.name = name
      if let content { try fill(&node, content, worker) }
      return node
    case .touched(let other, let seconds):
      var node = try node(name, other, worker)
      node.mtime = Timestamp(seconds: seconds, nanoseconds: 0)
      return node
    }
  }

  private func fill(_ node: inout Node, _ bytes: [UInt8], _ worker: BlobWorker) throws {
    node.size = UInt64(bytes.count)
    var items: [ContentItem] = []
    for start in stride(from: 0, to: bytes.count, by: chunk) {
      let piece = Array(bytes[start..<min(start + chunk, bytes.count)])
      items.append(ContentItem(length: UInt64(piece.count), id: try worker.put(piece, .data)))
    }
    var list = ListBuilder()
    for item in items { try list.append(item) { try worker.put($1, $0) } }
    node.content = try list.finish { try worker.put($1, $0) }
  }
}

extension SampleNode {
  /// A file of reproducible noise.
  static func noise(_ seed: UInt64, _ count: Int) -> SampleNode {
    var random = SplitMix64(seed: seed)
    return .file(random.bytes(count))
  }
}

func text(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
func components(_ path: String) -> [[UInt8]] { path.split(separator: "/").map { Array($0.utf8) } }
