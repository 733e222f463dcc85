import CairnFormat
import CairnSystem

/// One entry that a worker has to look at: a file to be read, or a link, fifo, socket or device to be described.
struct EntryJob: Sendable {
  /// The directory that holds it, open.
  let directory: OpenFile
  let path: PathNode
  let name: [UInt8]
  /// What the walker saw.
  var status: FileStatus
  /// The entry of that name in the base.
  let base: Node?
  /// The content is known to be the base's, as long as the file is what `status` says; only the metadata is read.
  let inheritsContent: Bool
  let slot: SlotReference
  /// Set when other names of the same file may wait for this one.
  var linkKey: LinkKey?

  var absolutePath: [UInt8] { path.bytes(name) }
}

/// Entries handed to a worker together.
final class EntryBatch: Sendable {
  /// More per hand-over gains nothing; fewer costs wake-ups.
  static let maximumEntries = 64
  static let maximumBytes: UInt64 = 4 << 20
  /// Each keeps a descriptor open.
  static let maximumDirectories = 16

  let jobs: [EntryJob]
  init(_ jobs: [EntryJob]) { self.jobs = jobs }
}

/// A file that has several names.
struct LinkKey: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
}
