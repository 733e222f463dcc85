import CairnSystem

import struct SystemPackage.Errno

extension LocalStorage {
  package func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws {
    try scan(kind, object: body, foreign: { _ in })
  }

  package func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] {
    var paths: [String] = []
    do { try scan(kind, object: { _, _ in }, foreign: { paths.append($0) }) } catch {
      // `scan` itself throws nothing else, and the closures above throw nothing.
      throw error as? StorageError ?? .io("Cairn could not list '\(kind.rawValue)' in '\(location)': \(error).")
    }
    return paths.sorted()
  }

  private func scan(_ kind: ObjectKey.Kind, object: (ObjectKey, UInt64) throws -> Void, foreign: (String) -> Void) throws {
    switch kind {
    case .config:
      try scan(directories.root, under: "", .config, object: object) { name in
        if !Self.isKnownAtTheRoot(name) { foreign(name) }
      }
    case .packs:
      guard let packs = try existing(directories.root, "packs", "packs") else { return }
      let folders = try entries(packs, "packs")
      for index in 0..<folders.count {
        let name = folders.name(index)
        let path = "packs/\(FileError.escaped(name))"
        guard name.count == 2, name.allSatisfy(ObjectKey.isHexadecimal), let folder = try existing(packs, name, path) else {
          foreign(path)
          continue
        }
        try scan(folder, under: path + "/", .packs, prefix: name, object: object, foreign: foreign)
      }
    default:
      guard let folder = try existing(directories.root, kind.rawValue, kind.rawValue) else { return }
      try scan(folder, under: kind.rawValue + "/", kind, object: object, foreign: foreign)
    }
  }

  private func scan(
    _ folder: OpenFile, under path: String, _ kind: ObjectKey.Kind, prefix: [UInt8] = [],
    object: (ObjectKey, UInt64) throws -> Void, foreign: (String) -> Void
  ) throws {
    let listing = try entries(folder, path)
    for index in 0..<listing.count {
      let name = listing.withName(index) { String(decoding: $0, as: UTF8.self) }
      guard let key = ObjectKey(kind: kind, name: name), name.utf8.starts(with: prefix) else {
        foreign(path + FileError.escaped(listing.name(index)))
        continue
      }
      let status: FileStatus
      do throws(FileError) { status = try FileSystem.status(at: folder, listing, index) } catch {
        if error.errno == .noSuchFileOrDirectory { continue }  // deleted since it was listed
        throw explain(error, "list", key)
      }
      if status.type == .regular { try object(key, status.size) } else { foreign(path + name) }
    }
  }

  /// nil when there is nothing of that name; something else than a directory is an error, except below `packs`, where it is foreign.
  private func existing(_ parent: OpenFile, _ name: String, _ path: String) throws(StorageError) -> OpenFile? {
    do throws(FileError) {
      return try OpenFile.open(Array(name.utf8), at: parent, [.read, .directory, .noFollow])
    } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw StorageError(error, "list '\(path)'", at: location)
    }
  }

  private func existing(_ packs: OpenFile, _ name: [UInt8], _ path: String) throws(StorageError) -> OpenFile? {
    do throws(FileError) {
      return try OpenFile.open(name, at: packs, [.read, .directory, .noFollow])
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
      throw StorageError(error, "list '\(path)'", at: location)
    }
  }

  private func entries(_ folder: OpenFile, _ path: String) throws(StorageError) -> DirectoryListing {
    do throws(FileError) { return try folder.list() } catch {
      throw StorageError(error, path.isEmpty ? "list the files" : "list '\(path)'", at: location)
    }
  }

  /// `lost+found` stands at the root of every ext file system, where a disk of its own is mounted as the repository.
  private static func isKnownAtTheRoot(_ name: String) -> Bool {
    ObjectKey.Kind(rawValue: name) != nil || [RepositoryDirectories.temporary, quarantineName, reserveName, "lost+found"].contains(name)
  }
}
