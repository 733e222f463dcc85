import CairnFormat

/// The rule by which content is taken over from a base snapshot without reading the source.
///
/// What is inherited is looked up, always: the base may refer to blobs that other sessions made count, and that one of their
/// registers is lost need not show anywhere. What is not found is read and stored again.
struct BaseInheritance: Sendable {
  private let index: BlobIndex

  init(_ view: RepositoryView) { index = view.index }

  /// Whether what the base says of a file can be had from the repository.
  func isIntact(_ node: Node, _ reader: TreeReader) -> Bool {
    do {
      if case .list(let root, _) = node.content, try !index.contains(root.key) { return false }
      var cursor = reader.content(node)
      while let item = try cursor.next() {
        if let id = item.id, try !index.contains(id.key) { return false }
      }
      return true
    } catch { return false }  // a content list that cannot be read: the file is read again
  }

  /// Whether a directory's tree can be taken over: each of its nodes, but not those of the directories in it. That it can be read is not
  /// enough: packs that are condemned can be.
  func isIntact(_ tree: BlobID, _ reader: TreeReader) -> Bool {
    do {
      guard let location = try index.locate(tree.key) else { return false }
      guard location.type == .treeInner, case .inner(let items) = try reader.node(tree) else { return true }
      return items.allSatisfy { isIntact($0.id, reader) }
    } catch { return false }  // what cannot be read is stored again
  }
}
