import CairnFormat
import CairnSystem
import Synchronization
import SystemPackage

/// The disk, partition or file that is stored as an image, open for reading.
final class ImageSource: Sendable {
  let file: OpenFile
  /// As named in the snapshot, for messages.
  let path: [UInt8]
  /// When it was opened.
  let status: FileStatus
  /// Nil for a file.
  let device: BlockDevice?
  let size: UInt64
  private let skipsBadSectors: Bool
  private let hooks: (any BackupHooks)?
  private let state = Mutex((read: UInt64(0), unreadable: [Range<UInt64>]()))

  /// What is given up at a time where reading fails: a page, the least that the kernel reads of a device.
  private static let step: UInt64 = 4096

  /// - Throws: `CairnError(.sourceMissing)` when there is nothing to read, `.usage` for what is neither file nor block device.
  init(_ image: BackupOptions.Image, path: [UInt8], hooks: (any BackupHooks)?) throws {
    let name = Escaping.terminal(path)
    do throws(FileError) {
      file = try OpenFile.open(path, [.read, .nonBlock])
      status = try file.status()
      device = status.type == .blockDevice ? try BlockDevice(file) : nil
    } catch {
      let isRefused = error.errno == .permissionDenied || error.errno == .notPermitted
      throw CairnError(
        .sourceMissing, "'\(name)' cannot be read: \(error.reason).",
        guidance: isRefused ? "Reading a disk takes root, or membership in the group that owns it." : "Check the path.")
    }
    guard status.type == .blockDevice || status.type == .regular else {
      throw CairnError(
        .usage, "'\(name)' is neither a block device nor a file, so it is no disk.", guidance: "Leave --image out to back files up.")
    }
    self.path = path
    self.hooks = hooks
    skipsBadSectors = image.skipsBadSectors
    size = device?.bytes ?? status.size
    guard size <= UInt64(Int64.max) else { throw CairnError(.usage, "'\(name)' is larger than an image can be.") }
    // What was read before, perhaps before a mounted file system wrote to the disk past this cache, is read again.
    if device != nil { file.advise(.dontNeed) }
    file.advise(.sequential)
  }

  var number: DeviceNumber? { device.map { _ in DeviceNumber(major: status.rdevMajor, minor: status.rdevMinor) } }

  /// Bytes that came from the device.
  var bytesRead: UInt64 { state.withLock { $0.read } }
  /// What could not be read; ascending, no two touch.
  var unreadable: [Range<UInt64>] {
    let all = state.withLock { $0.unreadable }.sorted { $0.lowerBound < $1.lowerBound }
    return all.reduce(into: []) { merged, range in
      if let last = merged.last, range.lowerBound <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
  }

  /// Fills the buffer from an offset.
  ///
  /// - Throws: `CairnError(.failed)` when the source ends before, is gone, or cannot be read and zeros are not allowed in its place.
  func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    let count: Int
    do throws(FileError) { count = try attempt(target, offset) } catch { return try salvage(target, offset) }
    state.withLock { $0.read += UInt64(count) }
    guard count == target.count else { throw changed() }
  }

  /// As `read`, for small parts.
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard offset < size else { return [] }
    var bytes = [UInt8](repeating: 0, count: min(count, Int(clamping: size - offset)))
    try bytes.withUnsafeMutableBytes { try read(into: $0, at: offset) }
    return bytes
  }

  private func attempt(_ target: UnsafeMutableRawBufferPointer, _ offset: UInt64) throws(FileError) -> Int {
    if let hooks, hooks.fails(reading: offset..<(offset + UInt64(target.count))) {
      throw FileError(errno: .ioError, operation: "read", path: path)
    }
    return try file.read(into: target, at: offset)
  }

  /// Reads what can be read around bad sectors.
  private func salvage(_ target: UnsafeMutableRawBufferPointer, _ offset: UInt64) throws {
    var position = offset
    let end = offset + UInt64(target.count)
    while position < end {
      let next = min(end, (position / Self.step + 1) * Self.step)
      let part = UnsafeMutableRawBufferPointer(rebasing: target[Int(position - offset)..<Int(next - offset)])
      do throws(FileError) {
        let count = try attempt(part, position)
        state.withLock { $0.read += UInt64(count) }
        guard count == part.count else { throw FileError(errno: .noSuchAddressOrDevice, operation: "read", path: path) }
      } catch {
        try giveUp(position..<next, error)
        part.initializeMemory(as: UInt8.self, repeating: 0)
      }
      position = next
    }
  }

  private func giveUp(_ range: Range<UInt64>, _ error: FileError) throws {
    let name = Escaping.terminal(path)
    guard isThere else {
      throw CairnError(
        .failed, "'\(name)' vanished while it was read, so no snapshot was made.",
        guidance: "Connect it again and run the same command: what was stored is used.")
    }
    guard error.errno != .noSuchAddressOrDevice else { throw changed() }
    guard skipsBadSectors else {
      throw CairnError(
        .failed, "Bytes \(range.lowerBound) to \(range.upperBound - 1) of '\(name)' cannot be read: \(error.reason). No snapshot was made.",
        guidance: "With --skip-bad-sectors zeros are stored for what cannot be read, and the snapshot says so.")
    }
    let isTooMany = state.withLock { state in
      if let last = state.unreadable.last, last.upperBound == range.lowerBound {
        state.unreadable[state.unreadable.count - 1] = last.lowerBound..<range.upperBound
      } else if state.unreadable.last.map({ range.lowerBound > $0.upperBound }) ?? true {
        state.unreadable.append(range)
      } else if !state.unreadable.contains(where: { $0.clamped(to: range) == range }) {
        state.unreadable.append(range)
      }
      return state.unreadable.count > Limits.imageUnreadableRanges
    }
    if isTooMany {
      throw CairnError(
        .failed, "'\(name)' cannot be read at more than \(Limits.imageUnreadableRanges) places.", guidance: "Rescue it with ddrescue first."
      )
    }
  }

  /// Whether the device is still the one that was opened.
  private var isThere: Bool {
    guard let number else { return true }
    // `try?`: a device that does not tell its size is gone.
    return (try? BlockDevice(file))?.bytes == size && DeviceTable().exists(number)
  }

  /// - Throws: when the size is not what it was at the start.
  func checkSize() throws {
    // `try?`, here and below: what does not tell its size any more is gone.
    let now = device == nil ? (try? file.status())?.size : (try? BlockDevice(file))?.bytes
    guard now == size else { throw changed() }
  }

  /// Whether a file was written to since it was opened. Of devices nothing tells that.
  var wasWritten: Bool {
    guard device == nil, let now = try? file.status() else { return false }
    return now.mtime != status.mtime || now.ctime != status.ctime
  }

  private func changed() -> CairnError {
    CairnError(
      .failed, "'\(Escaping.terminal(path))' changed its size or vanished while it was read, so no snapshot was made.",
      guidance: "Run the same command when nothing changes it: what was stored is used.")
  }
}
