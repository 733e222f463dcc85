import CairnFormat
import CairnSystem

/// Decides whether an entry is still what the base snapshot says of it. Pure; the rules stand in one place.
struct ChangeDetector: Sendable {
  /// What has to be done with an entry that the base has too.
  enum Verdict: Equatable {
    /// The base's node can stand as it is.
    case unchanged
    /// The content can be taken from the base; the rest is read again.
    case metadata
    /// Everything is read again.
    case content
  }

  /// Do not compare ctime (`--ignore-ctime`): for sources where it changes by itself.
  var ignoresCtime = false
  /// Do not compare inode numbers (`--ignore-inode`): for network file systems that make them up.
  var ignoresInode = false
  /// Entries touched at or after this moment may have changed in the same clock tick in which the base read them.
  private let racyFrom: Timestamp
  /// Modification times after this moment were set by hand.
  private let now: Timestamp

  /// A file system stamps files by a clock that ticks every 1 to 10 ms (CONFIG_HZ), so that a change just after the base has read a
  /// file can leave it with the same times. 20 ms is two of the slowest ticks.
  static let slackNanoseconds: Int64 = 20_000_000

  /// - Parameters:
  ///   - baseStarted: when the base's run began to read.
  ///   - now: when this run begins.
  init(baseStarted: Timestamp, now: Timestamp) {
    let nanoseconds = Int64(baseStarted.nanoseconds) - Self.slackNanoseconds
    let (earlier, overflow) = baseStarted.seconds.subtractingReportingOverflow(1)
    racyFrom =
      nanoseconds >= 0
      ? Timestamp(seconds: baseStarted.seconds, nanoseconds: UInt32(nanoseconds))
      : Timestamp(seconds: overflow ? .min : earlier, nanoseconds: UInt32(nanoseconds + 1_000_000_000))
    self.now = now
  }

  /// Compares an entry with the node of the same name in the base.
  func verdict(_ status: FileStatus, _ base: Node) -> Verdict {
    guard base.type == NodeType(status.type), !base.flags.contains(.changedWhileRead) else { return .content }
    // An image may lack what its file systems do not use: it is not the content of the file.
    guard base.image.isEmpty else { return .content }
    if status.type != .directory {
      guard base.size == Self.storedSize(status), ignoresInode || base.inode == status.inode else { return .content }
    }
    let sameTime = base.mtime == Timestamp(status.mtime)
    guard status.type == .directory || sameTime, !isRacy(status) else { return .content }
    let sameCtime = base.ctime == Timestamp(status.ctime)
    guard sameCtime || ignoresCtime || status.type == .directory else { return .content }
    guard sameCtime, sameTime, hasSameMetadata(status, base) else { return .metadata }
    return .unchanged
  }

  /// ctime is stamped by the kernel at every change; a later mtime that lies in the past of this run counts too, because some file
  /// systems in user space keep no ctime. One in the future was set by hand and says nothing.
  private func isRacy(_ status: FileStatus) -> Bool {
    let mtime = Timestamp(status.mtime)
    return (!ignoresCtime && Timestamp(status.ctime) >= racyFrom) || (mtime >= racyFrom && mtime <= now)
  }

  /// What a changed ctime would normally tell, compared anyway.
  private func hasSameMetadata(_ status: FileStatus, _ base: Node) -> Bool {
    base.mode == status.mode && base.uid == status.uid && base.gid == status.gid && base.inode == status.inode
      && base.rdevMajor == NodeReader.rdevMajor(status) && base.rdevMinor == NodeReader.rdevMinor(status)
      && base.links == NodeReader.links(status) && base.device == NodeReader.device(status)
  }

  /// The size that a node would have for this entry: only files and links have one.
  static func storedSize(_ status: FileStatus) -> UInt64 {
    status.type == .regular || status.type == .symbolicLink ? status.size : 0
  }
}
