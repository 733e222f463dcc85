import CairnSystem

import struct SystemPackage.Errno

extension LocalStorage {
  static let quarantineName = "quarantine"
  /// Copies of one object that are kept there.
  private static let quarantineCopies = 1000

  package func moveAside(_ key: ObjectKey) throws(StorageError) -> String {
    let target = "\(Self.quarantineName)/\(key.kind.rawValue)"
    for number in 0..<Self.quarantineCopies {
      let name = number == 0 ? key.name : "\(key.name)~\(number)"
      do throws(FileError) {
        guard try rename(key, to: try directories.forWriting(target), Array(name.utf8)) else { continue }
      } catch { throw explain(error, "move aside", key) }
      directories.markDirty(folder(key))
      directories.markDirty(target)
      return "\(target)/\(name)"
    }
    throw .io("There are too many copies of '\(key.path)' in '\(target)' of '\(location)'.")
  }

  /// - Returns: false when the name is taken.
  private func rename(_ key: ObjectKey, to target: OpenFile, _ name: [UInt8]) throws(FileError) -> Bool {
    let source = try directories.forWriting(folder(key))
    func rename(replace: Bool) throws(FileError) {
      try FileSystem.rename(from: source, fromName: Array(key.name.utf8), to: target, toName: name, replace: replace)
    }
    do throws(FileError) { try rename(replace: false) } catch {
      if error.errno == .fileExists { return false }
      // File systems that cannot promise it: nobody but a repair puts anything there.
      guard error.errno == .invalidArgument || error.errno == .notSupported || error.errno == .noFunction else { throw error }
      do throws(FileError) { _ = try FileSystem.status(at: target, name: name) } catch {
        guard error.errno == .noSuchFileOrDirectory else { throw error }
        try rename(replace: true)
        return true
      }
      return false
    }
    return true
  }
}
