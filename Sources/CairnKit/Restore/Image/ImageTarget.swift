import CairnFormat
import CairnSystem
import Synchronization
import SystemPackage

/// What an image is written to, open and found fit for it.
final class ImageTarget: Sendable {
  let file: OpenFile
  let path: [UInt8]
  /// Nil for a file.
  let device: BlockDevice?
  let number: DeviceNumber?
  /// The length of an existing file.
  let existingBytes: UInt64
  /// A file that was not there: all of it is zeros, and it gets its name at the end.
  private let temporary: (file: TemporaryFile, name: [UInt8])?
  /// Whether nothing is there: all of it is zeros. On a dry run `file` is the directory then, which nobody reads.
  let isFresh: Bool

  /// Opens the target for `bytes` bytes.
  ///
  /// A device is opened exclusively, so that nobody mounts it meanwhile.
  /// - Parameter dryRun: nothing is made.
  /// - Throws: `CairnError` when it is in use, too small, read-only, or no place for an image.
  init(_ path: [UInt8], bytes: UInt64, dryRun: Bool, table: DeviceTable = DeviceTable()) throws {
    self.path = path
    let name = Escaping.terminal(path)
    do {
      guard let status = try Self.status(path) else {
        let (directory, name) = try Self.place(path)
        temporary = dryRun ? nil : (try TemporaryFile.make(in: directory, unnamedWorks: Atomic<Bool>(true)), name)
        file = temporary?.file.file ?? directory
        isFresh = true
        device = nil
        number = nil
        existingBytes = 0
        return
      }
      temporary = nil
      isFresh = false
      switch status.type {
      case .regular:
        file = try OpenFile.open(path, dryRun ? .read : [.read, .write])
        device = nil
        number = nil
        existingBytes = status.size
        try Self.requireNoLoop(name, file, table)
      case .blockDevice:
        let number = DeviceNumber(major: status.rdevMajor, minor: status.rdevMinor)
        try Self.requireUnused(name, number, table)
        file = try OpenFile.open(path, dryRun ? .read : [.read, .write, .exclusive])
        let device = try BlockDevice(file)
        try Self.requireRoom(name, device, bytes)
        try Self.requireNoLoop(name, file, table)
        self.device = device
        self.number = number
        existingBytes = device.bytes
      default: throw CairnError(.usage, "'\(name)' is neither a block device nor a file.", guidance: "Name a disk, a partition or a file.")
      }
    } catch let error as FileError {
      throw Self.refusal(name, error)
    }
  }

  /// - Returns: nil when there is nothing.
  private static func status(_ path: [UInt8]) throws(FileError) -> FileStatus? {
    do throws(FileError) { return try OpenFile.open(path, .path).status() } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      return nil
    }
  }

  /// Where a file is to be made, and its name there.
  private static func place(_ path: [UInt8]) throws -> (directory: OpenFile, name: [UInt8]) {
    let name = Array(path.reversed().prefix { $0 != 0x2f }.reversed())
    let folder = Array(path.dropLast(name.count))
    guard NodeName.isValid(name) else { throw CairnError(.usage, "'\(Escaping.terminal(path))' is no name for a file.") }
    let directory = try OpenFile.open(folder.isEmpty ? [0x2e] : folder, [.read, .directory])
    // `try?`: nothing there is what is wanted.
    if (try? FileSystem.status(at: directory, name: name)) != nil {
      throw CairnError(
        .usage, "'\(Escaping.terminal(path))' is a symbolic link that leads to nothing. Nothing was written.",
        guidance: "Name what it should lead to.")
    }
    return (directory, name)
  }

  private static func requireUnused(_ name: String, _ number: DeviceNumber, _ table: DeviceTable) throws {
    guard let use = table.uses(of: number).first else { return }
    let part = use.device == number ? "" : "a partition of it or its disk, "
    throw CairnError(
      .failed, "'\(name)' is in use (\(part)\(use.device.major):\(use.device.minor)): \(use.reason). Nothing was written.",
      guidance: "Unmount it, switch swap off, or take the device that is made of it apart.")
  }

  private static func requireNoLoop(_ name: String, _ file: OpenFile, _ table: DeviceTable) throws {
    guard let loop = table.loopDevice(of: file) else { return }
    throw CairnError(
      .failed, "'\(name)' is in use: it is the content of /dev/\(loop). Nothing was written.",
      guidance: "Detach that with 'losetup -d /dev/\(loop)', or write to it.")
  }

  private static func requireRoom(_ name: String, _ device: BlockDevice, _ bytes: UInt64) throws {
    guard device.bytes >= bytes else {
      throw CairnError(
        .failed, "'\(name)' has \(device.bytes) bytes, the image \(bytes): it does not fit. Nothing was written.",
        guidance: "Choose a device that is at least as large.")
    }
    guard !device.isReadOnly else { throw CairnError(.failed, "'\(name)' is read-only.", guidance: "See 'blockdev --setrw'.") }
  }

  private static func refusal(_ name: String, _ error: FileError) -> CairnError {
    switch error.errno {
    case .resourceBusy:
      CairnError(
        .failed, "'\(name)' is in use: it is mounted, or another program holds it. Nothing was written.",
        guidance: "See 'lsblk' and 'fuser'.")
    case .permissionDenied, .notPermitted:
      CairnError(
        .failed, "'\(name)' cannot be written: \(error.reason).", guidance: "Writing to a disk takes root, or membership in its group.")
    case .noSpace: CairnError(.noSpace, "'\(name)' cannot be made: \(error.reason).")
    default: CairnError(.failed, "'\(name)' cannot be opened for writing: \(error.reason).")
    }
  }

  // MARK: - The end

  /// Gives a file its length; a longer one is cut off.
  func setLength(_ bytes: UInt64) throws(FileError) {
    guard device == nil else { return }
    try file.truncate(to: bytes)
  }

  /// Gives a file that was not there its name.
  func place() throws {
    guard let temporary else { return }
    do throws(FileError) { try temporary.file.place(as: temporary.name) } catch {
      throw CairnError(.failed, "'\(Escaping.terminal(path))' cannot be made: \(error.reason).")
    }
  }
}
