package import CairnFormat
package import CairnSystem

extension RepositoryView {
  /// The beginning of a file; holes are zeros.
  ///
  /// - Returns: `limit` bytes, fewer where the file is shorter.
  /// - Throws: `CairnError` where its content cannot be read; `CancellationError`.
  package func head(of node: Node, limit: Int, cancellation: Cancellation = Cancellation()) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var content = trees.content(node)
    while bytes.count < limit, let item = try content.next() {
      try cancellation.check()
      let room = limit - bytes.count
      if let id = item.id {
        try blobs.withBlob(id, .data) { bytes.append(contentsOf: $0.prefix(room)) }
      } else {
        bytes.append(contentsOf: repeatElement(0, count: Int(min(item.length, UInt64(room)))))
      }
    }
    return bytes
  }
}
