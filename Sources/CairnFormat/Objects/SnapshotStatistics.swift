/// What a backup did, in numbers. Informational; nothing depends on it.
package struct SnapshotStatistics: Equatable, Sendable {
  package var filesNew: UInt64 = 0
  package var filesChanged: UInt64 = 0
  package var filesUnchanged: UInt64 = 0
  package var directoriesNew: UInt64 = 0
  package var directoriesChanged: UInt64 = 0
  package var directoriesUnchanged: UInt64 = 0
  /// Links, devices, sockets and fifos.
  package var others: UInt64 = 0
  /// Size of all files in the snapshot.
  package var bytesProcessed: UInt64 = 0
  /// What was really read from the source.
  package var bytesRead: UInt64 = 0
  package var filesTotal: UInt64 = 0
  /// New blobs of each class.
  package var dataBlobs: UInt64 = 0
  package var treeBlobs: UInt64 = 0
  /// New blobs before compression.
  package var bytesAdded: UInt64 = 0
  /// What they take in the repository.
  package var bytesStored: UInt64 = 0
  package var errors: UInt64 = 0
  package var durationNanoseconds: UInt64 = 0

  package init() {}

  /// In the order of tags 2, 4, 6, …
  private static let fields: [any WritableKeyPath<SnapshotStatistics, UInt64> & Sendable] = [
    \.filesNew, \.filesChanged, \.filesUnchanged, \.directoriesNew, \.directoriesChanged, \.directoriesUnchanged, \.others,
    \.bytesProcessed, \.bytesRead, \.filesTotal, \.dataBlobs, \.treeBlobs, \.bytesAdded, \.bytesStored, \.errors, \.durationNanoseconds,
  ]

  func encode() -> [UInt8] {
    var writer = TLVWriter()
    for (index, field) in Self.fields.enumerated() { writer.unsigned(UInt64(2 * index + 2), self[keyPath: field]) }
    return writer.bytes
  }

  init(_ content: UnsafeRawBufferPointer) throws(FormatError) {
    guard !content.isEmpty else { throw .notCanonical("default value written out") }
    var reader = TLVReader(content)
    while let field = try reader.next() {
      if field.tag >= 2, field.tag % 2 == 0, field.tag / 2 <= UInt64(Self.fields.count) {
        self[keyPath: Self.fields[Int(field.tag / 2) - 1]] = try field.unsigned()
      } else {
        try field.skipUnknown()
      }
    }
  }
}
