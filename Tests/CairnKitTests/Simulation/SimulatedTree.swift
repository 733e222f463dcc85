import CairnFormat
import CairnTestSupport

@testable import CairnKit

/// What a simulated client backs up: directories of files, each a few blobs of an alphabet that all clients share.
struct SimulatedTree: Equatable, Sendable {
  /// Directory, then file, then the numbers of its blobs.
  var directories: [String: [String: [Int]]] = [:]

  /// The blob of a number; larger ones lie in frames of their own, smaller ones in groups.
  static func blob(_ number: Int) -> [UInt8] {
    var random = SplitMix64(seed: UInt64(number) &* 7919)
    return random.bytes(120 + number % 7 * 150)
  }

  /// Changes a little: a file or a directory is written, replaced or removed.
  mutating func change(alphabet: Int, _ random: inout SplitMix64) {
    let directory = "d\(random.next() % 3)"
    let file = "f\(random.next() % 3)"
    switch random.next() % 8 {
    case 0: directories[directory] = nil
    case 1: directories[directory]?[file] = nil
    default:
      let blobs = (0..<(random.next() % 4)).map { _ in Int(random.next() % UInt64(alphabet)) }
      directories[directory, default: [:]][file] = blobs
    }
  }

  static func random(alphabet: Int, _ random: inout SplitMix64) -> SimulatedTree {
    var tree = SimulatedTree()
    for _ in 0..<6 { tree.change(alphabet: alphabet, &random) }
    return tree
  }

  /// Paths with what they must hold; directories end with a slash.
  var files: [String: [UInt8]] {
    var all: [String: [UInt8]] = [:]
    for (directory, files) in directories {
      all[directory + "/"] = []
      for (file, blobs) in files { all["\(directory)/\(file)"] = blobs.flatMap(Self.blob) }
    }
    return all
  }

  /// Stands for the modification time of a file: another one for other content.
  static func stamp(_ blobs: [Int]) -> Int64 { blobs.reduce(1) { $0 &* 64 &+ Int64($1 + 1) } }

  // MARK: - Reading

  /// Reads a snapshot as a restore would.
  static func read(_ root: BlobID, _ trees: TreeReader) throws -> [String: [UInt8]] {
    var all: [String: [UInt8]] = [:]
    try read(root, "", trees, &all)
    return all
  }

  private static func read(_ tree: BlobID, _ path: String, _ trees: TreeReader, _ all: inout [String: [UInt8]]) throws {
    var cursor = try trees.cursor(tree)
    while let node = try cursor.next() {
      let name = path + String(decoding: node.name, as: UTF8.self)
      if let subtree = node.subtree {
        all[name + "/"] = []
        try read(subtree, name + "/", trees, &all)
      } else {
        var bytes: [UInt8] = []
        var content = trees.content(node)
        while let item = try content.next() {
          if let id = item.id { bytes += try trees.blobs.read(id, .data) }
        }
        all[name] = bytes
      }
    }
  }
}

/// Stores a tree beside a base snapshot, by the rules of the archiver: an unchanged file is taken over with its content, a directory
/// in which nothing differs with its tree.
struct SimulatedArchiver {
  let worker: BlobWorker
  let trees: TreeReader
  let inheritance: BaseInheritance
  let keys: KeySet
  /// Called after each file that was stored.
  let pause: (BlobWorker) throws -> Void

  init(_ session: SessionWriter, pause: @escaping (BlobWorker) throws -> Void) {
    worker = session.makeWorker()
    trees = session.view.trees
    inheritance = BaseInheritance(session.view)
    keys = session.repository.keys
    self.pause = pause
  }

  private func store(_ type: BlobType, _ bytes: [UInt8]) throws -> BlobID { try worker.put(bytes, type) }

  /// Stores the tree and returns its root.
  func archive(_ tree: SimulatedTree, base: Snapshot?) throws -> BlobID {
    let before = try base.map { try entries($0.manifest.root) } ?? [:]
    var root = DirectoryBuilder(keys: keys)
    for (name, files) in tree.directories.sorted(by: { $0.key < $1.key }) {
      try root.append(try directory(name, files, base: before[name]), store: store)
    }
    let id = try root.finish(store: store).id
    try worker.flush()
    return id
  }

  /// What the base has in a directory; nothing when that cannot be read.
  private func entries(_ tree: BlobID) throws -> [String: Node] {
    var found: [String: Node] = [:]
    do {
      var cursor = try trees.cursor(tree)
      while let node = try cursor.next() { found[String(decoding: node.name, as: UTF8.self)] = node }
      return found
    } catch let error as CairnError where error.code == .damaged { return [:] }
  }

  private func directory(_ name: String, _ files: [String: [Int]], base: Node?) throws -> Node {
    let before = try base?.subtree.map(entries) ?? [:]
    var nodes: [Node] = []
    for (file, blobs) in files.sorted(by: { $0.key < $1.key }) {
      if let old = before[file], old.mtime.seconds == SimulatedTree.stamp(blobs), inheritance.isIntact(old, trees) {
        nodes.append(old)
      } else {
        nodes.append(try self.file(file, blobs))
        try pause(worker)
      }
    }
    let isSame = before.count == nodes.count && nodes.allSatisfy { before[String(decoding: $0.name, as: UTF8.self)] == $0 }
    if isSame, let base, let tree = base.subtree, inheritance.isIntact(tree, trees) { return base }
    var builder = DirectoryBuilder(keys: keys)
    for node in nodes { try builder.append(node, store: store) }
    let built = try builder.finish(store: store)
    var node = Node(name: Array(name.utf8), type: .directory)
    node.subtree = built.id
    node.subtreeEntries = built.entries
    node.subtreeBytes = built.bytes
    return node
  }

  private func file(_ name: String, _ blobs: [Int]) throws -> Node {
    var list = ListBuilder()
    for number in blobs {
      let bytes = SimulatedTree.blob(number)
      try list.append(ContentItem(length: UInt64(bytes.count), id: try worker.put(bytes, .data)), store: store)
    }
    var node = Node(name: Array(name.utf8), type: .file)
    node.size = list.totalBytes
    node.content = try list.finish(store: store)
    node.mtime = Timestamp(seconds: SimulatedTree.stamp(blobs), nanoseconds: 0)
    return node
  }
}
