import CCairn
import Glibc

/// A point in time as file systems keep it: seconds since 1970 (any sign) and 0 … 999 999 999 nanoseconds after that second.
package struct FileTime: Sendable, Hashable, Comparable {
  package var seconds: Int64
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  package static func < (a: FileTime, b: FileTime) -> Bool {
    a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds
  }
}

/// What kind of thing a directory entry is.
package enum FileType: UInt8, Sendable {
  case regular = 1
  case directory, symbolicLink, fifo, socket, characterDevice, blockDevice

  /// From the format bits of `st_mode`; nil for a type that Linux does not have today.
  init?(rawMode: UInt32) {
    switch rawMode & 0o170000 {
    case 0o100000: self = .regular
    case 0o040000: self = .directory
    case 0o120000: self = .symbolicLink
    case 0o010000: self = .fifo
    case 0o140000: self = .socket
    case 0o020000: self = .characterDevice
    case 0o060000: self = .blockDevice
    default: return nil
    }
  }

  /// From `d_type`, which has the same numbers shifted by twelve bits; nil when the file system does not say.
  @inline(__always)
  init?(directoryEntryType: UInt8) { self.init(rawMode: UInt32(directoryEntryType) << 12) }

  /// The format bits of `st_mode`.
  var rawMode: UInt32 {
    switch self {
    case .regular: 0o100000
    case .directory: 0o040000
    case .symbolicLink: 0o120000
    case .fifo: 0o010000
    case .socket: 0o140000
    case .characterDevice: 0o020000
    case .blockDevice: 0o060000
    }
  }
}

/// What `statx(2)` says of an entry; a symbolic link is described itself, never followed.
package struct FileStatus: Sendable, Equatable {
  package var type: FileType
  /// The twelve permission bits (set-id and sticky included).
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  package var size: UInt64
  /// Allocated space in units of 512 bytes.
  package var blocks512: UInt64
  package var mtime: FileTime
  package var ctime: FileTime
  /// The birth time, where the file system keeps one.
  package var btime: FileTime?
  package var deviceMajor: UInt32
  package var deviceMinor: UInt32
  package var inode: UInt64
  package var linkCount: UInt64
  package var rdevMajor: UInt32
  package var rdevMinor: UInt32
  /// Whether the entry is the root of a mount; false on kernels before 5.8, which do not tell.
  package var isMountRoot: Bool

  /// `deviceMajor << 32 | deviceMinor`: one number to compare file systems by.
  package var device: UInt64 { UInt64(deviceMajor) << 32 | UInt64(deviceMinor) }

  /// - Returns: nil when the kernel reports a file type this program does not know.
  @inline(__always)
  init?(_ raw: cairn_status) {
    guard let type = FileType(rawMode: raw.raw_mode) else { return nil }
    self.type = type
    mode = raw.raw_mode & 0o7777
    uid = raw.uid
    gid = raw.gid
    size = raw.size
    blocks512 = raw.blocks512
    mtime = FileTime(seconds: raw.mtime_seconds, nanoseconds: raw.mtime_nanoseconds)
    ctime = FileTime(seconds: raw.ctime_seconds, nanoseconds: raw.ctime_nanoseconds)
    btime = raw.has_btime == 0 ? nil : FileTime(seconds: raw.btime_seconds, nanoseconds: raw.btime_nanoseconds)
    deviceMajor = raw.device_major
    deviceMinor = raw.device_minor
    inode = raw.inode
    linkCount = raw.link_count
    rdevMajor = raw.rdev_major
    rdevMinor = raw.rdev_minor
    isMountRoot = raw.is_mount_root != 0
  }

  /// `statx(2)` relative to a descriptor; an empty C string describes the descriptor itself.
  @inline(__always)
  static func read(_ directory: CInt, _ name: UnsafePointer<CChar>, _ path: @autoclosure () -> [UInt8]) throws(FileError) -> FileStatus {
    var raw = cairn_status()
    let result = retrying(.stat) { Int(cairn_statx(directory, name, &raw)) }
    guard result >= 0 else { throw failure(result, "read the status of", path()) }
    guard let status = FileStatus(raw) else { throw failure(-Int(EPROTO), "read the status of", path()) }
    return status
  }
}
