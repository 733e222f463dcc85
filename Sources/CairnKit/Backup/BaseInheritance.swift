import CairnFormat

/// The rule by which content is taken over from a base snapshot without reading the source.
struct BaseInheritance: Sendable {
  /// What is inherited is looked up here; nil when that is not needed.
  private let index: BlobIndex?

  /// What is inherited from the base has to be looked up when something of the repository could not be read, and while packs are
  /// condemned: the base may have been committed without knowing of it (FORMAT.md, "A writer").
  init(_ view: RepositoryView) {
    index = view.problems.isEmpty && view.state.log.condemned.isEmpty ? nil : view.index
  }

  /// Whether what the base says of a file can be had from the repository.
  func isIntact(_ node: Node, _ reader: TreeReader) -> Bool {
    guard let index else { return true }
    do {
      if case .list(let root, _) = node.content, try !index.contains(root.key) { return false }
      var cursor = reader.content(node)
      while let item = try cursor.next() {
        if let id = item.id, try !index.contains(id.key) { return false }
      }
      return true
    } catch { return false }  // a content list that cannot be read: the file is read again
  }
}
