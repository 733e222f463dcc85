import CairnKit
package import CairnSystem

/// Small files that the program keeps about its runs: `STATE/profiles/NAME.runs` and the like. They belong to one person on one machine.
package struct StateFiles: Sendable {
  /// The directory of all of them; made when something is first written.
  package let directory: [UInt8]

  /// - Parameter state: the state directory of the program.
  package init(state: [UInt8]) { directory = state + Array("/profiles".utf8) }

  /// What a file says.
  ///
  /// - Parameter limit: bytes; the rest of a longer file is left out.
  /// - Returns: nil when there is none, or it cannot be read: whoever asks begins anew then.
  package func read(_ name: String, limit: Int) -> [UInt8]? {
    // `try?`: see above.
    guard let file = try? OpenFile.open(directory + [0x2f] + name.utf8, [.read, .noFollow]) else { return nil }
    var bytes = [UInt8](repeating: 0, count: limit)
    guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
    return Array(bytes[..<count])
  }

  /// Replaces a file; after a crash it is the old one or the new one.
  ///
  /// - Throws: `CairnError(.failed)` when it cannot be kept.
  package func write(_ name: String, _ bytes: [UInt8]) throws {
    try keeping { folder in try FileSystem.place(bytes, at: folder, name: Array(name.utf8)) }
  }

  /// Takes the lock of a profile's runs; it is held until the file that is returned is closed, also by the end of the process.
  ///
  /// - Returns: nil when another process holds it.
  /// - Throws: `CairnError(.failed)` when there can be no such file.
  package func lock(profile: String) throws -> OpenFile? {
    try keeping { folder in
      let file = try OpenFile.open(Array("\(profile).lock".utf8), at: folder, [.read, .write, .create, .noFollow], mode: 0o600)
      return file.tryLockExclusive() ? file : nil
    }
  }

  private func keeping<R>(_ body: (OpenFile) throws -> R) throws -> R {
    do {
      return try body(try FileSystem.makeDirectories(directory))
    } catch let error as FileError {
      throw CairnError(
        .failed, "What is to be known about runs cannot be kept in \(Escaping.terminal(directory)): \(error.reason).",
        guidance: "Make the directory writable, or name another with CAIRN_STATE_DIR.")
    }
  }
}
