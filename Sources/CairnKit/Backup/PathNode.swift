/// A directory's absolute path as a chain of names, shared by everything below it: a message that needs the path builds it.
final class PathNode: Sendable {
  private let parent: PathNode?
  private let name: [UInt8]

  /// The file system's root.
  init() {
    parent = nil
    name = []
  }

  init(_ parent: PathNode, _ name: [UInt8]) {
    self.parent = parent
    self.name = name
  }

  /// An absolute path made of components.
  static func absolute(_ components: [[UInt8]]) -> PathNode { components.reduce(PathNode()) { PathNode($0, $1) } }

  /// The path of the directory, or of an entry in it.
  func bytes(_ entry: [UInt8]? = nil) -> [UInt8] {
    var names: [[UInt8]] = entry.map { [$0] } ?? []
    var node = self
    while let parent = node.parent {
      names.append(node.name)
      node = parent
    }
    return names.isEmpty ? [0x2f] : names.reversed().flatMap { [0x2f] + $0 }
  }
}
