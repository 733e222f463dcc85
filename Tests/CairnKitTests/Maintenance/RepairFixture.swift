import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

extension CheckSubject {
  static func context() -> RunContext {
    var context = RunContext()
    context.threads = 2
    return context
  }

  func repairIndex(dryRun: Bool = false) throws -> RepairReport {
    var options = RepairOptions()
    options.dryRun = dryRun
    return try open().repairIndex(options, context: Self.context())
  }

  /// Every readable file of every listed snapshot: "number:path", with a digest of its content.
  func contents() throws -> [String: ObjectHash] {
    let view = try open().loadView()
    var files: [String: ObjectHash] = [:]
    for (number, snapshot) in snapshots.enumerated() {
      guard let listed = view.snapshots.first(where: { $0.id == snapshot.id }) else { continue }
      try collect(view, listed.manifest.root, "\(number):", &files)
    }
    return files
  }

  /// The same of one snapshot, by path.
  func contents(of snapshot: Snapshot) throws -> [String: ObjectHash] {
    var files: [String: ObjectHash] = [:]
    try collect(try open().loadView(), snapshot.manifest.root, "", &files)
    return files
  }

  private func collect(_ view: RepositoryView, _ id: BlobID, _ path: String, _ files: inout [String: ObjectHash]) throws {
    switch try view.trees.node(id) {
    case .inner(let items): for item in items { try collect(view, item.id, path, &files) }
    case .leaf(let nodes):
      for node in nodes {
        let own = path + "/" + text(node.name)
        if let tree = node.subtree { try collect(view, tree, own, &files) }
        guard case .items(let items) = node.content else { continue }
        var bytes: [UInt8] = []
        for item in items { if let id = item.id { bytes += try view.blobs.read(id, .data) } }
        files[own] = SHA256Digest.hash(bytes)
      }
    default: break
    }
  }

  /// Appends log records that say little, through the way that every command takes.
  func tag(_ number: Int, _ tag: String) throws {
    try open().appendLog { log in
      var record = LogRecord(next: log)
      record.amend = [SnapshotAmendment(session: self.snapshots[number].id, tags: [Array(tag.utf8)])]
      return record
    }
  }

  func tags(_ number: Int) throws -> [String] {
    try open().snapshots().snapshots.first { $0.id == snapshots[number].id }?.manifest.tags.map { text($0) } ?? []
  }

  var aside: [String] { (storage as? MemoryStorage)?.movedAside.keys.sorted() ?? [] }
}
