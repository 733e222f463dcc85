import CairnFormat
import CairnKit
import CairnSystem
import Glibc
import SystemPackage

/// A key file made by this run.
struct GeneratedKeyFile {
  let path: [UInt8]
  let credential: Credential

  /// Makes the file that `source` names, readable by its owner only and durable before the repository depends on it.
  ///
  /// - Throws: `CairnError(.usage)` when no key file is named, `.exists` when it is there already.
  static func make(for source: PasswordSource) throws -> GeneratedKeyFile {
    guard case .keyFile(let path) = source else {
      throw CairnError(.usage, "--generate-key-file needs --key-file FILE (or CAIRN_KEY_FILE) to say where.")
    }
    return try make(at: path)
  }

  static func make(at path: [UInt8]) throws -> GeneratedKeyFile {
    let key = SecretBytes(count: KeyFile.keyBytes) { SystemRandom.fill($0) }
    try write(KeyFile.encode(key).withBytes { Array($0) }, to: path)
    return GeneratedKeyFile(path: path, credential: .keyFile(key))
  }

  /// Writes a secret into a new file, mode 0600, durably.
  ///
  /// - Throws: `CairnError(.exists)` when there is such a file.
  static func write(_ text: [UInt8], to path: [UInt8]) throws {
    do {
      let file = try OpenFile.open(path, [.write, .create, .exclusive, .noFollow], mode: 0o600)
      try text.withUnsafeBytes { try file.write($0) }
      try file.synchronize()
      try OpenFile.open(directory(of: path), [.read, .directory]).synchronize()
    } catch let error as FileError {
      if error.errno == .fileExists {
        throw CairnError(
          .exists, "The file '\(Escaping.terminal(path))' exists already.", guidance: "Name another; no key file is ever overwritten.")
      }
      throw CairnError(.failed, "Cannot make the file '\(Escaping.terminal(path))': \(error.reason).")
    }
  }

  /// Takes the file away again when nothing came to depend on it.
  func remove() { Self.remove(path) }

  static func remove(_ path: [UInt8]) {
    _ = (path + [0]).withUnsafeBufferPointer { $0.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { unlink($0) } } }
  }

  private static func directory(of path: [UInt8]) -> [UInt8] {
    guard let slash = path.lastIndex(of: 0x2f) else { return [0x2e] }
    return slash == 0 ? [0x2f] : Array(path[..<slash])
  }
}
