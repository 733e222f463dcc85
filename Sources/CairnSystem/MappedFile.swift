import Glibc

/// A file's content as read-only memory. For our own cache files only: a file that shrinks while mapped kills the process (SIGBUS).
package final class MappedFile: @unchecked Sendable {
  // Unchecked: the memory is read-only and lives as long as the object.
  /// Valid as long as the object: keep that in a variable of longer life, or use `withBytes`.
  package let bytes: UnsafeRawBufferPointer

  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try body(bytes) }
  }

  private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }

  /// Maps the whole file with the size it has now; an empty file gives no bytes. The descriptor is not needed afterwards.
  package static func map(_ file: OpenFile) throws(FileError) -> MappedFile {
    let size = try file.status().size
    guard size > 0 else { return MappedFile(UnsafeRawBufferPointer(start: nil, count: 0)) }
    guard let count = Int(exactly: size) else { throw failure(-Int(EFBIG), "map", file.path) }
    let memory = mmap(nil, count, PROT_READ, MAP_SHARED, file.descriptor, 0)
    guard let memory, memory != MAP_FAILED else { throw failure(-Int(Glibc.errno), "map", file.path) }
    return MappedFile(UnsafeRawBufferPointer(start: memory, count: count))
  }

  /// Announces how the mapping will be read; best effort.
  package func advise(_ advice: Advice) {
    guard let start = bytes.baseAddress else { return }
    let code: CInt =
      switch advice {
      case .sequential: MADV_SEQUENTIAL
      case .willNeed: MADV_WILLNEED
      case .dontNeed: MADV_DONTNEED
      case .random: MADV_RANDOM
      }
    _ = madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, code)
  }
}
