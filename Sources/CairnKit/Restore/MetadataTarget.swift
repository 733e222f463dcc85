import CairnSystem

/// By what an entry's metadata is read and set: the descriptor that it was written through, or, for what cannot be opened without
/// side effects (links, devices, fifos, sockets), its name in an open directory, never following a link.
enum MetadataTarget {
  case file(OpenFile)
  case name(OpenFile, [UInt8])

  func attributes() throws(FileError) -> [ExtendedAttribute] {
    switch self {
    case .file(let file): try file.extendedAttributes()
    case .name(let directory, let name): try FileSystem.extendedAttributes(at: directory, name: name)
    }
  }

  func setAttribute(_ name: [UInt8], _ value: [UInt8]) throws(FileError) {
    switch self {
    case .file(let file): try file.setExtendedAttribute(name: name, value: value)
    case .name(let directory, let entry):
      try FileSystem.setExtendedAttribute(at: directory, name: entry, ExtendedAttribute(name: name, value: value))
    }
  }

  func removeAttribute(_ name: [UInt8]) throws(FileError) {
    switch self {
    case .file(let file): try file.removeExtendedAttribute(name: name)
    case .name(let directory, let entry): try FileSystem.removeExtendedAttribute(at: directory, name: entry, attributeName: name)
    }
  }

  func setOwner(_ uid: UInt32, _ gid: UInt32) throws(FileError) {
    switch self {
    case .file(let file): try file.setOwner(uid: uid, gid: gid)
    case .name(let directory, let name): try FileSystem.setOwner(at: directory, name: name, uid: uid, gid: gid)
    }
  }

  func setMode(_ mode: UInt32) throws(FileError) {
    switch self {
    case .file(let file): try file.setMode(mode)
    case .name(let directory, let name): try FileSystem.setMode(at: directory, name: name, mode)
    }
  }

  func setModificationTime(_ time: FileTime) throws(FileError) {
    switch self {
    case .file(let file): try file.setModificationTime(time)
    case .name(let directory, let name): try FileSystem.setModificationTime(at: directory, name: name, time)
    }
  }
}
