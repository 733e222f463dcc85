import CairnFormat
import CairnSystem
import Glibc
import SystemPackage

/// Opening the directory that is restored into.
struct RestoreTarget {
  /// The directory; nil on a dry run when it does not exist.
  let file: OpenFile?
  /// Made by this run, so that nothing is in it.
  let isNew: Bool

  /// Opens the target, making it and what is missing above it (0700: nobody looks in before the metadata is there).
  ///
  /// - Throws: `CairnError` saying why the target cannot be used.
  init(_ options: RestoreOptions) throws {
    let path = options.target.isEmpty ? Array(".".utf8) : options.target
    do throws(FileError) {
      if let file = try Self.openIfThere(path) {
        self.file = file
        isNew = false
      } else if options.dryRun {
        file = nil
        isNew = true
      } else {
        isNew = try Self.make(path)
        file = try Self.openIfThere(path)
      }
      if !options.dryRun, let file { try Self.checkWritable(file) }
    } catch {
      throw Self.explained(error, path)
    }
  }

  private static func openIfThere(_ path: [UInt8]) throws(FileError) -> OpenFile? {
    do throws(FileError) { return try OpenFile.open(path, [.read, .directory]) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  /// - Returns: false when somebody else made the last component meanwhile.
  private static func make(_ path: [UInt8]) throws(FileError) -> Bool {
    var directory = try OpenFile.open(path.first == 0x2f ? [0x2f] : [0x2e], [.path, .directory])
    var isNew = false
    for component in path.split(separator: 0x2f).map(Array.init) where component != [0x2e] {
      do throws(FileError) {
        if component != [0x2e, 0x2e] {
          try FileSystem.makeDirectory(at: directory, name: component, mode: 0o700)
          isNew = true
        }
      } catch {
        guard error.errno == .fileExists else { throw error }
        isNew = false
      }
      directory = try OpenFile.open(component, at: directory, [.path, .directory])
    }
    return isNew
  }

  /// One clear refusal at the start instead of one for each file.
  private static func checkWritable(_ file: OpenFile) throws(FileError) {
    if try FileSystem.isReadOnly(at: file) { throw FileError(errno: .readOnlyFileSystem, operation: "write to", path: file.path) }
    let status = try file.status()
    if status.mode & 0o700 != 0o700, status.uid == Host.userID { return }
    do throws(FileError) { _ = try OpenFile.unnamed(in: file) } catch {
      // Anything else (no space, say) shows when there is something to write; a restore that changes nothing needs none.
      if error.errno == .permissionDenied { throw error }
    }
  }

  private static func explained(_ error: FileError, _ path: [UInt8]) -> CairnError {
    let target = Escaping.terminal(path)
    switch error.errno {
    case .notDirectory, .fileExists:
      return CairnError(.failed, "Cannot restore to '\(target)': it is not a directory.", guidance: "Give a directory with --target.")
    case .readOnlyFileSystem:
      return CairnError(.failed, "Cannot restore to '\(target)': its file system is mounted read-only.")
    case .permissionDenied, .notPermitted:
      return CairnError(.failed, "Cannot restore to '\(target)': \(error.reason).", guidance: "Choose a target that you may write to.")
    case .noSpace:
      return CairnError(.noSpace, "Cannot restore to '\(target)': \(error.reason).")
    default:
      return CairnError(.failed, "Cannot restore to '\(target)': \(error.reason).")
    }
  }
}
