package import CairnSystem
import Glibc

package struct CannotAllocate: Error { package let errno: CInt }

extension OpenFile {
  /// Allocates a range that reads as zeros; unwritten where the file system can do that. The file becomes as long as that needs.
  package func preallocate(at offset: UInt64, length: UInt64) throws {
    let result = posix_fallocate(descriptor, off_t(offset), off_t(length))
    if result != 0 { throw CannotAllocate(errno: result) }
  }
}

/// A directory of a test's own, removed with everything in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
  /// Absolute.
  package let path: [UInt8]

  package init() {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let name = "cairn-test-" + SystemRandom.bytes(8).map { String($0, radix: 16) }.joined(separator: "-")
    path = Array("\(parent)/\(name)".utf8)
    do {
      let folder = try OpenFile.open(Array(parent.utf8), [.read, .directory])
      try FileSystem.makeDirectory(at: folder, name: Array(name.utf8), mode: 0o700)
    } catch { preconditionFailure("no temporary directory can be made: \(error)") }
  }

  deinit {
    // `try?`: a directory that stays behind is no failure of the test that used it.
    let slash = path.lastIndex(of: 0x2f) ?? 0
    guard let parent = try? OpenFile.open(Array(path[...slash]), [.read, .directory]) else { return }
    try? FileSystem.removeTree(at: parent, name: Array(path[(slash + 1)...]))
  }

  package var string: String { String(decoding: path, as: UTF8.self) }

  /// The path of something in it.
  package func path(_ name: String) -> [UInt8] { path + [0x2f] + Array(name.utf8) }

  package func open() throws(FileError) -> OpenFile { try OpenFile.open(path, [.read, .directory]) }

  /// Writes a file (0644), its directory must exist.
  package func write(_ name: String, _ content: [UInt8]) throws {
    let file = try OpenFile.open(path(name), [.write, .create, .truncate], mode: 0o644)
    try content.withUnsafeBytes { try file.write($0) }
  }

  /// Reads a whole file.
  package func read(_ name: String) throws -> [UInt8] {
    let file = try OpenFile.open(path(name), [.read])
    var content = [UInt8](repeating: 0, count: Int(try file.status().size))
    let count = try content.withUnsafeMutableBytes { try file.read(into: $0) }
    return Array(content[0..<count])
  }
}
