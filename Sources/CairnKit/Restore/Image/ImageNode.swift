import CairnFormat

/// The file of a snapshot that is an image.
struct ImageNode: Sendable {
  let node: Node
  /// Nil for an ordinary file: all holes are zeros then.
  let record: ImageRecord?
  /// In the snapshot, a slash before each component.
  let path: [UInt8]
  let folder: [UInt8]

  /// - Throws: `CairnError(.notFound)` when there is no such file, `.usage` when it must be named.
  static func find(_ options: ImageRestoreOptions, _ view: RepositoryView) throws -> ImageNode {
    guard options.path.isEmpty else { return try ImageNode(view.node(at: options.path, in: options.snapshot), options.path) }
    var tree = options.snapshot.manifest.root
    var path: [[UInt8]] = []
    while path.count < Limits.pathDepth {
      var cursor = try view.trees.cursor(tree)
      guard let node = try cursor.next(), try cursor.peek() == nil else { break }
      path.append(node.name)
      guard let next = node.subtree else { return try ImageNode(node, path) }
      tree = next
    }
    throw CairnError(
      .usage, "Snapshot \(options.snapshot.shortID) holds more than one file, or none.",
      guidance: "Name the image: \(options.snapshot.shortID):/PATH.")
  }

  private init(_ node: Node, _ path: [[UInt8]]) throws {
    guard node.type == .file else {
      throw CairnError(.usage, "'\(Escaping.path(path))' is no file, so it is no image.", guidance: "Use --target DIRECTORY for it.")
    }
    self.node = node
    self.path = path.flatMap { [0x2f] + $0 }
    folder = path.dropLast().flatMap { [0x2f] + $0 }
    guard !node.image.isEmpty else {
      record = nil
      return
    }
    do { record = try ImageRecord.decode(node.image) } catch { throw CairnError.damaged("the record of the image", error) }
  }
}
